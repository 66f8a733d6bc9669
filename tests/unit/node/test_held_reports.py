"""A service held DOWN for flapping reports little, nothing is lost, and nothing waits when the hold ends (M-20)."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from schemas.identifiers import EntityId
from schemas.probes import ProbeRun, Verdict
from schemas.states import ServiceState, State
from streams.node.held_reports import HeldReports, pause_s
from tests.unit.folding.builders import CONFIG, HTTP, WEB, probed
from tests.unit.replica.samples import service_state

PAUSE_S = 30.0


@dataclass(slots=True)
class Desk:
    """Reports of one service, whose hold and clock are in the test's hands."""

    now_s: float = 1000.0
    pause: float | None = PAUSE_S
    reports: HeldReports = field(init=False)

    def __post_init__(self) -> None:
        self.reports = HeldReports(lambda _: self.pause, lambda: self.now_s)

    def report(self, *sequences: int) -> list[int]:
        """Odd numbers fail; the numbers of those that are sent now."""
        return numbers(self.reports.part([run(sequence) for sequence in sequences]))


def run(sequence: int, service: EntityId = WEB) -> ProbeRun:
    verdict = Verdict.DOWN if sequence % 2 else Verdict.UP
    return probed(sequence, verdict, run=sequence, count=1, service=service)


def numbers(runs: list[ProbeRun]) -> list[int]:
    return [each.sequence for each in runs]


def test_what_is_not_held_is_sent_at_once() -> None:
    desk = Desk(pause=None)
    assert desk.report(1, 2, 3) == [1, 2, 3]
    assert desk.reports.due() == []


def test_M20_of_a_held_service_the_first_change_is_sent_and_then_the_newest_of_each_verdict_after_the_pause() -> None:
    desk = Desk()
    assert desk.report(1) == [1]
    assert desk.report(2, 3, 4, 5) == []
    desk.now_s += PAUSE_S - 0.1
    assert desk.reports.due() == []
    desk.now_s += 0.1
    assert numbers(desk.reports.due()) == [4, 5], "there and back, in the order in which they were"
    assert desk.reports.due() == []
    assert desk.report(6) == [], "and the pause begins anew"
    desk.now_s += PAUSE_S
    assert desk.report(7) == [6, 7]


def test_M20_what_waits_goes_out_when_the_hold_ends() -> None:
    desk = Desk()
    desk.report(1, 2)
    desk.pause = None
    assert numbers(desk.reports.due()) == [2]


def test_what_is_not_probed_here_any_more_is_forgotten() -> None:
    desk = Desk()
    desk.report(1, 2)
    desk.reports.forget([WEB])
    desk.now_s += PAUSE_S
    assert desk.reports.due() == []


HELD = replace(service_state(WEB, state=State.DOWN), due_at_ms=9)
FLAPPY = replace(CONFIG, flap_changes=2, flap_window_ms=20_000)


@pytest.mark.parametrize(
    ("config", "state", "expected"),
    [
        (FLAPPY, HELD, 10.0),
        (replace(FLAPPY, flap_window_ms=600_000), HELD, 30.0),
        (FLAPPY, replace(HELD, due_at_ms=None), None),
        (FLAPPY, replace(HELD, state=State.UP), None),
        (replace(FLAPPY, enabled=False), HELD, None),
        (CONFIG, HELD, None),
        (FLAPPY, None, None),
        (None, HELD, None),
    ],
    ids=["held", "a long window", "not held", "UP", "disabled", "no damping", "no state", "no service"],
)
def test_a_held_service_reports_twice_a_window(config: object, state: ServiceState | None, expected: float) -> None:
    assert pause_s(config, state) == expected  # type: ignore[arg-type]


def test_bindings_wait_each_by_itself() -> None:
    desk = Desk()
    assert desk.report(1) == [1]
    other = replace(run(2), monitor_id=EntityId("9-9"))
    assert other.monitor_id != HTTP
    assert numbers(desk.reports.part([other])) == [2]
