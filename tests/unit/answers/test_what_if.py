"""What would be: moves and states that follow from a member more or less, or from a command."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.config import Kind, Verb
from schemas.identifiers import EntityId, NodeId
from schemas.states import ServiceState, State
from streams.answers.config_then import ConfigThen, config_then
from streams.answers.trial import Refused, trial
from streams.answers.what_if import (
    Unthinkable,
    WhatIf,
    joined,
    left,
    of_command,
    of_membership,
    owners,
)
from streams.ownership.view import View
from tests.unit.answers.records import (
    NODES,
    WEB,
    binding,
    bound,
    command,
    commands,
    configuration,
    operation,
    state,
    views,
)

VIEW = views().views[-1]
UP, DOWN = State.UP, State.DOWN


def many(services: int = 60) -> ConfigThen:
    """A configuration of many services."""
    added = [
        operation(Verb.ADD, Kind.SERVICE, f"s{number:02d}", address="10.0.0.1", port=80) for number in range(services)
    ]
    return config_then([*commands(), command(2, 30, *added)], "c.config-commands", None)


def asked(*operations: object, record: ServiceState | None = None, view: View = VIEW, **settings: object) -> WhatIf:
    """What if these operations were sent to the cluster of one service."""
    entities = configuration(**settings).entities  # type: ignore[arg-type]
    states = {WEB: record} if record else {}
    return of_command(trial(entities, operations, 7), view, states, 5_000)  # type: ignore[arg-type]


def set_web(**settings: object) -> object:
    """`set service web`."""
    return operation(Verb.SET, Kind.SERVICE, "web", **settings)  # type: ignore[arg-type]


@pytest.mark.parametrize("node", NODES)
def test_U3_a_node_that_leaves_gives_all_its_services_away_and_few_others_move(node: NodeId) -> None:
    entities = many().entities
    now = owners(entities, VIEW)
    answer = of_membership(entities, VIEW, left(VIEW, node))
    moved = {move.entity_id: move.after for move in answer.moves}
    assert {one for one, owner in now.items() if owner == node} <= moved.keys()
    assert node not in moved.values()
    assert now | moved == owners(entities, left(VIEW, node))
    assert sum(load.partitions_then for load in answer.loads) == 64
    back = of_membership(entities, left(VIEW, node), joined(left(VIEW, node), node, ()))
    assert {(move.name, move.after, move.before) for move in back.moves} == {
        (move.name, move.before, move.after) for move in answer.moves
    }


def test_U3_a_member_that_is_there_cannot_join_and_one_that_is_not_cannot_leave() -> None:
    with pytest.raises(Unthinkable, match="in view 0 already"):
        joined(VIEW, NODES[0], ())
    with pytest.raises(Unthinkable, match="there are b0, b1, b2"):
        left(VIEW, NodeId("b9"))


def test_U3_A1_a_service_that_only_the_leaving_node_hosts_is_nobodys() -> None:
    grouped = [
        *commands(),
        command(2, 30, operation(Verb.ADD, Kind.NODE_GROUP, "edge")),
        command(3, 40, _to_group()),
    ]
    entities = config_then(grouped, "c.config-commands", None).entities
    edge = joined(VIEW, NodeId("b9"), ("edge",))
    answer = of_membership(entities, edge, left(edge, NodeId("b9")))
    assert [(move.before, move.after) for move in answer.moves] == [("b9", None)]
    assert answer.unowned == ("web",)


def _to_group() -> object:
    made = bound("web", "edge")
    return type(made)(made.verb, made.kind, made.name, {}, Kind.NODE_GROUP, "edge")


def test_U3_an_added_service_has_the_id_and_so_the_owner_that_it_will_get() -> None:
    added = operation(Verb.ADD, Kind.SERVICE, "new", address="10.0.0.2", port=80)
    (move,) = asked(added).moves
    assert (move.entity_id, move.before) == (EntityId("7-0"), None)
    after = config_then([*commands(), *([command(7, 50, added)])], "c.config-commands", None).entities
    assert move.after == owners(after, VIEW)[EntityId("7-0")]


def test_U3_a_threshold_that_is_not_reached_is_an_outage() -> None:
    (change,) = asked(set_web(threshold=2), record=state()).states
    assert (change.before, change.after) == (UP, DOWN)
    assert change.why == "configuration: threshold 0 to 2"


def test_U3_retries_are_judged_over_the_outcomes_so_far() -> None:
    two_failed = replace(binding(), outcomes=b"\x03")
    set_retries = operation(Verb.SET, Kind.MONITOR, "tcp", retries=2)
    (change,) = asked(set_retries, record=state(bindings=(two_failed,))).states
    assert (change.before, change.after) == (UP, DOWN)
    answer = asked(operation(Verb.SET, Kind.MONITOR, "tcp", retries=5), record=state(bindings=(two_failed,)))
    assert (answer.states, answer.reached) == ((), 1)


def test_U3_disable_and_removal_and_what_has_no_state_yet() -> None:
    (out,) = asked(operation(Verb.DISABLE, Kind.SERVICE, "web"), record=state()).states
    assert out.after is State.OUT_OF_SERVICE
    (gone,) = asked(operation(Verb.RM, Kind.SERVICE, "web"), record=state()).states
    assert (gone.before, gone.after, gone.why) == (UP, None, "it is removed")
    (unknown,) = asked(set_web(threshold=1)).states
    assert "its first probes decide" in unknown.why


def test_U3_T12_services_with_a_learnt_time_out_would_have_one_owner() -> None:
    learns = operation(Verb.SET, Kind.MONITOR, "tcp", deviation="50ms")
    names = [f"s{number}" for number in range(12)]
    added = [operation(Verb.ADD, Kind.SERVICE, name, address="10.0.0.1", port=80) for name in names]
    made = [*commands(), command(2, 30, learns, *added, *(bound(name, "tcp") for name in names))]
    assert len(set(owners(config_then(made, "c.config-commands", None).entities, VIEW).values())) == 1


def test_U3_nothing_given_is_changed() -> None:
    config, record = configuration(), state()
    of_command(trial(config.entities, [set_web(threshold=9)], 7), VIEW, {WEB: record}, 5_000)  # type: ignore[list-item]
    assert config.entities == configuration().entities
    assert record == state()


def test_U3_a_command_that_would_be_refused_is_refused() -> None:
    with pytest.raises(Refused, match="does not exist"):
        asked(operation(Verb.SET, Kind.SERVICE, "wep", threshold=1))
