"""From an engine's report to a run of the log: numbers become ids, and a reversed monitor turns."""

from __future__ import annotations

import pytest

from connectors.engine.binding import Binding
from connectors.engine.runs import RunReport
from schemas.identifiers import EntityId
from schemas.probes import Reason, Verdict
from streams.node.inventory import Numbered
from streams.node.reports import probe_runs

BINDING = Binding(4, EntityId("5-0"), "web", EntityId("6-0"), "http", "HTTP", "10.0.0.1", 80, 5_000, 2_000)


def report(verdict: Verdict = Verdict.UP, reason: Reason = Reason.OK, detail: str = "", number: int = 4) -> RunReport:
    return RunReport(number, 11, 3, verdict, reason, detail, 100, 200, 7, 1, 2, 3)


def test_a_run_names_service_and_monitor_and_keeps_every_number() -> None:
    (run,) = probe_runs([report(Verdict.DOWN, Reason.REFUSED, "refused")], {4: Numbered(BINDING, False)})
    assert (run.service_id, run.monitor_id, run.sequence, run.run, run.count) == ("5-0", "6-0", 11, 3, 7)
    assert (run.verdict, run.reason, run.detail) == (Verdict.DOWN, Reason.REFUSED, "refused")
    assert (run.first_at_ms, run.last_at_ms) == (100, 200)
    assert (run.response_min_us, run.response_avg_us, run.response_max_us) == (1, 2, 3)


def test_a_number_that_names_nothing_any_more_is_dropped_and_its_neighbours_stay() -> None:
    runs = list(probe_runs([report(number=3), report(), report(number=5)], {4: Numbered(BINDING, False)}))
    assert len(runs) == 1


@pytest.mark.parametrize(
    ("given", "turned"),
    [
        ((Verdict.UP, Reason.OK, ""), (Verdict.DOWN, Reason.MISMATCH)),
        ((Verdict.DOWN, Reason.REFUSED, "refused"), (Verdict.UP, Reason.OK)),
        ((Verdict.DOWN, Reason.TIMEOUT_CONNECT, "no answer"), (Verdict.UP, Reason.OK)),
        ((Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR, "no socket"), (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)),
        ((Verdict.MAINTENANCE, Reason.OK, "announces maintenance"), (Verdict.MAINTENANCE, Reason.OK)),
    ],
)
def test_M18_reverse_turns_success_and_failure_and_neither_our_own_trouble_nor_an_announcement(
    given: tuple[Verdict, Reason, str], turned: tuple[Verdict, Reason]
) -> None:
    (run,) = probe_runs([report(*given)], {4: Numbered(BINDING, True)})
    assert (run.verdict, run.reason) == turned
    assert (run.verdict is Verdict.DOWN) == ("reversed" in run.detail)
