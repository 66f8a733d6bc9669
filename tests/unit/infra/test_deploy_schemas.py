"""The files of infra/deploy by the schemas of those who will read them, unknown fields refused.

Each schema is shown to bite: a file with one thing broken is refused.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import kubernetes_validate  # type: ignore[import-untyped]
import pytest
from jsonschema_rs import Draft4Validator, Draft202012Validator, ValidationError
from ruamel.yaml import YAML

from tests.unit.infra.deployment import Mar, Resource, broken, yaml_of

FILES = Path(__file__).parent / "files"
STRIMZI = "1.2.0"
KUBERNETES = ("1.30", "1.37")
"""The oldest that the manifests are for, and the newest whose schema is known."""

NODE = "spec/template/spec/containers/0"
POD = "spec/template/spec"
BROKEN_COMPOSE: dict[str, tuple[str, Mar]] = {
    "a part of no file": ("service", lambda _: {}),
    "a name that is no text": ("name", lambda _: 1),
    "a service's name with a blank": ("services/b 3", lambda _: {"image": "watchbill"}),
    "a field that is unknown": ("services/b0/imagee", lambda _: "watchbill"),
    "a command that is a mapping": ("services/b0/command", lambda _: {"node": "b0"}),
    "a condition that is unknown": ("services/b0/depends_on/topics/condition", lambda _: "service_done"),
    "a dependency without a condition": ("services/b0/depends_on/topics", lambda _: {}),
    "a health check without a list": ("services/b0/healthcheck/test", lambda _: {"cmd": "true"}),
    "an interval that is unknown": ("services/b0/healthcheck/every", lambda _: "5s"),
    "a variable that is a list": ("services/kafka/environment/KAFKA_NODE_ID", lambda _: [1]),
    "a capability that is no list": ("services/b0/cap_drop", lambda _: "ALL"),
    "a capability twice": ("services/b0/cap_drop", lambda _: ["ALL", "ALL"]),
    "a port that is a mapping of words": ("services/b0/ports/0", lambda _: {"from": 8080, "to": 8080}),
    "a read-only root in numbers": ("services/b0/read_only", lambda _: 1),
    "a setting of the kernel in a list": ("services/b0/sysctls", lambda _: [1]),
    "a driver of logs that is unknown": ("services/b0/logging/kind", lambda _: "json-file"),
    "a mount without a type": ("services/kafka/volumes/0", lambda _: {"source": "kafka"}),
    "a volume with an unknown field": ("volumes/kafka", lambda _: {"size": "1g"}),
    "a build with an unknown field": ("services/topics/build/folder", lambda _: "../.."),
}
BROKEN_MANIFESTS: dict[str, tuple[int, str, Mar]] = {
    "a kind of no version": (0, "apiVersion", lambda _: "v2"),
    "a service with an unknown field": (0, "spec/selectors", lambda _: {}),
    "a port in words": (0, "spec/ports/0/port", lambda _: "8080"),
    "a port without a number": (0, "spec/ports/0", lambda _: {"name": "web"}),
    "a label in numbers": (0, "metadata/labels/tier", lambda _: 1),
    "metadata with an unknown field": (0, "metadata/label", lambda _: {}),
    "a budget with an unknown field": (1, "spec/maxUnavailables", lambda _: 1),
    "a budget that selects by a list": (1, "spec/selector", lambda _: ["watchbill"]),
    "pods without a selector": (2, "spec", lambda spec: {k: v for k, v in spec.items() if k != "selector"}),
    "replicas in words": (2, "spec/replicas", lambda _: "three"),
    "a pod with an unknown field": (2, f"{POD}/terminationGracePeriod", lambda _: 30),
    "a constraint without a key": (2, f"{POD}/topologySpreadConstraints/0", lambda _: {"maxSkew": 1}),
    "a profile that is a word": (2, f"{POD}/securityContext/seccompProfile", lambda _: "RuntimeDefault"),
    "a setting of the kernel in numbers": (2, f"{POD}/securityContext/sysctls/0/value", lambda _: 0),
    "a container with an unknown field": (2, f"{NODE}/imagee", lambda _: "watchbill"),
    "arguments in one line": (2, f"{NODE}/args", lambda _: "node --id=b0"),
    "a variable in numbers": (2, f"{NODE}/env/2/value", lambda _: 1),
    "a variable from nowhere": (2, f"{NODE}/env/1/valueFrom", lambda _: {"secret": "watchbill-web"}),
    "a probe with an unknown field": (2, f"{NODE}/readinessProbe/period", lambda _: 5),
    "a command that is a word": (2, f"{NODE}/readinessProbe/exec/command", lambda _: "true"),
    "memory that is a list": (2, f"{NODE}/resources/limits/memory", lambda _: ["1Gi"]),
    "capabilities that are a word": (2, f"{NODE}/securityContext/capabilities/drop", lambda _: "ALL"),
    "a mount without a place": (2, f"{NODE}/volumeMounts/0", lambda _: {"name": "kafka-user"}),
    "a secret by the wrong word": (2, f"{POD}/volumes/0/secret", lambda _: {"name": "watchbill-node"}),
    "a mode in words": (2, f"{POD}/volumes/0/secret/defaultMode", lambda _: "0440"),
    "a folder with an unknown field": (2, f"{POD}/volumes/3/emptyDir/size", lambda _: "16Mi"),
}
RULE = "spec/authorization/acls/0"
BROKEN_TOPICS: dict[str, tuple[str, Mar]] = {
    "another version": ("apiVersion", lambda _: "kafka.strimzi.io/v1beta2"),
    "metadata with an unknown field": ("metadata/label", lambda _: {}),
    "a label in numbers": ("metadata/labels/tier", lambda _: 1),
    "no partitions": ("spec/partitions", lambda _: 0),
    "partitions in words": ("spec/partitions", lambda _: "64"),
    "copies by Kafka's own word": ("spec/replicationFactor", lambda _: 3),
    "more copies than Kafka can count": ("spec/replicas", lambda _: 32768),
    "settings in a list": ("spec/config", lambda _: ["retention.ms=-1"]),
    "a field beside the specification": ("config", lambda _: {}),
}
BROKEN_USERS: dict[str, tuple[str, Mar]] = {
    "a login of no kind": ("spec/authentication", lambda _: {}),
    "a login that is unknown": ("spec/authentication/type", lambda _: "scram-sha-256"),
    "a login with an unknown field": ("spec/authentication/user", lambda _: "watchbill-node"),
    "rights of an unknown kind": ("spec/authorization/type", lambda _: "opa"),
    "rights that are not told": ("spec/authorization", lambda _: {"type": "simple"}),
    "a right to nothing": (RULE, lambda rule: {"operations": rule["operations"]}),
    "a right to do nothing": (RULE, lambda rule: {"resource": rule["resource"]}),
    "one operation, as it once was": (RULE, lambda rule: {**rule, "operation": "Read"}),
    "an operation that is unknown": (f"{RULE}/operations/0", lambda _: "READ"),
    "a resource that is unknown": (f"{RULE}/resource/type", lambda _: "Topic"),
    "a pattern by Kafka's own word": (f"{RULE}/resource/patternType", lambda _: "prefixed"),
}


@cache
def compose() -> Draft202012Validator:
    return Draft202012Validator(json.loads((FILES / "compose-spec.json").read_text(encoding="utf-8")))


def test_the_compose_file_is_of_the_specification() -> None:
    compose().validate(yaml_of("compose.yaml")[0])


@pytest.mark.parametrize(("place", "mar"), BROKEN_COMPOSE.values(), ids=BROKEN_COMPOSE)
def test_the_compose_specification_refuses(place: str, mar: Mar) -> None:
    with pytest.raises(ValidationError):
        compose().validate(broken(yaml_of("compose.yaml")[0], place, mar))


@pytest.mark.parametrize("version", KUBERNETES)
def test_kubernetes_takes_the_manifests(version: str) -> None:
    kinds = []
    for resource in yaml_of("kubernetes/nodes.yaml"):
        assert kubernetes_validate.validate(resource, version, strict=True) == version
        kinds.append(resource["kind"])
    assert kinds == ["Service", "PodDisruptionBudget", "StatefulSet"]


@pytest.mark.parametrize("version", KUBERNETES)
@pytest.mark.parametrize(("which", "place", "mar"), BROKEN_MANIFESTS.values(), ids=BROKEN_MANIFESTS)
def test_kubernetes_refuses(which: int, place: str, mar: Mar, version: str) -> None:
    resource = broken(yaml_of("kubernetes/nodes.yaml")[which], place, mar)
    with pytest.raises((kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError)):
        kubernetes_validate.validate(resource, version, strict=True)


def closed(schema: Any) -> Any:
    """A structural schema of a resource, by which an object has no fields but those that are named in it."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {word: closed(part) for word, part in schema.items()}
    if "properties" in made and not made.get("x-kubernetes-preserve-unknown-fields"):
        made.setdefault("additionalProperties", False)
    return made


