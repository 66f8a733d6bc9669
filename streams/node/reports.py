"""From an engine's report to a run of the log: the binding's number becomes its service and monitor.

Rule: an engine knows numbers, the log knows ids; a number that is no longer in the inventory names nothing and is
dropped. A reversed monitor turns here, before anyone else sees the verdict, so that fold, log and screens agree.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from connectors.engine.runs import RunReport
from schemas.probes import ProbeRun, Reason, Verdict
from streams.node.inventory import Numbered


def probe_runs(reports: Iterable[RunReport], numbered: Mapping[int, Numbered]) -> Iterator[ProbeRun]:
    """The runs of reports whose bindings still exist, in order."""
    for report in reports:
        known = numbered.get(report.number)
        if known is None:
            continue
        verdict, reason, detail = report.verdict, report.reason, report.detail
        if known.reverse:
            verdict, reason, detail = _reversed(verdict, reason, detail)
        yield ProbeRun(
            known.binding.service_id,
            known.binding.monitor_id,
            report.sequence,
            report.run,
            verdict,
            reason,
            detail,
            report.first_at_ms,
            report.last_at_ms,
            report.count,
            report.response_min_us,
            report.response_avg_us,
            report.response_max_us,
            known.ip_address,
            report.load,
        )


def _reversed(verdict: Verdict, reason: Reason, detail: str) -> tuple[Verdict, Reason, str]:
    if verdict is Verdict.UP:
        return Verdict.DOWN, Reason.MISMATCH, "answered, and the monitor is reversed"
    if verdict is Verdict.DOWN:
        return Verdict.UP, Reason.OK, ""
    return verdict, reason, detail
