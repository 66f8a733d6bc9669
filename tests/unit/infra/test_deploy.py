"""The files of infra/deploy: current with the topic table, and taken by the tools that will read them.

Official schemas stand in test_deploy_schemas.py; how the files fit one another in test_deploy_agreement.py.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import compose_spec
import pytest

from infra.deploy.manifests import documents, topics, users
from schemas.topics import TOPICS, topic_name
from streams.cli.main import application
from tests.unit.infra.deployment import DEPLOY, yaml_of

EXPOSURE = 20
"""What `systemd-analyze security` may say at most: 2.0 of 10."""


@pytest.mark.parametrize(("name", "made"), [("topics.yaml", topics()), ("users.yaml", users())])
def test_strimzis_resources_are_those_of_the_topic_table(name: str, made: list[dict[str, Any]]) -> None:
    written = (DEPLOY / "kubernetes" / name).read_text(encoding="utf-8")
    assert written == documents(made), f"python -m infra.deploy.manifests writes {name} anew"


def test_topics_by_the_operator_are_what_init_would_make() -> None:
    made = {one["metadata"]["name"]: one["spec"] for one in yaml_of("kubernetes/topics.yaml")}
    assert list(made) == [topic_name("watchbill", topic) for topic in TOPICS]
    for topic in TOPICS:
        spec = made[topic_name("watchbill", topic)]
        assert spec["partitions"] == topic.partitions
        assert topic.kafka_settings().items() <= spec["config"].items()


def test_the_kustomization_names_every_manifest() -> None:
    [kustomization] = yaml_of("kubernetes/kustomization.yaml")
    assert (kustomization["kind"], kustomization["apiVersion"]) == ("Kustomization", "kustomize.config.k8s.io/v1beta1")
    assert kustomization.keys() == {"kind", "apiVersion", "resources"}
    assert sorted(kustomization["resources"]) == sorted(
        path.name for path in (DEPLOY / "kubernetes").glob("*.yaml") if path.name != "kustomization.yaml"
    )


def test_a_pod_has_no_rights_that_it_does_not_need() -> None:
    pod = yaml_of("kubernetes/nodes.yaml")[2]["spec"]["template"]["spec"]
    [node] = pod["containers"]
    assert (pod["securityContext"]["runAsNonRoot"], pod["automountServiceAccountToken"]) == (True, False)
    assert node["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    in_clear = [one["name"] for one in node["env"] if "TOKEN" in one["name"] and "value" in one]
    assert not in_clear


def test_compose_takes_its_file() -> None:
    text = (DEPLOY / "compose.yaml").read_text(encoding="utf-8")
    read = compose_spec.PyOptions(apply_merge=True).from_yaml(text).to_spec()
    assert set(read.services or ()) == {"kafka", "topics", "b0", "b1", "b2"}
    services = yaml_of("compose.yaml")[0]["services"]
    assert not [name for name, one in services.items() for port in one.get("ports", ()) if "127.0.0.1" not in port]


def commands_of_files() -> list[list[str]]:
    """What the files give to `watchbill`."""
    pod = yaml_of("kubernetes/nodes.yaml")[2]["spec"]["template"]["spec"]
    services = yaml_of("compose.yaml")[0]["services"]
    return [pod["containers"][0]["args"], *(services[name]["command"] for name in ("topics", "b0", "b1", "b2"))]


@pytest.mark.parametrize("words", commands_of_files(), ids=lambda words: " ".join(words[:3]))
def test_the_files_give_options_that_there_are(words: list[str]) -> None:
    import typer

    command = typer.main.get_command(application(words))
    context = command.make_context("watchbill", [words[0], "--help"], resilient_parsing=True)
    verb = command.get_command(context, words[0])  # type: ignore[attr-defined]
    known = {option for one in verb.params for option in (*one.opts, *one.secondary_opts)}
    assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a program that is there on this machine."""
    text = (DEPLOY / "systemd" / "watchbill-node@.service").read_text(encoding="utf-8")
    path = tmp_path / "watchbill-node@b0.service"
    path.write_text(text.replace("/opt/watchbill/bin/watchbill", str(Path(sys.executable).parent / "watchbill")))
    return path


def test_systemd_takes_the_unit(unit: Path) -> None:
    told = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", str(unit)], capture_output=True, text=True, check=False, timeout=60
    )
    ours = [line for line in (told.stdout + told.stderr).splitlines() if "watchbill" in line]
    assert (told.returncode, ours) == (0, [])


def test_the_unit_gives_away_little(unit: Path) -> None:
    told = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", f"--threshold={EXPOSURE}", "--no-pager", str(unit)],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert told.returncode == 0, told.stdout + told.stderr
