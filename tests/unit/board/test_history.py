"""What counts as an event, and that everything the history keeps has a limit."""

from __future__ import annotations

from dataclasses import replace

from connectors.replica.states import Change
from schemas.states import State
from streams.cli.board_history import EVENTS, STEPS, History, event_of
from tests.unit.cli_show.samples import state


def change(before: State | None, after: State | None, owners: tuple[str, str] = ("b0", "b0")) -> Change:
    one, other = (
        None if each is None else state(each, owner=owner) for each, owner in zip((before, after), owners, strict=True)
    )
    return Change(state().entity_id, one, other, 3, 7)


def test_a_change_of_state_is_an_event_with_its_reason() -> None:
    event = event_of(change(State.UP, State.DOWN))
    assert event is not None
    assert event.text.startswith("UP -> DOWN (b0) ")


def test_a_change_of_owner_is_an_event() -> None:
    event = event_of(change(State.UP, State.UP, ("b0", "b1")))
    assert event is not None
    assert event.text == "owner b0 -> b1 under view 4, UP"


def test_a_moved_response_time_is_no_event() -> None:
    assert event_of(change(State.UP, State.UP)) is None


def test_services_come_and_go() -> None:
    came, gone = event_of(change(None, State.UP)), event_of(change(State.UP, None))
    assert came is not None
    assert came.text.startswith("new -> UP")
    assert gone is not None
    assert gone.text == "removed"


def test_what_is_kept_has_a_limit() -> None:
    history, service = History(), state().entity_id
    for number in range(2 * EVENTS):
        after = State.UP if number % 2 else State.DOWN
        history.changed([Change(service, None, replace(state(after), changed_at_ms=number), 3, number)])
    assert len(history.events()) == EVENTS
    assert len(history.steps(service)) == STEPS
    assert history.told == 2 * EVENTS
    assert history.events(0) == ()
