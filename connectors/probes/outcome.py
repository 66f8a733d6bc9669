"""How one probe ended: the verdict, the reason in a closed set, and a sentence for people.

Rule: an operating failure is a value. `UP` is one shared object, so success costs nothing; a failure's detail is cut to
200 bytes and its control characters are escaped, because a target wrote part of it and a terminal will show it.
Our own trouble (no sockets, no permission) is INCONCLUSIVE: it never counts against the target.
"""

from __future__ import annotations

from dataclasses import dataclass
from errno import (
    EACCES,
    ECONNREFUSED,
    ECONNRESET,
    EHOSTDOWN,
    EHOSTUNREACH,
    ENETDOWN,
    ENETUNREACH,
    EPERM,
    EPIPE,
    ETIMEDOUT,
    errorcode,
)
from os import strerror

from connectors.probes.secrets import redacted
from schemas.probes import MeasuredLoad, Reason, Verdict

DETAIL_BYTES = 200
"""The longest detail that travels, in bytes of UTF-8."""

LOOKED_THROUGH = 8 * 1024
"""Characters of a text that are searched for secrets before it is cut."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one probe found. `detail` is empty when all is well."""

    verdict: Verdict
    reason: Reason
    detail: str = ""


UP = Outcome(Verdict.UP, Reason.OK)
IDLE = MeasuredLoad(0, False)


@dataclass(frozen=True, slots=True)
class Measured(Outcome):
    """The target answered, and this is its load. A class of its own, so that other outcomes carry nothing for it."""

    load: MeasuredLoad = IDLE


def measured(load: int, threshold_reached: bool) -> Measured:
    """UP, with a load in percent of the thresholds."""
    return Measured(Verdict.UP, Reason.OK, "", MeasuredLoad(load, threshold_reached))


def down(reason: Reason, detail: str) -> Outcome:
    """The target failed, for this reason."""
    return Outcome(Verdict.DOWN, reason, printable(detail))


def maintenance(detail: str) -> Outcome:
    """The target answers, and says that it goes out of service."""
    return Outcome(Verdict.MAINTENANCE, Reason.OK, printable(detail))


def inconclusive(reason: Reason, detail: str) -> Outcome:
    """We could not ask; the target is not to blame."""
    return Outcome(Verdict.INCONCLUSIVE, reason, printable(detail))


def printable(text: str) -> str:
    """The text without secrets, control and other unprintable characters escaped, at most DETAIL_BYTES of UTF-8."""
    text = redacted(text[:LOOKED_THROUGH])[:DETAIL_BYTES]
    if not text.isprintable():
        text = "".join(c if c.isprintable() else c.encode("unicode_escape", "replace").decode() for c in text)
    return text.encode("utf-8", "replace")[:DETAIL_BYTES].decode("utf-8", "ignore")


TARGET_ERRORS = {
    ECONNREFUSED: Reason.REFUSED,
    ECONNRESET: Reason.RESET,
    EPIPE: Reason.RESET,
    ENETUNREACH: Reason.UNREACHABLE,
    EHOSTUNREACH: Reason.UNREACHABLE,
    ENETDOWN: Reason.UNREACHABLE,
    EHOSTDOWN: Reason.UNREACHABLE,
    ETIMEDOUT: Reason.TIMEOUT_CONNECT,
}
"""Errors of the operating system that speak of the target. Every other one is ours."""


def from_errno(error: int, doing: str) -> Outcome:
    """The outcome of a failed system call; `doing` says what was tried, such as `connect to 10.0.0.1:80`."""
    text = f"{doing}: {strerror(error)} ({errorcode.get(error, error)})"
    reason = TARGET_ERRORS.get(error)
    if reason is not None:
        return down(reason, text)
    if error in (EACCES, EPERM):
        return inconclusive(Reason.NO_PERMISSION, f"{text}; a local firewall rule or policy forbids it")
    return inconclusive(Reason.LOCAL_ERROR, text)
