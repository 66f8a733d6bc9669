"""LOAD: the bytes of SNMPv2c, and how values, thresholds and weights become a load."""

from __future__ import annotations

from typing import Any

import pytest

from connectors.probes.ber import INTEGER, NULL, SEQUENCE, element, integer, object_id, octets
from connectors.probes.kinds import converse
from connectors.probes.load import COUNTER64, GAUGE32, MOST, RESPONSE, LoadConversation
from connectors.probes.outcome import Measured, Outcome
from schemas.parameters.metrics import parse_metric
from schemas.probes import MeasuredLoad, Reason, Verdict
from tests.unit.engine.harness import binding

CPU, USERS = "1.3.6.1.4.1.2021.10.1.5.1", "1.3.6.1.2.1.25.1.5.0"
TWO = (f"{CPU} 400 3", f"{USERS} 50 1")


@pytest.fixture(autouse=True)
def community(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_SNMP", "read-me-only")


def asked(metrics: tuple[str, ...] = TWO) -> LoadConversation:
    """A conversation that has sent its request."""
    row = binding(kind="LOAD", metrics=metrics, snmp_community_ref="env:WATCHBILL_SECRET_SNMP", timeout_ms=700)
    conversation = LoadConversation(row)
    conversation.begin()
    conversation.connected()
    return conversation


def value(tag: int, number: int) -> bytes:
    return integer(number, tag)


def answer(*rows: tuple[str, bytes], number: int = 1, error: int = 0, place: int = 0, version: int = 1) -> bytes:
    """A response with these values."""
    made = element(SEQUENCE, *(element(SEQUENCE, object_id(oid), content) for oid, content in rows))
    response = element(RESPONSE, integer(number), integer(error), integer(place), made)
    return element(SEQUENCE, integer(version), octets(b"read-me-only"), response)


def measured(data: bytes, metrics: tuple[str, ...] = TWO) -> MeasuredLoad:
    outcome = asked(metrics).received(data)
    assert isinstance(outcome, Measured), outcome
    assert (outcome.verdict, outcome.reason) == (Verdict.UP, Reason.OK)
    return outcome.load


def failed(data: bytes) -> tuple[Reason, str]:
    outcome = asked().received(data)
    assert isinstance(outcome, Outcome)
    assert outcome.verdict is Verdict.DOWN
    return outcome.reason, outcome.detail


def test_M6_the_request_is_one_get_of_snmp_v2c() -> None:
    row = element(SEQUENCE, object_id(CPU), element(NULL))
    request = element(0xA0, integer(1), integer(0), integer(0), element(SEQUENCE, row))
    whole = element(SEQUENCE, integer(1), octets(b"read-me-only"), request)
    assert asked((f"{CPU} 400 3",)).connected() == whole
    assert whole.startswith(bytes.fromhex("30 2f 020101 040c"))


@pytest.mark.parametrize(
    ("cpu", "users", "load", "reached"),
    [
        (0, 0, 0, False),
        (200, 25, 50, False),
        (399, 49, 99, False),
        (400, 0, 75, True),
        (0, 50, 25, True),
        (800, 100, 200, True),
        (-5, 25, 12, False),
    ],
)
def test_CL1_load_is_the_weighted_share_of_the_thresholds(cpu: int, users: int, load: int, reached: bool) -> None:
    told = answer((CPU, value(INTEGER, cpu)), (USERS, value(GAUGE32, users)))
    assert measured(told) == MeasuredLoad(load, reached)


def test_CL1_the_largest_value_of_all() -> None:
    told = answer((CPU, element(COUNTER64, b"\x00" + b"\xff" * 8)))
    assert measured(told, (f"{CPU} 1 1",)) == MeasuredLoad(MOST, True)


def test_what_answers_another_request_is_passed_over() -> None:
    conversation = asked((f"{CPU} 400 1",))
    assert conversation.received(answer((CPU, value(INTEGER, 1)), number=2)) is None
    conversation.begin()
    assert conversation.received(answer((CPU, value(INTEGER, 1)), number=1)) is None
    assert isinstance(conversation.received(answer((CPU, value(INTEGER, 1)), number=2)), Measured)


def test_what_the_agent_says_instead() -> None:
    good = (CPU, value(INTEGER, 1))
    assert failed(answer(good, (USERS, element(0x81)))) == (Reason.MISMATCH, f"{USERS} is no such instance")
    assert failed(answer((CPU, octets(b"0.15")), good)) == (Reason.MISMATCH, f'{CPU} is no number: "0.15"')
    assert failed(answer(error=5, place=2)) == (Reason.BAD_STATUS, f"SNMP error genErr (5) at {USERS}")
    assert failed(answer(error=1)) == (Reason.BAD_STATUS, "SNMP error tooBig (1) for the whole request")
    assert failed(answer(good, good))[1].startswith(f"no answer of SNMPv2c: the value of {CPU} in the place of {USERS}")
    assert failed(answer(good))[0] is Reason.BAD_RESPONSE
    assert failed(answer(version=0))[1].startswith("no answer of SNMPv2c: version number 0, not 1")


@pytest.mark.parametrize("data", [b"\x30", b"HTTP/1.1 400", b"\x30\x84\xff\xff\xff\xff", b"\x30\x80\x00\x00", b"\x00"])
def test_bytes_that_are_no_snmp(data: bytes) -> None:
    assert failed(data)[0] is Reason.BAD_RESPONSE


def test_every_cut_of_an_answer_is_a_value() -> None:
    whole = answer((CPU, value(INTEGER, 7)), (USERS, value(GAUGE32, 9)))
    for length in range(1, len(whole)):
        assert failed(whole[:length])[0] is Reason.BAD_RESPONSE


def test_silence_names_the_community_and_not_the_secret() -> None:
    outcome = asked().overdue()
    assert (outcome.verdict, outcome.reason) == (Verdict.DOWN, Reason.TIMEOUT_FIRST_BYTE)
    assert outcome.detail == "no answer within 700 ms: SNMP agents say nothing to a wrong snmp_community_ref"
    spoken = asked().received(b"read-me-only, you said")
    assert isinstance(spoken, Outcome)
    assert "read-me-only" not in spoken.detail


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"metrics": ()}, "metrics has 0 of them: give 1 to 32"),
        ({"metrics": ("load 5 1",)}, "metrics has 'load 5 1': a metric is an OID"),
        ({"snmp_community_ref": ""}, "no reference to a secret"),
    ],
)
def test_a_setting_that_makes_no_sense_is_a_value(settings: dict[str, Any], said: str) -> None:
    given = {"metrics": TWO, "snmp_community_ref": "env:WATCHBILL_SECRET_SNMP", **settings}
    found = converse(binding(kind="LOAD", **given))
    assert isinstance(found, Outcome)
    assert said in found.detail


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("1.3.6.1.2.1.1.3.0 400 2", "1.3.6.1.2.1.1.3.0 400 2"),
        (" .1.3.06.1   400\t ", "1.3.6.1 400 1"),
        ("2.999.1 1 100", "2.999.1 1 100"),
        ("1.40.1 1 1", None),
        ("3.1.1 1 1", None),
        ("1.3.4294967296 1 1", None),
        ("1.3.6.1 0 1", None),
        ("1.3.6.1 5 0", None),
        ("1.3.6.1 5 101", None),
        ("1.3.6.1", None),
        ("1 5 1", None),
    ],
)
def test_how_a_metric_is_written(text: str, kept: str | None) -> None:
    metric = parse_metric(text)
    assert (None if metric is None else str(metric)) == kept
