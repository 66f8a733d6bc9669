"""Which state held at an instant, and how exact the log is about it: a table of what is left of the past."""

from __future__ import annotations

from schemas.states import State
from schemas.topics import SERVICE_TRANSITIONS
from streams.answers.history import Exactness
from streams.answers.placed import Kept, in_time
from tests.unit.answers.records import WEB, history, kept, line, state, told

UP, DOWN = State.UP, State.DOWN


def lines(*changes: tuple[int, int, State, State]) -> list[Kept]:
    """(time, sequence, before, after) lines of history."""
    return [
        kept(SERVICE_TRANSITIONS.name, offset, at_ms, WEB, line(sequence, before, after))
        for offset, (at_ms, sequence, before, after) in enumerate(changes)
    ]


def test_U2_the_record_told_by_then_held() -> None:
    past = history(told((100, state(1)), (200, state(2, DOWN)), (300, state(3))))
    assert [past.at(at_ms).state for at_ms in (99, 100, 199, 200, 299, 300, 9_999)] == [
        None,
        UP,
        UP,
        DOWN,
        DOWN,
        UP,
        UP,
    ]
    assert past.at(250).exactness is Exactness.WHOLE
    assert past.at(50).exactness is Exactness.NONE


def test_U2_what_was_compacted_away_is_in_the_lines_of_history() -> None:
    past = history(told((900, state(9))), lines((100, 1, State.UNKNOWN, UP), (200, 4, UP, DOWN), (300, 6, DOWN, UP)))
    then = past.at(250)
    assert (then.state, then.exactness) == (DOWN, Exactness.STATE)
    assert then.told is not None
    assert (then.told.sequence, then.told.record) == (4, None)


def test_U2_a_whole_record_with_others_compacted_away_behind_it_is_exact_in_its_state_only() -> None:
    past = history(told((100, state(1)), (900, state(9))))
    assert past.at(500).exactness is Exactness.STATE


def test_U2_what_a_change_ended_is_known_without_what_was_told_before() -> None:
    past = history((), lines((500, 4, DOWN, UP)))
    assert (past.at(400).state, past.at(400).exactness) == (DOWN, Exactness.ENDED)


def test_U2_a_line_of_history_that_is_missing_is_told() -> None:
    past = history((), lines((100, 1, State.UNKNOWN, UP), (500, 4, DOWN, UP)))
    assert past.at(300).exactness is Exactness.GAP


def test_S10_a_late_record_of_an_older_view_never_held() -> None:
    past = history(told((100, state(3, UP, view=5)), (200, state(7, DOWN, view=4))))
    assert past.at(250).state is UP


def test_S15_a_removed_service_has_no_state_from_its_tombstone_on() -> None:
    past = history(told((100, state(1)), (200, None), (300, state(2))))
    assert past.at(150).state is UP
    assert (past.at(250).state, past.at(250).removed, past.last) == (None, True, None)


def test_a_time_that_went_back_is_read_as_the_one_before_it() -> None:
    records = list(in_time(told((100, state(1)), (90, state(2, DOWN)))))
    assert [one.where.at_ms for one in records] == [100, 100]


def test_the_state_record_is_kept_of_a_record_and_its_line() -> None:
    past = history(told((100, state(1))), lines((120, 1, State.UNKNOWN, UP)))
    (one,) = past.told
    assert one.record is not None
    assert (one.where.at_ms, one.before) == (100, State.UNKNOWN)
