"""What an engine has to tell, and how soon (C-7 to C-9, ¶546-550): the list of services with significant results.

Rule: for each service the engine keeps a running value: a result that may decide something adds the binding's weight if
it says UP and takes it away if it says otherwise; one that cannot, such as the minute's summary of a long run, adds
nothing. A service is on the list while its value is not 0, and off it again when its results cancel out. While the list
has a service, what was gathered goes out with the next tick; else it waits for company, longest what tells nobody
anything new: a summary, and a success of a service that another node has just told UP (`expected`). Once sent, all
begins at 0.

The source sends {service, value}; here a message is the service's runs themselves. From them the owner (the fold) adds
the weights, tests the threshold, and tells every engine's node at once by the service's state (C-10); and the log stays
exact: another threshold can be replayed from it (U-6), which sums would not allow. So what became insignificant is
late, never lost. Pure: the clock is an argument.
"""

from __future__ import annotations

from collections.abc import Iterable

from connectors.engine.binding import Binding
from connectors.engine.limits import CALM_MS, COMPANY_MS, REPORT_TICK_MS
from connectors.engine.runs import RunReport
from schemas.identifiers import EntityId
from schemas.probes import Verdict


def significance(binding: Binding, report: RunReport) -> int:
    """What the report adds to its service's value: ± the weight, or 0 if nothing can follow from it."""
    if report.verdict is Verdict.INCONCLUSIVE:
        return 0
    up = report.verdict is Verdict.UP
    window = binding.up_window if up and binding.up_window is not None else binding.window
    if report.count > window:
        return 0
    return binding.weight if up is not binding.reverse else -binding.weight


def company_ms(binding: Binding, report: RunReport) -> int:
    """How long a report from which nothing can follow may wait; who chooses by what it measured waits less (L-3)."""
    awaited = binding.tells_response or report.load is not None or report.verdict is Verdict.INCONCLUSIVE
    return COMPANY_MS if awaited else CALM_MS


def succeeds(binding: Binding, report: RunReport) -> bool:
    """Whether the report says of its service that it is UP."""
    return report.verdict is (Verdict.DOWN if binding.reverse else Verdict.UP)


class ReportList:
    """What one engine has gathered since it last told the node. Milliseconds are of the engine's monotonic clock."""

    def __init__(self) -> None:
        self.values: dict[EntityId, int] = {}
        """The services with significant results, and their values; never 0."""
        self._reports: list[RunReport] = []
        self._latest_ms = self._sent_ms = 0

    def add(self, binding: Binding, reports: Iterable[RunReport], now_ms: int, expected: bool = False) -> None:
        """Gather a binding's reports, oldest first. `expected`: that it succeeds is known."""
        for report in reports:
            weight = 0 if expected and succeeds(binding, report) else significance(binding, report)
            latest_ms = now_ms + (COMPANY_MS if weight else company_ms(binding, report))
            self._latest_ms = min(self._latest_ms, latest_ms) if self._reports else latest_ms
            self._reports.append(report)
            self._weigh(binding.service_id, weight)

    def due_ms(self) -> int | None:
        """When to send; None if there is nothing."""
        if not self._reports:
            return None
        return self._sent_ms + REPORT_TICK_MS if self.values else self._latest_ms

    def take(self, now_ms: int) -> list[RunReport]:
        """All that was gathered, oldest first: it is sent now, and every value begins at 0."""
        reports, self._reports, self._sent_ms = self._reports, [], now_ms
        self.values.clear()
        return reports

    def _weigh(self, service_id: EntityId, change: int) -> None:
        value = self.values.get(service_id, 0) + change
        if value:
            self.values[service_id] = value
        else:
            self.values.pop(service_id, None)
