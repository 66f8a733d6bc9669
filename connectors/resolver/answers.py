"""A question to DNS, and the two things that can come of it.

Rule: no answer is a value, not an exception: it has a reason for programs and a sentence for people. Both go into
states, so neither holds anything that differs from one try to the next, such as a time or a server's port.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address

from schemas.probes import Reason


@dataclass(frozen=True, slots=True)
class Question:
    """`query_type` is A or AAAA; `retry_ms` is the pause after no answer."""

    name: str
    query_type: str = "A"
    retry_ms: int = 5_000


@dataclass(frozen=True, slots=True)
class Answer:
    """At least one address, in canonical spelling, and for how long DNS says that they hold."""

    addresses: tuple[str, ...]
    ttl_s: int


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Why there is no address: TIMEOUT_RESOLVE if nobody answered, UNRESOLVED if somebody said so."""

    reason: Reason
    detail: str


Outcome = Answer | NoAnswer


def is_server(text: str) -> bool:
    """Whether a text names a DNS server: ADDRESS, ADDRESS:PORT or [ADDRESS]:PORT."""
    address, colon, port = text.rpartition(":") if _has_port(text) else (text, "", "")
    if colon and not (port.isascii() and port.isdigit() and 0 < int(port) <= 65_535):
        return False
    try:
        ip_address(address.removeprefix("[").removesuffix("]"))
    except ValueError:
        return False
    return True


def _has_port(text: str) -> bool:
    return text.count(":") == 1 or "]:" in text
