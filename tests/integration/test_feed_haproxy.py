"""A real HAProxy, told of states on a real Kafka: by the agent checks that it asks, and through its stats socket."""

from __future__ import annotations

import csv
import io
import shlex
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from infra.kafka.broker import Broker
from infra.topics import init
from schemas.config import Verb
from schemas.states import State
from tests.documents import example, put_in_place
from tests.integration.cluster import Cluster, add_monitor, on_service, running
from tests.integration.conftest import delete_topics
from tests.integration.targets import Ailment, Target
from tests.integration.writing import Writer
from tests.servers.proxied import listens, short_folder
from tests.servers.running import free_port, needed
from tests.servers.running import running as program
from tests.unit.replica.samples import service_state
from tests.waiting import wait_until

NAME = "feeding"
SERVING = "no check"
"""What HAProxy calls a server that serves, and that it does not check itself."""
PAGE = "integrations.md"
SPARE = "    server spare 127.0.0.1:9 disabled\n"
"""A server that nobody mapped."""


@pytest.fixture(scope="module")
def cluster(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running(broker.bootstrap, NAME, tmp_path_factory.mktemp("nodes"), ("b0",)) as made:
        made.apply(add_monitor("http", "HTTP"))
        made.add_services(["web"], "http")
        made.wait_state("web", State.UP)
        yield made
    delete_topics(broker.bootstrap, NAME)


@pytest.fixture
def web(cluster: Cluster) -> Target:
    """The target behind the service, which is UP."""
    cluster.targets["web"].become(Ailment.NONE)
    cluster.apply(on_service(Verb.ENABLE, "web"))
    cluster.wait_state("web", State.UP)
    return cluster.targets["web"]


@contextmanager
def feed(bootstrap: str, name: str, folder: Path, *arguments: str) -> Iterator[None]:
    """`watchbill feed` with these arguments; it must end in order."""
    command = [sys.executable, "-m", "streams.cli.main", "feed", *arguments]
    command += ["--bootstrap", bootstrap, "--cluster", name]
    with (folder / "feed.log").open("wb") as log:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(10) == 0, (folder / "feed.log").read_text()


@contextmanager
def haproxy(folder: Path, port: int, configuration: str) -> Iterator[Path]:
    """HAProxy with this configuration; where it tells its statistics."""
    (folder / "haproxy.cfg").write_text(configuration)
    command = [needed("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")]
    with program(command, port, folder, ready=lambda: listens(folder / "admin.sock")):
        yield folder / "admin.sock"


def agent_checks(folder: Path, port: int, target: int) -> tuple[list[str], str]:
    """The arguments of `watchbill feed` and HAProxy's configuration as the page has them, but for addresses."""
    agent = str(free_port())
    command = put_in_place(example(PAGE, "Agent checks", "sh"), {"5555": agent})
    places = {"5555": agent, "bind :80": f"bind 127.0.0.1:{port}", "10.0.0.1:80": f"127.0.0.1:{target}"}
    configuration = put_in_place(example(PAGE, "Agent checks", "haproxy"), places)
    return arguments_of(command), f"global\n    stats socket {folder}/admin.sock level user\n{configuration}"


def runtime_api(folder: Path, port: int, target: int) -> tuple[list[str], str]:
    """Those of the runtime API, with a second server."""
    command = put_in_place(example(PAGE, "Runtime API", "sh"), {"/run/haproxy": str(folder)})
    places = {"/run/haproxy": str(folder), "bind :80": f"bind 127.0.0.1:{port}", "10.0.0.1:80": f"127.0.0.1:{target}"}
    return arguments_of(command), put_in_place(example(PAGE, "Runtime API", "haproxy"), places) + SPARE


def arguments_of(command: str) -> list[str]:
    """Of `watchbill feed`."""
    program_name, verb, *arguments = shlex.split(command)
    assert (program_name, verb) == ("watchbill", "feed")
    return arguments


def status(where: Path, server: str = "web") -> tuple[str, str]:
    """(status, weight) of a server."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(str(where))
        connection.sendall(b"show stat\n")
        text = b"".join(iter(lambda: connection.recv(65536), b"")).decode()
    rows = csv.DictReader(io.StringIO(text.removeprefix("# ")))
    return next((row["status"], row["weight"]) for row in rows if row["svname"] == server)


def wait_status(where: Path, wanted: str, server: str = "web") -> None:
    wait_until(lambda: status(where, server)[0].startswith(wanted), 15, f"HAProxy has the server {wanted}")


def answers(port: int) -> int:
    """The status of a request through HAProxy."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


def test_haproxy_takes_a_server_out_and_back_as_its_service_goes(cluster: Cluster, web: Target) -> None:
    port = free_port()
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        arguments, configuration = agent_checks(folder, port, web.port)
        stack.enter_context(feed(cluster.bootstrap, cluster.name, folder, *arguments))
        where = stack.enter_context(haproxy(folder, port, configuration))
        wait_status(where, SERVING)
        web.become(Ailment.ERROR)
        wait_status(where, "DOWN (agent)")
        web.become(Ailment.NONE)
        wait_status(where, SERVING)
        cluster.apply(on_service(Verb.DISABLE, "web", graceful=True))
        wait_status(where, "DRAIN")
        cluster.apply(on_service(Verb.DISABLE, "web"))
        wait_status(where, "MAINT")
        cluster.apply(on_service(Verb.ENABLE, "web"))
        wait_status(where, SERVING)
        assert status(where)[1] == "1", "its weight is back"


def test_haproxy_is_set_as_its_service_goes_and_anew_when_it_begins_anew(cluster: Cluster, web: Target) -> None:
    port = free_port()
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        arguments, configuration = runtime_api(folder, port, web.port)
        stack.enter_context(feed(cluster.bootstrap, cluster.name, folder, *arguments))
        with haproxy(folder, port, configuration) as where:
            wait_status(where, SERVING, "one")
            assert answers(port) == 200
            web.become(Ailment.ERROR)
            wait_status(where, "DOWN", "one")
            assert answers(port) == 503
        with haproxy(folder, port, configuration.replace("disabled", "")) as where:
            wait_status(where, "DOWN", "one")
            assert status(where, "spare")[0] == SERVING, "nobody mapped it"
        with haproxy(folder, port, configuration) as where:
            web.become(Ailment.NONE)
            wait_status(where, SERVING, "one")
            cluster.apply(on_service(Verb.DISABLE, "web", graceful=True))
            wait_status(where, "DRAIN", "one")
            cluster.apply(on_service(Verb.DISABLE, "web"))
            wait_status(where, "MAINT", "one")
            web.become(Ailment.CLOSED)
            cluster.apply(on_service(Verb.ENABLE, "web"))
            wait_status(where, "DOWN", "one")
            web.become(Ailment.NONE)
            wait_status(where, SERVING, "one")
            assert status(where, "spare")[0] == "MAINT", "nobody mapped it"


def test_U9_servers_are_set_from_the_last_states_while_kafka_is_away(tmp_path: Path) -> None:
    """A broker of its own, without a node: states are written as one would."""
    port = free_port()
    with short_folder() as folder, Broker.start(tmp_path / "kafka") as own:
        init(own.bootstrap, NAME)
        writer = Writer(own.bootstrap, NAME)
        writer.put(service_state("1-0", name="web"), service_state("2-0", name="bad", state=State.DOWN))
        writer.producer.close()
        arguments, configuration = runtime_api(folder, port, 9)
        with feed(own.bootstrap, NAME, folder, *arguments, "--server", "web/spare=bad"):
            with haproxy(folder, port, configuration) as admin:
                wait_status(admin, SERVING, "one")
                assert own.stop()
            with haproxy(folder, port, configuration) as admin:
                wait_status(admin, SERVING, "one")
                wait_status(admin, "DOWN", "spare")
