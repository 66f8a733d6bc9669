"""M-20: the hold against a dumb second implementation, which keeps every change and looks at all of them each time."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode, encode
from schemas.probes import Verdict
from schemas.states import ServiceState, State
from streams.folding.service import ServiceFold
from tests.unit.folding.builders import B0, CONFIG, HTTP_BOUND, new_fold, probed, sender

STEPS = st.lists(st.tuples(st.integers(0, 12_000), st.sampled_from("SFPC")), max_size=40)
"""Pauses before: a success, a failure, housekeeping that only says what time it is, and a crash of the fold's node."""


class Dumb:
    """What is shown of a service whose every probe decides."""

    def __init__(self, changes: int, window_ms: int) -> None:
        self.changes, self.window_ms = changes, window_ms
        self.asked: State | None = None
        self.all: list[int] = []
        self.until_ms: int | None = None

    def pass_time(self, now_ms: int) -> None:
        if self.until_ms is not None and now_ms >= self.until_ms:
            self.until_ms, self.all = None, []

    def probe(self, state: State, now_ms: int) -> None:
        if self.asked is not None and self.asked is not state:
            self.all.append(now_ms)
            near = [at_ms for at_ms in self.all if now_ms - at_ms < self.window_ms]
            if self.until_ms is not None or len(near) > self.changes:
                self.until_ms = now_ms + self.window_ms
        self.asked = state

    def shown(self) -> State | None:
        return State.DOWN if self.until_ms is not None else self.asked


@given(st.integers(1, 4), st.sampled_from([5_000, 30_000]), STEPS)
def test_M20_shown_is_what_the_dumb_one_shows(changes: int, window_ms: int, steps: list[tuple[int, str]]) -> None:
    config = replace(CONFIG, bindings=(replace(HTTP_BOUND, retries=1),), flap_changes=changes, flap_window_ms=window_ms)
    fold, dumb, now_ms = new_fold(config), Dumb(changes, window_ms), 1_000
    for number, (pause_ms, step) in enumerate(steps, 1):
        now_ms += pause_ms
        fold.due(now_ms)
        dumb.pass_time(now_ms)
        if step in "SF":
            fold.reported(sender(), B0, [probed(number, Verdict.UP if step == "S" else Verdict.DOWN, number)], now_ms)
            dumb.probe(State.UP if step == "S" else State.DOWN, now_ms)
        elif step == "C" and fold.record is not None:
            fold = new_fold(config, ServiceFold(config.entity_id, decode(ServiceState, encode(fold.record))).record)
        assert (fold.record.state if fold.record else None) is dumb.shown()
        assert (fold.record.due_at_ms if fold.record else None) == dumb.until_ms
