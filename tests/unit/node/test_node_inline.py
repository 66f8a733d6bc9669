"""Passive monitors on a node: whom a telling goes to, what counts, and what stays here."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from connectors.engine.passive import PassiveFeed
from connectors.engine.runs import RunReport
from connectors.probes.inline import HTTP_INLINE, Statuses, Traffic
from schemas.config import Kind
from schemas.identifiers import EntityId
from schemas.probes import Reason
from schemas.states import BindingVerdict
from streams.node.inline import Inline
from tests.unit.node.test_inventory import Desk

CONFIGURED = """
add monitor web type=HTTP-INLINE retries=3
add monitor raw type=TCP-INLINE retries=2
add monitor tcp type=TCP
add service s address=10.0.0.1 port=80
add service t address=2001:db8::1 port=81
add service plain address=10.0.0.1 port=80
bind service s monitor web
bind service s monitor raw
bind service s monitor tcp
bind service t monitor raw
bind service plain monitor tcp
"""
BAD = Traffic(statuses=(Statuses(500, 599, 9),))
GOOD = Traffic(statuses=(Statuses(200, 299, 9),))


class Node(Desk):
    """A desk whose services are fed, on a loop."""

    def begin(self) -> None:
        self.reports: list[RunReport] = []
        self.feed = PassiveFeed(self.reports.extend)
        self.inline = Inline(self.inventory, self.feed, lambda: 77)
        self.configure(CONFIGURED)

    def configure(self, text: str) -> None:
        change = self.do(text)
        self.feed.remove(change.removed)
        self.feed.add(change.added)
        self.inline.configured(change.services)

    def id_of(self, name: str) -> EntityId:
        return self.of(Kind.SERVICE, name)

    def judged(self, name: str) -> dict[str, tuple[BindingVerdict, int, int]]:
        found = self.inline.judgements(self.id_of(name))
        return {one.monitor_name: (one.state, one.successes, one.failures) for one in found}


def on_a_node(talk: Callable[[Node], None]) -> None:
    async def scene() -> None:
        node = Node()
        node.begin()
        talk(node)
        await node.feed.stop()

    asyncio.run(scene())


def test_M13_the_owners_feed_counts_and_the_local_judgement_is_made_by_the_same_rule() -> None:
    def talk(node: Node) -> None:
        node.feed.set_probing(on=node.numbers("s"))
        assert node.inline.told(node.id_of("s"), GOOD) == 2
        assert node.judged("s") == {"web": (BindingVerdict.UP, 9, 0), "raw": (BindingVerdict.UP, 9, 0)}
        assert node.inline.told(node.id_of("s"), BAD, HTTP_INLINE) == 1
        assert node.judged("s")["web"] == (BindingVerdict.DOWN, 9, 9)
        [web] = [one for one in node.inline.judgements(node.id_of("s")) if one.monitor_name == "web"]
        assert (web.reason, web.told_at_ms) == (Reason.BAD_STATUS, 77)
        ends = {report.number: report.verdict for report in node.reports}
        assert sorted(verdict.value for verdict in ends.values()) == ["DOWN", "UP"]

    on_a_node(talk)


def test_A3_another_nodes_feed_stays_here() -> None:
    def talk(node: Node) -> None:
        assert node.inline.told(node.id_of("s"), BAD) == 2
        assert node.judged("s")["web"] == (BindingVerdict.DOWN, 0, 9)
        assert node.reports == []

    on_a_node(talk)


def test_only_services_with_passive_monitors_are_told() -> None:
    def talk(node: Node) -> None:
        assert node.inline.service_named("s") == node.id_of("s")
        assert node.inline.service_named("plain") is None
        assert node.inline.told(node.id_of("plain"), GOOD) == 0
        assert node.inline.told(EntityId("99-9"), GOOD) == 0
        assert dict(node.inline.addresses()) == {
            "10.0.0.1:80": (node.id_of("s"),),
            "[2001:db8::1]:81": (node.id_of("t"),),
        }

    on_a_node(talk)


def test_what_is_configured_away_is_forgotten() -> None:
    def talk(node: Node) -> None:
        node.inline.told(node.id_of("s"), GOOD)
        node.configure("unbind service s monitor raw\nset service s port=8080")
        assert set(node.judged("s")) == {"web"}
        assert set(node.inline.addresses()) == {"10.0.0.1:8080", "[2001:db8::1]:81"}
        node.configure("rename service s u\ndisable monitor raw")
        assert node.inline.service_named("s") is None
        assert set(node.judged("u")) == {"web"}
        assert set(node.inline.addresses()) == {"10.0.0.1:8080"}
        node.configure("rm service u")
        assert node.inline.addresses() == {}

    on_a_node(talk)


def test_M18_a_reversed_monitor_is_judged_the_other_way_round() -> None:
    def talk(node: Node) -> None:
        node.configure("set monitor web reverse=yes")
        node.inline.told(node.id_of("s"), BAD)
        assert node.judged("s")["web"][0] is BindingVerdict.UP

    on_a_node(talk)
