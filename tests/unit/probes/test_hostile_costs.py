"""F14: what the worst answers cost a conversation in CPU, however they are cut: one target must not slow an engine."""

from __future__ import annotations

import time
from itertools import chain, repeat
from typing import Any

import pytest

from connectors.probes.kinds import converse
from connectors.probes.outcome import Outcome
from schemas.probes import Reason
from tests.unit.engine.harness import binding

CPU_S = 0.25
"""Pieces of a byte each cost their reading; what is quadratic, or dear for each little frame, takes longer."""

HEAD = b"HTTP/1.1 200 OK\r\n"
PAGE = {"recv_pattern": "all is well", "not_recv": "error"}
MANY = 100_000
LOGIN = {"user_name": "probe"}


@pytest.mark.parametrize(
    ("kind", "settings", "first", "again"),
    [
        ("HTTP", {}, HEAD, b"x"),
        ("HTTP", {}, b"", b"HTTP/1.1 100 C\r\n\r\n" * 200),
        ("HTTP-ECV", PAGE, HEAD + b"\r\n", b"x"),
        ("HTTP-ECV", PAGE, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\nx\r\n" * 500),
        ("HTTP-ECV", PAGE, HEAD + b"Transfer-Encoding: chunked\r\n\r\n", b"1"),
        ("TCP-ECV", PAGE, b"", b"\n"),
        ("TCP-ECV", PAGE, b"", b"x"),
        ("SMTP", {}, b"", b"220-\n" * 800),
        ("SMTP", {}, b"", b"2"),
        ("REDIS", {}, b"", b"+"),
        ("PGSQL", LOGIN, b"", b"N\0\0\0\x04" * 800),
        ("PGSQL", LOGIN, b"N\0\xff\xff\xff", b"x"),
        ("MYSQL", {}, b"\xff\xff\xff\0", b"x"),
        ("LDAP", {}, b"\x30\x84\x7f\xff\xff\xff", b"x"),
    ],
)
def test_F14_no_answer_is_dear(kind: str, settings: dict[str, Any], first: bytes, again: bytes) -> None:
    found = converse(binding(kind=kind, **settings))
    assert not isinstance(found, Outcome), found
    _, conversation = found
    conversation.begin()
    conversation.connected()
    began_s = time.process_time()
    outcome = next(
        (
            step
            for data in chain([first], repeat(again, MANY))
            if data and isinstance(step := conversation.received(data), Outcome)
        ),
        None,
    )
    spent_s = time.process_time() - began_s
    print(f"{kind:9} {spent_s * 1000:6.1f} ms  {outcome}")
    assert outcome is not None, f"{MANY} pieces and no end"
    assert outcome.reason in (Reason.TOO_LARGE, Reason.MISMATCH, Reason.BAD_RESPONSE)
    assert spent_s < CPU_S
