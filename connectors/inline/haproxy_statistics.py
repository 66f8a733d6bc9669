"""What HAProxy's `show stat` says of its servers, and what happened between two readings of it.

Rule: HAProxy counts from its start, so only differences mean anything; a counter that fell says that HAProxy was
started again, and that reading is only a new beginning. A server is known by its proxy and its name, and belongs to a
service by its address and port. Responses are counted by class (2xx); a response that HAProxy itself made, such as 502,
is not the server's, and shows as an error of the server instead: `econ` (no connection, after all retries), `eresp` (no
response, or none that makes sense), `srv_abrt` (ended in the middle). HAProxy tells addresses only on a socket of level
operator or admin. Pure.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from connectors.haproxy_socket import NoAnswer
from connectors.probes.inline import Statuses, Traffic
from schemas.probes import Reason

COMMAND = b"show stat -1 4 -1\n"
"""Of every proxy, the servers only."""

COUNTERS = ("econ", "eresp", "wretr", "srv_abrt", "connect", "reuse")
CLASSES = ("hrsp_1xx", "hrsp_2xx", "hrsp_3xx", "hrsp_4xx", "hrsp_5xx")
FIRST_CLASS = 100
TIMES_MS = ("rtime", "ctime")
"""Averages over the last 1,024 requests: until the response's headers, and until the connection."""

Server = tuple[str, str]
"""Proxy and server, by HAProxy's names."""


@dataclass(frozen=True, slots=True)
class Reading:
    """The counters of one server."""

    address: str
    """As HAProxy writes it: 10.0.0.1:80, [2001:db8::1]:80."""
    counters: tuple[int, ...]
    classes: tuple[int, ...]
    """Empty for a server that does not speak HTTP."""
    times_ms: tuple[int, ...]


def readings(text: str) -> Iterator[tuple[Server, Reading]]:
    """Every server of the table that has an address and a port. Raises NoAnswer, or ValueError for no number."""
    heading, _, table = text.partition("\n")
    if not heading.startswith("# pxname,svname,"):
        raise NoAnswer(f"no statistics, but {heading[:80]!r}: is this the stats socket of HAProxy?")
    places = {name: place for place, name in enumerate(heading[2:].split(","))}
    missing = [name for name in ("addr", *COUNTERS, *CLASSES, *TIMES_MS) if name not in places]
    if missing:
        raise NoAnswer(f"its table has no {', '.join(missing)}: HAProxy 2.0 or later is needed")
    for cells in _rows(table):
        if len(cells) >= len(places) - 1 and cells[places["addr"]]:
            yield (
                (cells[0], cells[1]),
                Reading(
                    cells[places["addr"]],
                    _numbers(cells, places, COUNTERS),
                    _numbers(cells, places, CLASSES) if cells[places["hrsp_2xx"]] else (),
                    _numbers(cells, places, TIMES_MS),
                ),
            )


def _rows(table: str) -> Iterator[list[str]]:
    try:
        yield from csv.reader(table.splitlines())
    except csv.Error as error:
        raise NoAnswer(f"its table cannot be read: {error}") from error


def _numbers(cells: list[str], places: Mapping[str, int], names: tuple[str, ...]) -> tuple[int, ...]:
    return tuple([int(cells[places[name]] or 0) for name in names])


def tcp_traffic(server: Server, before: Reading, after: Reading) -> Traffic | None:
    """Connections between two readings: those that were made, and those that could not be or were cut off."""
    grown = _grown(before.counters, after.counters)
    if grown is None:
        return None
    no_connection, no_response, retries, cut_off, attempts, reused = grown
    refused = no_connection + retries
    made = max(attempts - refused, 0) + reused
    broken = min(cut_off + no_response, made)
    told = "did not accept connections" if refused >= broken else "cut connections off"
    reason = Reason.UNREACHABLE if refused >= broken else Reason.RESET
    return Traffic(made - broken, refused + broken, reason, _words(server, told), after.times_ms[1] * 1000)


def http_traffic(server: Server, before: Reading, after: Reading) -> Traffic | None:
    """Responses between two readings by class, and requests that had none. None for a server that speaks no HTTP."""
    grown, classes = _grown(before.counters, after.counters), _grown(before.classes, after.classes)
    if grown is None or not classes:
        return None
    no_connection, no_response = grown[:2]
    told = "did not accept connections" if no_connection >= no_response else "sent no response that makes sense"
    reason = Reason.UNREACHABLE if no_connection >= no_response else Reason.BAD_RESPONSE
    statuses = tuple(
        Statuses(FIRST_CLASS * place, FIRST_CLASS * place + 99, count)
        for place, count in enumerate(classes, 1)
        if count
    )
    failures = no_connection + no_response
    return Traffic(0, failures, reason, _words(server, told), after.times_ms[0] * 1000, statuses)


def _grown(before: tuple[int, ...], after: tuple[int, ...]) -> tuple[int, ...] | None:
    """What was counted since; None if HAProxy was started again between the two."""
    if len(before) != len(after):
        return None
    grown = tuple([now - was for was, now in zip(before, after, strict=True)])
    return None if any(number < 0 for number in grown) else grown


def _words(server: Server, told: str) -> str:
    return f"HAProxy says that server {'/'.join(server)} {told}"
