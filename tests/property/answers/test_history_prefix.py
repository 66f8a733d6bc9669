"""The state at an instant is what a reader held that had read just so far: for any log, late zombies among it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from schemas.states import State
from streams.answers.placed import Kept
from tests.unit.answers.records import history, state, told

ORDERS = st.tuples(st.integers(0, 3), st.integers(1, 12))


@st.composite
def logs(draw: st.DrawFn) -> list[Kept]:
    """Records of one service in any order of (view, sequence), at rising times, perhaps with a tombstone at the end."""
    at_ms, records = 0, []
    for view, sequence in draw(st.lists(ORDERS, max_size=12)):
        at_ms += draw(st.integers(0, 3))
        word = draw(st.sampled_from([State.UP, State.DOWN]))
        records.append((at_ms, state(sequence, word, view)))
    if draw(st.booleans()):
        records.append((at_ms + draw(st.integers(0, 3)), None))
    return told(*records)


@given(logs(), st.integers(-1, 40))
def test_U2_a_prefix_read_to_its_end_holds_what_held_then(log: list[Kept], at_ms: int) -> None:
    prefix = [kept for kept in log if kept.where.at_ms <= at_ms]
    then, read = history(log).at(at_ms), history(prefix).last
    assert then.state is (read.state if read else None)
    if read is not None:
        assert then.told is not None
        assert (then.told.order, then.told.where) == (read.order, read.where)
