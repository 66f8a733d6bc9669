"""The table of kinds, and the sentence that comes with an outcome."""

from __future__ import annotations

import errno

import pytest

from connectors.probes.inline import PASSIVE
from connectors.probes.kinds import KINDS, converse
from connectors.probes.outcome import DETAIL_BYTES, Outcome, down, from_errno, printable
from connectors.probes.task_kinds import task_kinds
from schemas.parameters.monitors import MONITOR_TYPES
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding, engine

REQUIRED = {"LOAD": {"metrics": ("1.3.6.1.2.1.1.3.0 100 1",), "snmp_community_ref": "env:WATCHBILL_SECRET_HERE"}}
"""Parameters without a default that makes sense."""


def test_M6_every_kind_can_be_configured_with_the_parameters_that_its_probe_knows() -> None:
    for name, kind in [*KINDS.items(), *task_kinds(None).items(), *PASSIVE.items()]:
        assert set(kind.parameters) == {row.name for row in MONITOR_TYPES[name].own}, name
    assert {*KINDS, *task_kinds(None), *PASSIVE} == set(MONITOR_TYPES)


def test_every_kind_makes_a_conversation_from_its_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_HERE", "open sesame")
    for kind in KINDS.values():
        found = converse(binding(kind=kind.name, **{**kind.parameters, **REQUIRED.get(kind.name, {})}))
        assert not isinstance(found, Outcome)


def test_an_unknown_kind_is_a_value() -> None:
    with engine() as harness:
        report = harness.first(binding(kind="GOPHER"))
    assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)
    assert report.detail.startswith("no probe kind GOPHER: this release has TCP, ")


def test_an_unknown_parameter_is_a_value() -> None:
    found = converse(binding(kind="HTTP", respnse_codes=((200, 200),)))
    assert isinstance(found, Outcome)
    assert found.detail.startswith("HTTP has no parameter respnse_codes: it has http_request, response_codes")


@pytest.mark.parametrize(
    ("error", "verdict", "reason"),
    [
        (errno.ECONNREFUSED, Verdict.DOWN, Reason.REFUSED),
        (errno.EHOSTUNREACH, Verdict.DOWN, Reason.UNREACHABLE),
        (errno.ECONNRESET, Verdict.DOWN, Reason.RESET),
        (errno.ETIMEDOUT, Verdict.DOWN, Reason.TIMEOUT_CONNECT),
        (errno.EMFILE, Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR),
        (errno.EADDRNOTAVAIL, Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR),
        (errno.ENOBUFS, Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR),
        (errno.EPERM, Verdict.INCONCLUSIVE, Reason.NO_PERMISSION),
    ],
)
def test_what_speaks_of_the_target_and_what_of_us(error: int, verdict: Verdict, reason: Reason) -> None:
    outcome = from_errno(error, "connect")
    assert (outcome.verdict, outcome.reason) == (verdict, reason)


def test_details_are_printable_and_short() -> None:
    assert printable("a\x1b[2J\r\n\x00b") == "a\\x1b[2J\\r\\n\\x00b"
    assert len(down(Reason.BAD_RESPONSE, "é" * 500).detail.encode()) <= DETAIL_BYTES
    assert printable("\udcff" * 5).isascii()
