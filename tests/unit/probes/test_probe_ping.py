"""PING on the loopback, and what it says where ICMP is not permitted."""

from __future__ import annotations

import os
import socket
from itertools import pairwise

import pytest

from connectors.probes.outcome import UP, Outcome
from connectors.probes.ping import PAYLOAD, PingConversation
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding, engine


def permitted() -> bool:
    for kind in (socket.SOCK_DGRAM, socket.SOCK_RAW):
        try:
            socket.socket(socket.AF_INET, kind, socket.IPPROTO_ICMP).close()
        except PermissionError:
            continue
        return True
    return False


# On a person's machine without the right it is skipped; in CI it runs, and fails where the right is missing.
needs_icmp = pytest.mark.skipif(not (permitted() or os.environ.get("CI")), reason="this user may not send ICMP")


@needs_icmp
@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
def test_up(ip: str) -> None:
    with engine() as harness:
        report = harness.first(binding(kind="PING", ip=ip, port=0))
    assert (report.verdict, report.reason) == (Verdict.UP, Reason.OK)
    assert 0 < report.response_avg_us < 1_000_000


@needs_icmp
def test_many_share_one_socket_and_none_is_mistaken() -> None:
    with engine() as harness:
        harness.probe(*[binding(number, "PING", 0, ip=f"127.0.0.{number}", interval_ms=50) for number in range(1, 101)])
        harness.until(lambda: len({report.number for report in harness.reports}) == 100, "all answer")
        assert {report.verdict for report in harness.reports} == {Verdict.UP}


@needs_icmp
def test_a_target_cannot_guess_what_its_neighbours_answer_must_hold() -> None:
    with engine() as harness:
        harness.probe(*[binding(number, "PING", 0, ip=f"127.0.0.{number}") for number in range(1, 11)])
        harness.until(lambda: len(harness.reports) == 10, "all answer")
        tokens = sorted(entry.sequence for entry in harness.loop.table.entries.values())
    assert min(after - before for before, after in pairwise(tokens)) > 1 << 20


def refuse(monkeypatch: pytest.MonkeyPatch, error: OSError) -> None:
    real = socket.socket

    def opened(family: int = -1, type: int = -1, proto: int = -1, fileno: int | None = None) -> socket.socket:
        if proto in (socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6):
            raise error
        return real(family, type, proto, fileno)

    monkeypatch.setattr(socket, "socket", opened)


def test_no_permission_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    with engine() as harness:
        refuse(monkeypatch, PermissionError(1, "Operation not permitted"))
        report = harness.first(binding(kind="PING", port=0))
    assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, Reason.NO_PERMISSION)
    assert "ping_group_range" in report.detail
    assert "CAP_NET_RAW" in report.detail


def test_another_payload_is_no_answer_to_ours() -> None:
    conversation = PingConversation(binding(kind="PING"))
    assert conversation.connected() == PAYLOAD
    assert conversation.received(PAYLOAD) is UP
    outcome = conversation.received(PAYLOAD[:-1])
    assert isinstance(outcome, Outcome)
    assert outcome.reason is Reason.BAD_RESPONSE
    assert conversation.overdue().reason is Reason.TIMEOUT_FIRST_BYTE
