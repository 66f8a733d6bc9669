"""What is told at `/api/inline/{service}`: JSON to traffic, and the answer to whoever told.

Rule: strict, as request parameters are: an unknown field, a wrong type or a number out of range is refused with what to
write instead, because a monitor that quietly counts nothing looks like a service without traffic. Counts are since the
last telling, never totals. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from connectors.probes.inline import Statuses, Traffic
from schemas.inventory.services import MonitoredService
from schemas.probes import Reason
from streams.web.answers import Answer, failure, refused
from streams.web.parameters import VALUE_CHARACTERS, Problem
from streams.web.services import not_there
from streams.web.source import Source

MOST = 1_000_000_000
"""Outcomes, or microseconds, in one telling."""
STATUSES = 64
FIELDS = ("successes", "failures", "reason", "detail", "response_time_us", "statuses")
EXAMPLE = '{"successes": 12, "failures": 3, "reason": "RESET"} or {"statuses": {"200": 12, "503": 3}}'
OURS = (Reason.OK, Reason.UNKNOWN, Reason.NO_PERMISSION, Reason.LOCAL_ERROR)
"""Reasons that are never a target's."""
REASONS = tuple(reason for reason in Reason if reason not in OURS)


def tell(source: Source, name: str, body: bytes) -> Answer:
    """200 with how many monitors were told; 400 for what cannot be read, 404 without the service, 409 without one."""
    traffic = traffic_of(body)
    if isinstance(traffic, Problem):
        return refused(traffic)
    told = source.tell_traffic(name, traffic)
    if told:
        return Answer(200, {"service": name, "monitors": told})
    return nobody_to_tell(source.configured_services(), name)


def nobody_to_tell(services: Sequence[MonitoredService], name: str) -> Answer:
    """Nobody was told: why."""
    if not any(service.name == name for service in services):
        return not_there(name[:VALUE_CHARACTERS], services)
    text = f'service "{name}" has no passive monitor in use: bind one of type HTTP-INLINE or TCP-INLINE to it'
    return failure(409, text)


def traffic_of(body: bytes) -> Traffic | Problem:
    """The traffic that a body tells of, or what is wrong with it."""
    try:
        told = json.loads(body)
    except (ValueError, RecursionError):
        return Problem(f"the body is no JSON: write {EXAMPLE}")
    if not isinstance(told, dict):
        return Problem(f"the body is no JSON object: write {EXAMPLE}")
    unknown = [name for name in told if name not in FIELDS]
    if unknown:
        return Problem(f"no field {unknown[0][:80]!r}: there are {', '.join(FIELDS)}")
    counts = [_count(told, name) for name in ("successes", "failures", "response_time_us")]
    statuses, reason, detail = _statuses(told.get("statuses", {})), _reason(told), told.get("detail", "")
    for part in (*counts, statuses, reason):
        if isinstance(part, Problem):
            return part
    if not isinstance(detail, str):
        return Problem("detail is a text")
    successes, failures, response_us = counts
    if not (successes or failures or statuses):
        return Problem(f"nothing is told: write {EXAMPLE}")
    return Traffic(successes, failures, reason, detail, response_us, statuses)  # type: ignore[arg-type]


def whole(value: Any) -> int | None:
    """The whole number that a value of JSON is, such as 3 or 3.0, which are one number there; None if it is none."""
    if type(value) is float and value.is_integer():
        return int(value)
    return value if type(value) is int else None


def _count(told: dict[str, Any], name: str) -> int | Problem:
    value = whole(told.get(name, 0))
    if value is not None and 0 <= value <= MOST:
        return value
    return Problem(f"{name} is a whole number from 0 to {MOST}, since the last telling")


def _reason(told: dict[str, Any]) -> Reason | Problem:
    given = told.get("reason", Reason.BAD_RESPONSE.value)
    found = next((reason for reason in REASONS if reason.value == given), None)
    return found or Problem(f"reason is one of {', '.join(reason.value for reason in REASONS)}")


def _statuses(given: Any) -> tuple[Statuses, ...] | Problem:
    wrong = Problem(
        f'statuses is an object of at most {STATUSES} status codes and counts, such as {{"200": 12, "503": 3}}'
    )
    if not isinstance(given, dict) or len(given) > STATUSES:
        return wrong
    made = []
    for code, count in given.items():
        known = code.isascii() and code.isdigit() and len(code) == 3 and 100 <= int(code) <= 599
        number = whole(count)
        if not known or number is None or not 0 <= number <= MOST:
            return wrong
        if number:
            made.append(Statuses(int(code), int(code), number))
    return tuple(made)
