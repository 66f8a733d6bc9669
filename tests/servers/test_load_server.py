"""LOAD against the snmpd of Debian, run as nobody on a free port: real values, a wrong community, no such object."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.probes import Reason, Verdict
from tests.servers.running import Server, free_port
from tests.servers.snmp_agent import COMMUNITY, FIFTY, HUNDRED, load, snmp_agent

UPTIME, SYSTEM_NAME, NOTHING = "1.3.6.1.2.1.1.3.0", "1.3.6.1.2.1.1.5.0", "1.3.6.1.2.1.1.99.0"


@pytest.fixture(autouse=True, scope="module")
def community() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WATCHBILL_SECRET_SNMP", COMMUNITY)
        patch.setenv("WATCHBILL_SECRET_WRONG", "guess-again")
        yield


@pytest.fixture(scope="module")
def agent(folder: Path, community: None) -> Iterator[Server]:
    with snmp_agent(folder) as up:
        yield up


def test_CL1_the_load_of_a_real_agent(agent: Server) -> None:
    report = load(agent.port, f"{HUNDRED} 400 3", f"{FIFTY} 200 1")
    assert (report.verdict, report.reason, report.detail) == (Verdict.UP, Reason.OK, "")
    assert report.load is not None
    assert (report.load.load, report.load.threshold_reached) == (25, False)
    assert report.response_avg_us > 0


def test_CL1_a_threshold_that_is_reached(agent: Server) -> None:
    report = load(agent.port, f"{HUNDRED} 1000 1", f"{FIFTY} 50 1")
    assert report.load is not None
    assert (report.load.load, report.load.threshold_reached) == (55, True)


def test_the_agents_own_time_ticks(agent: Server) -> None:
    report = load(agent.port, f"{UPTIME} 1000000000 1")
    assert report.verdict is Verdict.UP
    assert report.load is not None
    assert not report.load.threshold_reached


def test_what_the_agent_does_not_have(agent: Server) -> None:
    report = load(agent.port, f"{HUNDRED} 100 1", f"{NOTHING} 100 1")
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.MISMATCH)
    assert report.detail in (f"{NOTHING} is no such instance", f"{NOTHING} is no such object")
    report = load(agent.port, f"{SYSTEM_NAME} 100 1")
    assert report.detail == f'{SYSTEM_NAME} is no number: "web-3"'
    assert report.load is None


def test_a_wrong_community_is_silence(agent: Server) -> None:
    report = load(agent.port, f"{HUNDRED} 100 1", ref="env:WATCHBILL_SECRET_WRONG")
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.TIMEOUT_FIRST_BYTE)
    assert report.detail == "no answer within 500 ms: SNMP agents say nothing to a wrong snmp_community_ref"


def test_nobody_there() -> None:
    report = load(free_port(), f"{HUNDRED} 100 1")
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.REFUSED)
