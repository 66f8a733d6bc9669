"""The answer of `audit`: percentiles that are values, and a table whose last line is the verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas.identifiers import NodeId
from streams.audit.findings import Bounds, Breach, Fault
from streams.audit.past_config import PastConfig
from streams.audit.promise import audit
from streams.cli.audit_report import in_span, report, spread_of
from streams.cli.audit_tables import print_report
from tests.unit.audit.builders import VIEWS, WEB, state, timed


def test_a_percentile_is_one_of_the_values() -> None:
    assert spread_of([]) is None
    assert spread_of([1_500]) == {"services": 1, "p50_s": 1.5, "p99_s": 1.5, "max_s": 1.5}
    found = spread_of(list(range(1_000, 101_000, 1_000)))
    assert found == {"services": 100, "p50_s": 50.0, "p99_s": 99.0, "max_s": 100.0}


def judged(*states: Any) -> dict[str, Any]:
    """The report on WEB's records, a second apart."""
    records = timed(*((number * 1_000, one) for number, one in enumerate(states)))
    audited = audit(VIEWS, records, None, Bounds(60_000, 500))
    found = report("c", (0, 60_000), audited, in_span(audited.breaches, 0, 60_000), [], [], {}, PastConfig({}))
    return {**found, "digests": {"compared": 0, "diverged": []}}


def test_a_promise_that_was_kept_says_what_was_looked_at(capsys: pytest.CaptureFixture[str]) -> None:
    found = judged(state(0, 1), state(1, 2))
    print_report(found)
    out = capsys.readouterr().out
    assert found["kept"]
    assert "2 count, 0 do not" in out
    assert out.splitlines()[-1].split() == ["promise", "held"]


def test_a_broken_promise_names_each_breach_and_double_owner(capsys: pytest.CaptureFixture[str]) -> None:
    stale = replace(state(0, 9), owner=NodeId("b0"), incarnation="b0-1")
    found = judged(state(1, 3), state(0, 9), stale, state(1, 4))
    assert (found["kept"], found["double_owners"]) == (False, 1)
    assert [one["fault"] for one in found["breaches"]] == ["VIEW_WENT_BACK", "STALE_TOO_LONG"]
    assert [one["owner"] for one in found["ineffective"]] == ["b0"]
    assert [(one["last_for_s"], one["repaired"]) for one in found["stale"]] == [(2.0, True)]
    print_report(found)
    out = capsys.readouterr().out
    assert "VIEW_WENT_BACK" in out
    assert out.splitlines()[-1].split() == ["promise", "broken", "2", "times"]


def test_what_happened_outside_the_time_asked_for_is_not_told() -> None:
    breaches = [Breach(Fault.FORKED, WEB, 0, 0, "", at_ms) for at_ms in (9, 10, 20, 21)]
    assert [one.at_ms for one in in_span(breaches, 10, 20)] == [10, 20]
