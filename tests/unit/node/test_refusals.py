"""Topics that do not belong together are found when a node starts (F15), and one forged record does not stop it."""

from __future__ import annotations

import pytest

from schemas.identifiers import EntityId, command_of, entity_id, is_entity_id
from schemas.precedence import Order
from streams.node.refusals import Told, disagreement, told_by

States = list[tuple[EntityId, Order]]
STATES: States = [(entity_id(offset, 0), (7, 3)) for offset in range(10, 20)]


def why(states: States, last_view: int, last_command: int) -> str | None:
    return disagreement(told_by(states), last_view, last_command, "watchbill")


def test_F15_topics_that_belong_together_are_taken() -> None:
    assert why(STATES, 7, 19) is None
    assert why(STATES, 40, 400) is None, "views and commands of which no state speaks any more"
    assert why([], -1, -1) is None, "a new cluster"


def test_F15_a_views_topic_made_anew_is_refused_with_what_to_do() -> None:
    told = why(STATES, 2, 19)
    assert told is not None
    assert "states speak of view 7, but the last record of watchbill.views is 2" in told
    assert "--cluster" in told


def test_F15_a_configuration_made_anew_is_refused() -> None:
    told = why(STATES, 7, 3)
    assert told is not None
    assert "there are states of services that command 15 added, but the configuration knows commands up to 3" in told


def test_F4_a_forged_state_of_a_view_to_come_keeps_no_node_from_starting() -> None:
    forged: States = [(entity_id(10**12, 0), (10**9, 1)), (EntityId("no id at all"), (10**9, 1))]
    assert why(STATES + forged, 7, 19) is None


def test_a_cluster_of_one_service_is_judged_by_it() -> None:
    assert told_by(STATES[:1]) == Told(view=7, command=10)


@pytest.mark.parametrize("text", ["", "x", "4", "4-", "-4-1", "4-1-2", "04-1", "4-1 ", "٤-1", "9" * 30 + "-0"])
def test_F4_what_is_no_entity_id_is_told_apart(text: str) -> None:
    assert not is_entity_id(text)


def test_every_entity_id_is_one() -> None:
    assert is_entity_id(entity_id(2**60, 50_000))
    assert command_of(entity_id(17, 3)) == 17
