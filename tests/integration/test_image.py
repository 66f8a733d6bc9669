"""The Dockerfile: its image is built as it stands, and a node in it serves and leaves as one on a machine does."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from connectors.replica.control import ControlReplica
from infra.kafka.broker import Broker
from schemas.cluster import Phase
from schemas.identifiers import NodeId
from tests.integration.image import Image, build, remove
from tests.servers.running import free_port
from tests.waiting import wait_until

pytestmark = pytest.mark.image

SETTLED_S = 60.0


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Image]:
    folder = tmp_path_factory.mktemp("image")
    made = build(folder)
    yield made
    remove(folder)


@pytest.mark.timeout(400)
def test_the_image_runs_as_a_user_without_rights_and_holds_what_is_needed(image: Image, tmp_path: Path) -> None:
    assert image.config["User"] == "watchbill"
    assert image.config["StopSignal"] == "SIGTERM"
    asked = image.start(["node", "--help"], tmp_path / "help.log")
    assert asked.process.wait(SETTLED_S) == 0
    assert "Run a node" in (tmp_path / "help.log").read_text()
    held = {path.name for path in (image.root / "opt" / "watchbill" / "bin").iterdir()}
    assert "watchbill" in held
    assert not (image.root / "src").exists()


@pytest.mark.timeout(300)
def test_a_node_in_the_image_serves_and_hands_over_on_sigterm(
    image: Image, broker: Broker, cluster: str, tmp_path: Path
) -> None:
    web = f"127.0.0.1:{free_port()}"
    words = ["node", "--id", "b0", "--cluster", cluster, "--session-timeout", "1.5", "--web", web]
    container = image.start(words, tmp_path / "b0.log", WATCHBILL_BOOTSTRAP=broker.bootstrap)
    try:
        with ControlReplica(broker.bootstrap, cluster) as control:
            control.wait_ready(SETTLED_S)

            def phase() -> Phase | None:
                status = control.nodes().get(NodeId("b0"))
                return None if status is None else status.phase

            wait_until(lambda: phase() is Phase.SERVING, SETTLED_S, f"b0 serves; see {container.log_path}")
            wait_until(lambda: asked_for_health(image, web) == (0, ""), SETTLED_S, "the probe says that b0 is well")
            first = container.first()
            family = [first, *first.children(recursive=True)]
            assert {uid for one in family for uid in one.uids()} == {10001}
            assert len(family) >= 3, [one.cmdline() for one in family]  # tini, the node, its engine
            assert container.terminate(SETTLED_S) == 0, container.log_path.read_text()[-2000:]
            wait_until(lambda: phase() is Phase.LEFT, SETTLED_S, "b0 has left")
        assert not [one for one in family if psutil.pid_exists(one.pid)]
    finally:
        container.end()


@pytest.mark.timeout(120)
def test_health_in_the_image_says_why_not(image: Image) -> None:
    assert asked_for_health(image, "127.0.0.1:1") == (1, "no answer from 127.0.0.1:1: [Errno 111] Connection refused\n")


def asked_for_health(image: Image, web: str) -> tuple[int, str]:
    """What the probe of the manifests says within the image: its exit code and line."""
    told = subprocess.run(
        ["chroot", str(image.root), "/opt/watchbill/bin/python", "-m", "infra.deploy.health", web],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return told.returncode, told.stdout
