"""U-8: a node that a record asks for a second opinion probes the service at once, and tells its first word."""

from __future__ import annotations

from schemas.identifiers import EntityId, NodeId
from schemas.states import Doubt
from streams.ownership.handover import Duty
from tests.unit.node.monitoring_desk import ME, Desk
from tests.unit.node.test_receiving import TCP, service_of

B1 = NodeId("b1")
ASKED, REACHED = Doubt(ME, 1_000, 5_000), Doubt(ME, 1_000, None)


def beside_a_suspect() -> tuple[Desk, EntityId]:
    """b0 beside b1, which doubts itself, and a service of b1."""
    command, web = service_of("b1")
    desk = Desk()
    desk.suspects = frozenset({B1})
    desk.do(TCP)
    desk.do(command)
    assert desk.numbers(web)
    desk.view(3, "b0", "b1")
    desk.monitoring.keep_house(0.0)
    desk.state(web, "b1", 3, 1)
    return desk, web


def test_U8_who_is_asked_probes_until_it_is_asked_no_more() -> None:
    desk, web = beside_a_suspect()
    assert desk.probed().isdisjoint(desk.numbers(web))
    desk.state(web, "b1", 3, 2, doubt=ASKED)
    assert desk.probed().issuperset(desk.numbers(web))
    desk.state(web, "b1", 3, 3, doubt=REACHED)
    assert desk.probed().issuperset(desk.numbers(web))
    desk.state(web, "b1", 3, 4)
    assert desk.probed().isdisjoint(desk.numbers(web))


def test_U8_another_node_that_is_asked_is_none_of_ours() -> None:
    desk, web = beside_a_suspect()
    desk.state(web, "b1", 3, 2, doubt=Doubt(NodeId("b2"), 1_000, 5_000))
    assert desk.probed().isdisjoint(desk.numbers(web))


def test_U8_a_service_that_is_asked_of_is_probed_anew_under_changed_parameters() -> None:
    desk, web = beside_a_suspect()
    desk.state(web, "b1", 3, 2, doubt=ASKED)
    before = set(desk.numbers(web))
    desk.do("set monitor tcp retries=5")
    after = set(desk.numbers(web))
    assert after.isdisjoint(before)
    assert desk.probed().issuperset(after)


def test_U8_who_was_asked_and_becomes_the_owner_begins_anew() -> None:
    desk, web = beside_a_suspect()
    desk.state(web, "b1", 3, 2, doubt=REACHED)
    (number,) = desk.numbers(web)
    begun = desk.engines.begun.count(number)
    desk.view(4, "b0")
    assert number in desk.probed()
    assert desk.engines.begun.count(number) == begun + 1, "else its long run of successes is told in a minute"
    assert web not in desk.monitoring.opinions


def test_U8_an_old_owner_that_is_relieved_by_a_record_that_asks_it_probes_on() -> None:
    command, web = service_of("b1")
    desk = Desk()
    desk.suspects = frozenset({B1})
    desk.do(TCP)
    desk.do(command)
    assert desk.numbers(web)
    desk.view(3, "b0")
    desk.view(4, "b0", "b1")
    desk.monitoring.keep_house(0.0)
    assert desk.monitoring.watches.duty(web) is Duty.HOLD
    desk.state(web, "b1", 4, doubt=ASKED)
    assert desk.monitoring.watches.duty(web) is Duty.REST
    assert desk.probed().issuperset(desk.numbers(web))
