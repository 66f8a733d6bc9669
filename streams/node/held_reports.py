"""Step 6 at run time: what a service that is held DOWN for flapping (M-20) reports, which is little, and in time.

Rule: a held service stays DOWN whatever its probes say, so a change is sent at once only if none was sent for a while
(half the window, half a minute at most). What changes meanwhile waits, of each verdict the newest run: sent together
they still tell the fold that the binding went there and back, so the hold goes on; and since the hold outlasts every
report by a whole window, nothing waits any more when it ends. Why here and not in the fold alone: what costs is the
records and everybody's reading of them, of `probe-results` as of `service-states`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from schemas.identifiers import EntityId
from schemas.probes import ProbeRun, Verdict
from schemas.states import ServiceState, State
from streams.folding.events import ServiceConfig

LONGEST_PAUSE_S = 30.0

Binding = tuple[EntityId, EntityId]
PauseOf = Callable[[EntityId], float | None]


def pause_s(config: ServiceConfig | None, state: ServiceState | None) -> float | None:
    """Seconds between two reports of a binding of this service; None: it is not held, and every change is news."""
    if config is None or state is None or not (config.enabled and config.flap_changes):
        return None
    if state.state is not State.DOWN or state.due_at_ms is None:
        return None
    return min(LONGEST_PAUSE_S, config.flap_window_ms / 2000)


class HeldReports:
    """The loop's thread. `pause_of` is asked for each run: it is to know at once that a service is never held."""

    def __init__(self, pause_of: PauseOf, clock: Callable[[], float]) -> None:
        self._pause_of = pause_of
        self._clock = clock
        self._sent_s: dict[Binding, float] = {}
        self._waiting: dict[Binding, dict[Verdict, ProbeRun]] = {}

    def part(self, runs: Iterable[ProbeRun]) -> list[ProbeRun]:
        """Those to be sent now; the others are kept."""
        now: list[ProbeRun] = []
        for run in runs:
            pause = self._pause_of(run.service_id)
            binding = (run.service_id, run.monitor_id)
            if pause is None:
                now.append(run)
            elif self._has_paused(binding, pause):
                now += self._taken(binding, run)
            else:
                waiting = self._waiting.setdefault(binding, {})
                waiting.pop(run.verdict, None)
                waiting[run.verdict] = run
        return now

    def due(self) -> list[ProbeRun]:
        """What has waited for long enough, or is of a service that is held no more."""
        found: list[ProbeRun] = []
        for binding in list(self._waiting):
            pause = self._pause_of(binding[0])
            if pause is None or self._has_paused(binding, pause):
                found += self._taken(binding)
        return found

    def _has_paused(self, binding: Binding, pause: float) -> bool:
        """Whether the last report of a held binding is so long ago; there may have been none."""
        sent_s = self._sent_s.get(binding)
        return sent_s is None or self._clock() - sent_s >= pause

    def _taken(self, binding: Binding, *more: ProbeRun) -> list[ProbeRun]:
        self._sent_s[binding] = self._clock()
        return [*self._waiting.pop(binding, {}).values(), *more]

    def forget(self, services: Iterable[EntityId]) -> None:
        """These are not probed here any more."""
        gone = set(services)
        for kept in (self._sent_s, self._waiting):
            for binding in [binding for binding in kept if binding[0] in gone]:
                del kept[binding]
