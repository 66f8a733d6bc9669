"""ICMP byte by byte: what answers a request of ours, and what is nothing."""

from __future__ import annotations

import pytest

from connectors.engine import icmp
from connectors.engine.icmp import V4, V6, Answer, Dialect

IPV4_HEADER = bytes([0x46]) + bytes(23)  # six words: with options
IPV6_HEADER = bytes(40)


def test_checksum_of_rfc_1071() -> None:
    assert icmp.checksum(bytes.fromhex("0001f203f4f5f6f7")) == 0xFFFF - 0xDDF2
    assert icmp.checksum(b"\x01") == 0xFFFF - 0x0100
    assert icmp.checksum(bytes(8)) == 0xFFFF


@pytest.mark.parametrize("dialect", [V4, V6])
def test_a_reply_carries_token_and_payload_back(dialect: Dialect) -> None:
    reply = bytes([dialect.reply]) + icmp.request(dialect, 7, 9, 2**40, b"abc")[1:]
    assert icmp.parse(dialect, reply) == Answer(7, 9, 2**40, b"abc", "")


@pytest.mark.parametrize(
    ("dialect", "header", "code", "why"), [(V4, IPV4_HEADER, 1, "host"), (V6, IPV6_HEADER, 3, "address")]
)
def test_unreachable_quotes_the_request(dialect: Dialect, header: bytes, code: int, why: str) -> None:
    quoted = header + icmp.request(dialect, 7, 9, 1, b"abc")[:8]
    message = icmp.ECHO.pack(dialect.unreachable, code, 0, 0, 0) + quoted
    assert icmp.parse(dialect, message) == Answer(7, 9, None, b"", why)
    assert icmp.parse(dialect, message[:-1]) is None
    longer = message[:-8] + icmp.request(dialect, 7, 9, 2**40, b"abc")
    assert icmp.parse(dialect, longer) == Answer(7, 9, 2**40, b"", why)


def test_what_speaks_of_others_is_nothing() -> None:
    other = icmp.ECHO.pack(V4.unreachable, 3, 0, 0, 0) + IPV4_HEADER + bytes(8)
    assert icmp.parse(V4, other) is None
    assert icmp.parse(V4, icmp.request(V4, 7, 9, 1, b"")) is None
    assert icmp.parse(V4, b"") is None
    assert icmp.without_ip_header(IPV4_HEADER + b"rest") == b"rest"
    assert icmp.without_ip_header(b"") == b""
