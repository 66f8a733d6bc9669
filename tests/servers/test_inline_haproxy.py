"""HTTP-INLINE and TCP-INLINE fed by a real HAProxy: real requests through it, and what its statistics make of them."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from connectors.engine.passive import PassiveFeed
from connectors.engine.runs import RunReport
from connectors.haproxy_socket import NoAnswer
from connectors.inline.haproxy import HaproxyReader, read
from schemas.config import Kind
from schemas.states import BindingVerdict
from streams.node.inline import Inline
from tests.integration.targets import Ailment, Farm, Target
from tests.servers.proxied import haproxy, request, short_folder
from tests.servers.running import Server
from tests.unit.node.test_inventory import Desk

DEADLINE_S = 10.0


@pytest.fixture(scope="module")
def farm() -> Iterator[Farm]:
    farm = Farm()
    yield farm
    farm.close()


@pytest.fixture(scope="module")
def target(farm: Farm) -> Target:
    return farm.target()


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def proxy(place: Path, target: Target) -> Iterator[Server]:
    with haproxy(place, target.port) as up:
        yield up


class Fed(Desk):
    """A node's inventory with service `s` at the target, its passive monitors fed by HAProxy."""

    def begin(self, where: str, port: int) -> None:
        self.reports: list[RunReport] = []
        self.feed = PassiveFeed(self.reports.extend)
        self.inline = Inline(self.inventory, self.feed, lambda: 0)
        self.reader = HaproxyReader(where, self.inline.addresses, self.inline.told)
        monitors = "add monitor http type=HTTP-INLINE\nadd monitor tcp type=TCP-INLINE"
        bound = "bind service s monitor http\nbind service s monitor tcp"
        change = self.do(f"{monitors}\nadd service s address=127.0.0.1 port={port}\n{bound}")
        self.feed.add(change.added)
        self.feed.set_probing(on=self.numbers("s"))
        self.inline.configured(change.services)

    @property
    def states(self) -> dict[str, BindingVerdict]:
        return {one.type: one.state for one in self.inline.judgements(self.of(Kind.SERVICE, "s"))}

    def detail(self, kind: str) -> str:
        return next(one.detail for one in self.inline.judgements(self.of(Kind.SERVICE, "s")) if one.type == kind)

    async def until(self, http: BindingVerdict, tcp: BindingVerdict, port: int) -> None:
        """Requests and readings until both monitors say this."""
        async with asyncio.timeout(DEADLINE_S):
            while self.states != {"HTTP-INLINE": http, "TCP-INLINE": tcp}:
                await asyncio.to_thread(request, port)
                await self.reader.turn()


UP, DOWN = BindingVerdict.UP, BindingVerdict.DOWN


def scene(where: str, proxy: Server, target: Target, act: Callable[[Fed], object]) -> Fed:
    """Healthy traffic until both are UP, then `act`'s awaitable."""

    async def run() -> Fed:
        fed = Fed()
        fed.begin(where, target.port)
        await fed.reader.turn()
        await fed.until(UP, UP, proxy.port)
        result = act(fed)
        if asyncio.iscoroutine(result):
            await result
        await fed.feed.stop()
        return fed

    return asyncio.run(run())


def test_M13_a_server_that_begins_to_answer_errors_goes_down_by_its_traffic(
    proxy: Server, target: Target, place: Path
) -> None:
    async def act(fed: Fed) -> None:
        target.become(Ailment.ERROR)
        await fed.until(DOWN, UP, proxy.port)
        assert fed.detail("HTTP-INLINE") == "real traffic was answered with HTTP 5xx, expected 100-499"
        target.become(Ailment.NONE)
        await fed.until(UP, UP, proxy.port)

    fed = scene(str(place / "admin.sock"), proxy, target, act)
    [http, _] = fed.numbers("s")
    verdicts = [report.verdict.value for report in fed.reports if report.number == http]
    assert [*dict.fromkeys(verdicts)] == ["UP", "DOWN"]
    assert verdicts[-1] == "UP"


def test_M13_a_server_that_nobody_can_connect_to(proxy: Server, target: Target, place: Path) -> None:
    async def act(fed: Fed) -> None:
        target.become(Ailment.CLOSED)
        await fed.until(DOWN, DOWN, proxy.port)
        for kind in ("HTTP-INLINE", "TCP-INLINE"):
            assert fed.detail(kind) == "HAProxy says that server web/one did not accept connections"
        target.become(Ailment.NONE)
        await fed.until(UP, UP, proxy.port)

    scene(f"127.0.0.1:{(place / 'stats_port').read_text()}", proxy, target, act)


def test_M13_a_server_that_accepts_and_says_nothing(proxy: Server, target: Target, place: Path) -> None:
    async def act(fed: Fed) -> None:
        target.become(Ailment.SILENT)
        await fed.until(DOWN, DOWN, proxy.port)
        assert fed.detail("HTTP-INLINE") == "HAProxy says that server web/one sent no response that makes sense"
        target.become(Ailment.NONE)
        await fed.until(UP, UP, proxy.port)

    scene(str(place / "admin.sock"), proxy, target, act)


def test_a_socket_that_hides_addresses_is_told_of(proxy: Server, place: Path) -> None:
    assert proxy.port
    with pytest.raises(NoAnswer, match="must be of level operator or admin"):
        read(str(place / "user.sock"), {"127.0.0.1:1": ()})


def test_what_is_no_haproxy(target: Target) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises((NoAnswer, OSError)):
        read(f"127.0.0.1:{silent.getsockname()[1]}", {"127.0.0.1:1": ()})
    with pytest.raises((NoAnswer, OSError)):
        read(f"127.0.0.1:{target.port}", {"127.0.0.1:1": ()})
