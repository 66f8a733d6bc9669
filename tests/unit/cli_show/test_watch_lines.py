"""Which changes `watch` tells, and how a line reads."""

from __future__ import annotations

from connectors.replica.states import Change
from schemas.states import State
from streams.cli.watch import change_data, line_of, wanted
from tests.unit.cli_show.samples import WEB, state


def change(before: State | None, after: State | None, owner: str = "b0") -> Change:
    first = None if before is None else state(before)
    return Change(WEB, first, None if after is None else state(after, owner), 3, 7)


def test_another_state_is_told_and_a_moved_response_time_is_not() -> None:
    assert wanted(change(State.UP, State.DOWN), (), owners=False)
    assert wanted(change(None, State.UP), (), owners=False)
    assert wanted(change(State.UP, None), (), owners=False)
    assert not wanted(change(State.UP, State.UP), (), owners=True)


def test_another_owner_is_told_only_if_asked_for() -> None:
    moved = change(State.UP, State.UP, "b1")
    assert not wanted(moved, (), owners=False)
    assert wanted(moved, (), owners=True)


def test_names_choose() -> None:
    assert wanted(change(State.UP, State.DOWN), {"web"}, owners=False)
    assert not wanted(change(State.UP, State.DOWN), {"api"}, owners=False)


def test_a_line_reads_from_before_to_after() -> None:
    text = "".join(part for part, _ in line_of(change(State.UP, State.DOWN, "b1")))
    assert "UP -> DOWN  b0 -> b1  view 4  REFUSED" in text


def test_a_json_line_says_where_the_record_stands() -> None:
    data = change_data(change(State.UP, State.DOWN))
    assert (data["before"], data["after"], data["partition"], data["offset"]) == ("UP", "DOWN", 3, 7)
    assert data["cause"]["offset"] == 77
    assert change_data(change(State.UP, None))["after"] is None