@cache
def strimzis(kind: str) -> tuple[Draft4Validator, frozenset[str]]:
    """The schema of Strimzi's resources of a kind, and the versions of the API that it stands for."""
    text = (FILES / f"strimzi-{STRIMZI}-{kind.lower()}.yaml").read_text(encoding="utf-8")
    definition = YAML(typ="safe", pure=True).load(text)["spec"]
    assert definition["names"]["kind"] == kind
    [version] = definition["versions"]
    schema = closed(version["schema"]["openAPIV3Schema"])
    return Draft4Validator(schema), frozenset({f"{definition['group']}/{version['name']}"})


def hold_to_strimzi(resource: Resource, kind: str) -> None:
    """Raises a ValidationError unless Strimzi takes it. Its metadata are Kubernetes', as those of any resource."""
    validator, versions = strimzis(kind)
    if (resource["kind"], resource["apiVersion"] in versions) != (kind, True):
        raise kubernetes_validate.SchemaNotFoundError(kind=kind, version="", api_version=resource["apiVersion"])
    validator.validate(resource)
    bare = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": resource["metadata"]}
    kubernetes_validate.validate(bare, KUBERNETES[-1], strict=True)


REFUSALS = (ValidationError, kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError)


@pytest.mark.parametrize(("name", "kind"), [("topics.yaml", "KafkaTopic"), ("users.yaml", "KafkaUser")])
def test_strimzi_takes_its_resources(name: str, kind: str) -> None:
    resources = yaml_of(f"kubernetes/{name}")
    assert resources
    for resource in resources:
        hold_to_strimzi(resource, kind)


@pytest.mark.parametrize(("place", "mar"), BROKEN_TOPICS.values(), ids=BROKEN_TOPICS)
def test_strimzi_refuses_a_topic(place: str, mar: Mar) -> None:
    with pytest.raises(REFUSALS):
        hold_to_strimzi(broken(yaml_of("kubernetes/topics.yaml")[0], place, mar), "KafkaTopic")


@pytest.mark.parametrize(("place", "mar"), BROKEN_USERS.values(), ids=BROKEN_USERS)
def test_strimzi_refuses_a_user(place: str, mar: Mar) -> None:
    with pytest.raises(REFUSALS):
        hold_to_strimzi(broken(yaml_of("kubernetes/users.yaml")[0], place, mar), "KafkaUser")
