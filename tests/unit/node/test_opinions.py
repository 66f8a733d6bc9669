"""U-8 at run time: of which services this node is asked, and when records are looked at for it."""

from __future__ import annotations

from dataclasses import replace as changed

from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.states import Doubt, ServiceState
from streams.node.opinions import NOTHING_ASKED, REMEMBERED, Asked, Opinions
from streams.node.watches import Watches
from tests.unit.folding.builders import up_fold
from tests.unit.node.test_watches import B0, B1, SERVICES, TWO, of, view

RECORD = up_fold().record
THEIRS = sorted(of(B1, TWO))
FIRST, SECOND = THEIRS[:2]
NONE: frozenset[EntityId] = frozenset()


class Desk:
    """Node b0 beside b1, which may doubt itself."""

    def __init__(self, *suspects: NodeId) -> None:
        self.records: dict[EntityId, ServiceState] = {}
        self.suspects = frozenset(suspects)
        self.looked_at: list[EntityId] = []
        self.watches = Watches(B0, "run1", lambda service: None)
        self.watches.redistribute(TWO, SERVICES)
        self.opinions = Opinions(B0, self.watches, self.look, lambda: self.suspects)
        self.opinions.view_accepted(TWO.view_id)
        self.opinions.look_for_suspects()

    def look(self, service: EntityId) -> ServiceState | None:
        self.looked_at.append(service)
        return self.records.get(service)

    def told(self, service: EntityId, asked: NodeId | None = B0) -> Asked:
        assert RECORD is not None
        doubt = None if asked is None else Doubt(asked, 1_000, 5_000)
        self.records[service] = changed(RECORD, entity_id=service, owner=B1, doubt=doubt)
        return self.opinions.states_applied([service])


def test_U8_a_record_that_asks_this_node_starts_it_and_one_that_does_not_ends_it() -> None:
    desk = Desk(B1)
    assert desk.told(FIRST) == Asked(frozenset({FIRST}), NONE)
    assert desk.told(FIRST) == NOTHING_ASKED
    assert desk.opinions.view_of(FIRST) == TWO.view_id
    assert desk.opinions.view_of(SECOND) is None
    assert desk.told(FIRST, None) == Asked(NONE, frozenset({FIRST}))
    assert FIRST not in desk.opinions
    assert desk.told(SECOND, NodeId("b2")) == NOTHING_ASKED


def test_U8_while_nobody_doubts_itself_no_record_is_looked_at() -> None:
    desk = Desk()
    assert desk.told(FIRST) == NOTHING_ASKED
    assert desk.looked_at == []


def test_U8_a_record_that_came_before_the_heartbeat_is_found_with_it() -> None:
    desk = Desk()
    desk.told(FIRST)
    desk.opinions.states_applied(EntityId(f"{number}-9") for number in range(REMEMBERED - 1))
    desk.suspects = frozenset({B1})
    assert desk.opinions.look_for_suspects() == Asked(frozenset({FIRST}), NONE)
    assert desk.opinions.look_for_suspects() == NOTHING_ASKED


def test_U8_what_is_asked_goes_on_when_the_other_ceases_to_doubt_itself() -> None:
    desk = Desk(B1)
    desk.told(FIRST)
    desk.suspects = frozenset()
    desk.opinions.look_for_suspects()
    assert FIRST in desk.opinions
    assert desk.told(FIRST, None) == Asked(NONE, frozenset({FIRST}))


def test_U8_an_owner_speaks_as_owner() -> None:
    desk = Desk(B1)
    desk.told(FIRST)
    alone = view(9, B0)
    desk.watches.redistribute(alone, SERVICES)
    assert desk.opinions.view_accepted(alone.view_id) == Asked(NONE, frozenset({FIRST}))
    assert desk.told(FIRST) == NOTHING_ASKED


def test_U8_a_service_that_is_removed_is_asked_of_nobody() -> None:
    desk = Desk(B1)
    desk.told(FIRST)
    del desk.records[FIRST]
    assert desk.opinions.states_applied([FIRST]) == Asked(NONE, frozenset({FIRST}))
    assert desk.opinions.view_of(FIRST) is None
    assert desk.opinions.view_accepted(ViewId(11)) == NOTHING_ASKED
