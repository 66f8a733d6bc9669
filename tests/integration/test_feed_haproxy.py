"""HAProxy told by agent checks: a real one, asking `watchbill feed haproxy-agent` of states on a real Kafka."""

from __future__ import annotations

import csv
import io
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.kafka.broker import Broker
from schemas.config import Verb
from schemas.states import State
from tests.integration.cluster import Cluster, add_monitor, on_service, running
from tests.integration.conftest import delete_topics
from tests.integration.targets import Ailment
from tests.servers.proxied import short_folder
from tests.servers.running import free_port, needed
from tests.servers.running import running as program
from tests.waiting import wait_until

NAME = "feeding"
SERVING = "no check"
"""What HAProxy calls a server that serves, and that it does not check itself."""
CONFIGURATION = """
global
    stats socket {folder}/admin.sock mode 600 level operator
defaults
    mode http
    timeout connect 500ms
    timeout client 1s
    timeout server 500ms
listen web
    bind 127.0.0.1:{port}
    default-server agent-check agent-addr 127.0.0.1 agent-port {agent} agent-inter 200ms
    server web 127.0.0.1:{target} agent-send "web\\n"
"""


@pytest.fixture
def cluster(broker: Broker, tmp_path: Path) -> Iterator[Cluster]:
    with running(broker.bootstrap, NAME, tmp_path, ("b0",)) as made:
        made.apply(add_monitor("http", "HTTP"))
        made.add_services(["web"], "http")
        made.wait_state("web", State.UP)
        yield made
    delete_topics(broker.bootstrap, NAME)


@pytest.fixture
def socket_of_haproxy(cluster: Cluster, tmp_path: Path) -> Iterator[Path]:
    """HAProxy asks the verb about its one server; where it tells its statistics."""
    agent, port = free_port(), free_port()
    command = [sys.executable, "-m", "streams.cli.main", "feed", "haproxy-agent", "--listen", f"127.0.0.1:{agent}"]
    command += ["--bootstrap", cluster.bootstrap, "--cluster", cluster.name, "--node", "b0"]
    with ExitStack() as stack:
        log = stack.enter_context((tmp_path / "feed.log").open("wb"))
        feed = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        stack.callback(lambda: (feed.terminate(), feed.wait(10)))
        folder = stack.enter_context(short_folder())
        text = CONFIGURATION.format(folder=folder, port=port, target=cluster.targets["web"].port, agent=agent)
        (folder / "haproxy.cfg").write_text(text)
        stack.enter_context(program([needed("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")], port, folder))
        yield folder / "admin.sock"
        feed.terminate()
        assert feed.wait(10) == 0, "the feed ends in order"


def status(where: Path) -> tuple[str, str]:
    """(status, weight) of the one server."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(where))
        connection.sendall(b"show stat\n")
        text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    rows = csv.DictReader(io.StringIO(text.removeprefix("# ")))
    return next((row["status"], row["weight"]) for row in rows if row["svname"] == "web")


def wait_status(where: Path, wanted: str) -> None:
    wait_until(lambda: status(where)[0].startswith(wanted), 15, f"HAProxy has the server {wanted}")


def test_haproxy_takes_a_server_out_and_back_as_its_service_goes(cluster: Cluster, socket_of_haproxy: Path) -> None:
    wait_status(socket_of_haproxy, SERVING)
    cluster.targets["web"].become(Ailment.ERROR)
    wait_status(socket_of_haproxy, "DOWN (agent)")
    cluster.targets["web"].become(Ailment.NONE)
    wait_status(socket_of_haproxy, SERVING)
    cluster.apply(on_service(Verb.DISABLE, "web", graceful=True))
    wait_status(socket_of_haproxy, "DRAIN")
    cluster.apply(on_service(Verb.DISABLE, "web"))
    wait_status(socket_of_haproxy, "MAINT")
    cluster.apply(on_service(Verb.ENABLE, "web"))
    wait_status(socket_of_haproxy, SERVING)
    assert status(socket_of_haproxy)[1] == "1", "its weight is back"
