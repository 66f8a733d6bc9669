"""Internal services (O-11): every node probes its own, folds it for itself, and tells nobody."""

from __future__ import annotations

from connectors.engine.runs import RunReport
from schemas.identifiers import EntityId
from schemas.probes import Reason, Verdict
from schemas.states import State
from tests.unit.node.monitoring_desk import Desk

ADD = """
add monitor tcp type=TCP retries=2
add service own address=10.0.0.1 port=80 internal=yes
add service web address=10.0.0.2 port=80
bind service own monitor tcp
bind service web monitor tcp
"""
OWN, WEB = EntityId("0-1"), EntityId("0-2")


def report(number: int, sequence: int, verdict: Verdict, count: int = 1) -> RunReport:
    reason = Reason.OK if verdict is Verdict.UP else Reason.REFUSED
    run = 1 if verdict is Verdict.UP else 2
    return RunReport(number, sequence, run, verdict, reason, "", 1_000, 1_000, count, 10, 10, 10)


def desk() -> Desk:
    made = Desk()
    made.do(ADD)
    made.view(3, "b0")
    made.state(WEB, "b0", view_id=3)
    made.sent()
    return made


def test_O11_an_internal_service_is_probed_and_its_state_is_this_nodes_own() -> None:
    node = desk()
    (number,) = node.numbers(OWN)
    assert number in node.probed()
    assert node.monitoring.state_of(OWN) is None, "nothing is known before its first verdict"
    node.reported(report(number, 1, Verdict.UP))
    state = node.monitoring.state_of(OWN)
    assert state is not None
    assert (state.state, state.owner, state.name) == (State.UP, "b0", "own")
    node.reported(report(number, 2, Verdict.DOWN, count=2))
    state = node.monitoring.state_of(OWN)
    assert state is not None
    assert state.state is State.DOWN


def test_O11_nothing_of_an_internal_service_leaves_the_node() -> None:
    node = desk()
    (own,), (web,) = node.numbers(OWN), node.numbers(WEB)
    node.reported(report(own, 1, Verdict.UP), report(web, 2, Verdict.UP))
    batches = node.sent()
    assert {run.service_id for batch in batches for run in batch.runs} == {WEB}
    assert OWN not in {service for batch in batches for service in batch.claims}
    assert OWN not in node.states


def test_O11_a_view_with_others_leaves_every_node_its_internal_services() -> None:
    node = desk()
    node.view(4, "b0", "b1", "b2")
    (number,) = node.numbers(OWN)
    assert number in node.probed()


def test_O11_a_removed_internal_service_is_forgotten() -> None:
    node = desk()
    (number,) = node.numbers(OWN)
    node.reported(report(number, 1, Verdict.UP))
    node.do("rm service own")
    assert (node.monitoring.state_of(OWN), OWN in node.monitoring.internal) == (None, False)
    assert number not in node.probed() or number not in node.engines.table


def test_O11_a_disabled_internal_service_says_so_when_its_delay_is_over() -> None:
    node = desk()
    (number,) = node.numbers(OWN)
    node.reported(report(number, 1, Verdict.UP))
    node.do("disable service own")
    state = node.monitoring.state_of(OWN)
    assert state is not None
    assert state.state is State.OUT_OF_SERVICE
