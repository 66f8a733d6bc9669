"""Writes kubernetes/topics.yaml and users.yaml from the topic table: `python -m infra.deploy.manifests`.

Rule: what `watchbill init` would create and `watchbill acls` would grant, as resources of the Strimzi operators, for
those whose cluster is kept in git. A test compares the files with what this makes, and `watchbill doctor` the topics
that the operator made with the table. Why files and not a template: they are read in a review, and applied as they are.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

from infra.acls import Acl, acls
from schemas.topics import DEFAULT_CLUSTER, EVERYBODY, TOPICS, topic_name

FOLDER = Path(__file__).parent / "kubernetes"
API = "kafka.strimzi.io/v1"
KAFKA = "kafka"
"""The name of the `Kafka` resource whose operators make them."""
REPLICAS = 3
IN_SYNC = {"min.insync.replicas": "2"}
"""An owner's word is written when two brokers have it: one may be away for an upgrade."""
HEAD = "# Written by: python -m infra.deploy.manifests\n# The Kafka resource is named `kafka`; so is its label below.\n"


def topics() -> list[dict[str, Any]]:
    """A KafkaTopic a row of the topic table."""
    return [
        _resource(
            "KafkaTopic",
            topic_name(DEFAULT_CLUSTER, topic),
            {"partitions": topic.partitions, "replicas": REPLICAS, "config": {**topic.kafka_settings(), **IN_SYNC}},
        )
        for topic in TOPICS
    ]


def users() -> list[dict[str, Any]]:
    """A KafkaUser a role, with its rights; the operator makes its password, in a Secret of the same name."""
    return [
        _resource(
            "KafkaUser",
            f"watchbill-{role.value}",
            {
                "authentication": {"type": "scram-sha-512"},
                "authorization": {"type": "simple", "acls": list(_rules(acls(DEFAULT_CLUSTER, {role: ("",)})))},
            },
        )
        for role in EVERYBODY
    ]


def documents(resources: Sequence[dict[str, Any]]) -> str:
    """The resources as one YAML file."""
    from ruamel.yaml import YAML

    yaml = YAML(typ="safe", pure=True)
    yaml.default_flow_style = False
    yaml.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # the order of a person's hand
    text = io.StringIO()
    yaml.dump_all(resources, text)
    return HEAD + text.getvalue()


def write() -> None:
    """Both files anew."""
    for name, made in (("topics.yaml", topics()), ("users.yaml", users())):
        (FOLDER / name).write_text(documents(made), encoding="utf-8")


def _resource(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    metadata = {"name": name, "labels": {"strimzi.io/cluster": KAFKA}}
    return {"apiVersion": API, "kind": kind, "metadata": metadata, "spec": spec}


def _rules(wanted: Sequence[Acl]) -> Iterator[dict[str, Any]]:
    """One rule a resource, with all its operations."""

    def kind(acl: Acl) -> tuple[str, str, bool]:
        return acl.resource.value, acl.name, acl.prefix

    for (resource, name, prefix), same in groupby(sorted(wanted, key=kind), kind):
        pattern = "prefix" if prefix else "literal"
        yield {
            "resource": {"type": resource, "name": name, "patternType": pattern},
            "operations": [acl.operation for acl in same],
        }


if __name__ == "__main__":
    write()
