"""DNS probes against servers that misbehave, and settings that make no sense; tests/servers has a real server."""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import pytest

from connectors.engine.runs import RunReport
from connectors.probes.dns import DnsTask
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding
from tests.unit.engine.task_harness import probe_task
from tests.waiting import wait_until

ANSWER = b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00"
"""Flags and counts of an answer with one record."""
RECORD = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\x0a\x00\x00\x01"
"""The name asked for, A, IN, 60 s, 10.0.0.1."""


def well(query: bytes) -> bytes:
    """A right answer; our query may end with an EDNS record, which is left out."""
    end = query.index(b"\0", 12) + 5
    return query[:2] + ANSWER + query[12:end] + RECORD


@contextmanager
def answering(answer: Callable[[bytes], bytes], family: socket.AddressFamily = socket.AF_INET) -> Iterator[int]:
    """A UDP server that answers each query so; empty: not at all. Yields its port."""
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.bind(("::1" if family is socket.AF_INET6 else "127.0.0.1", 0))
        ended = threading.Event()

        def serve() -> None:
            with suppress(OSError):
                while not ended.is_set():
                    query, sender = sock.recvfrom(65535)
                    for part in [answer(query)] if not ended.is_set() else []:
                        sock.sendto(part, sender)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield sock.getsockname()[1]
        ended.set()
        with socket.socket(family, socket.SOCK_DGRAM) as waker:
            waker.sendto(b"end", sock.getsockname())
        thread.join(5)


def probe(port: int, **settings: object) -> RunReport:
    return probe_task(binding(kind="DNS", port=port, **{"query": "www.example.test", "timeout_ms": 300} | settings))


def test_a_right_answer_is_up() -> None:
    with answering(well) as port:
        assert (probe(port).verdict, probe(port, ip_address=("10.0.0.1",)).verdict) == (Verdict.UP, Verdict.UP)


def test_over_ipv6() -> None:
    with answering(well, socket.AF_INET6) as port:
        assert probe(port, ip="::1").verdict is Verdict.UP


@pytest.mark.parametrize(
    "forge",
    [
        lambda query: bytes(a ^ 1 for a in query[:2]) + well(query)[2:],
        lambda query: well(query.replace(b"www", b"wwx")),
        lambda query: b"",
    ],
    ids=["another id", "another name", "nothing"],
)
def test_what_does_not_answer_our_query_is_no_answer(forge: Callable[[bytes], bytes]) -> None:
    with answering(forge) as port:
        report = probe(port)
    assert (report.verdict, report.reason) in {
        (Verdict.DOWN, Reason.TIMEOUT_FIRST_BYTE),
        (Verdict.DOWN, Reason.BAD_RESPONSE),
    }


@pytest.mark.parametrize("garbage", [b"hello", b"\xff" * 600, b"\0"], ids=["text", "ones", "one byte"])
def test_garbage_is_down_and_harms_nothing(garbage: bytes) -> None:
    with answering(lambda query: query[:2] + garbage) as port:
        report = probe(port)
    assert report.verdict is Verdict.DOWN
    assert report.detail.startswith("query ADDRESS of www.example.test: no ")


def test_a_loop_of_names_in_an_answer_ends() -> None:
    """A compressed name that points at itself (RFC 1035, section 4.1.4)."""
    with answering(lambda query: query[:2] + ANSWER + b"\xc0\x0c\x00\x01\x00\x01" + RECORD) as port:
        assert probe(port).verdict is Verdict.DOWN


@pytest.mark.parametrize(
    ("settings", "detail"),
    [
        ({"query": ""}, "query '' is no name to ask for: give one such as example.org"),
        ({"query": "a\nb"}, r"query 'a\nb' is no name to ask for: give one such as example.org"),
        ({"query_type": "HINFO"}, "query_type 'HINFO' is not one of ADDRESS, AAAA, ZONE, CNAME"),
        ({"ip_address": ("10.0.0.300",)}, "'10.0.0.300' does not appear to be an IPv4 or IPv6 address"),
        ({"ip_address": "10.0.0.1"}, "ip_address '10.0.0.1' is not a list of addresses"),
        ({"query_type": "ZONE", "ip_address": ("10.0.0.1",)}, "ip_address is given, but a ZONE record has none"),
        ({"port": 0}, "port 0 of service1 is not a DNS port: give 1 to 65535"),
    ],
)
def test_settings_that_make_no_sense_are_told(settings: dict[str, object], detail: str) -> None:
    report = probe(**{"port": 53} | settings)
    assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)
    assert report.detail.startswith(detail)


def test_a_name_that_cannot_be_asked_for_is_ours() -> None:
    with answering(well) as port:
        report = probe(port, query="a" * 70 + ".test")
    assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)


def test_nothing_is_left_open_after_many_probes_answered_or_not() -> None:
    def opened() -> int:
        return len(os.listdir("/proc/self/fd")) + len(os.listdir("/proc/self/task"))

    async def ask(port: int, answered: bool) -> None:
        task = DnsTask(binding(kind="DNS", port=port, query="www.example.test"))
        if answered:
            assert (await task.run()).verdict is Verdict.UP
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(0.002):
                await task.run()

    async def scene(port: int, silent: int) -> None:
        await ask(port, True)
        before = opened()
        for _ in range(200):
            await ask(port, True)
            await ask(silent, False)
        await asyncio.to_thread(wait_until, lambda: opened() <= before + 1, 5.0, "all is closed")

    with answering(well) as port, answering(lambda query: b"") as silent:
        asyncio.run(scene(port, silent))
