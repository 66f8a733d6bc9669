"""HAProxy's counters: two readings, and what happened between them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from connectors.haproxy_socket import NoAnswer, check_place
from connectors.inline.haproxy import HaproxyReader
from connectors.inline.haproxy_statistics import (
    CLASSES,
    COUNTERS,
    TIMES_MS,
    Reading,
    http_traffic,
    readings,
    tcp_traffic,
)
from connectors.probes.inline import Statuses, Traffic
from schemas.probes import Reason

NAMES = ("pxname", "svname", "last_chk", *COUNTERS, *CLASSES, *TIMES_MS, "addr")
WEB = ("web", "a")


BROKEN = f"# {','.join(NAMES)},\n" + "x" * 200_000
"""A field that no statistics have."""


def table(*rows: dict[str, Any]) -> str:
    """As HAProxy answers: a comma ends each line."""
    lines = [",".join(str(row.get(name, 0)) for name in NAMES) + "," for row in rows]
    return "\n".join([f"# {','.join(NAMES)},", *lines, ""])


def reading(**counters: int) -> Reading:
    [(_, found)] = readings(table({"pxname": "web", "svname": "a", "addr": "10.0.0.1:80", **counters}))
    return found


def test_M6_servers_by_address() -> None:
    text = table(
        {"pxname": "web", "svname": "a", "addr": "10.0.0.1:80", "hrsp_2xx": 4, "last_chk": '"no, ""really"""'},
        {"pxname": "raw", "svname": "b", "addr": "[::1]:81", **dict.fromkeys(CLASSES, "")},
        {"pxname": "hidden", "svname": "c", "addr": ""},
    )
    found = dict(readings(text))
    assert {server: row.address for server, row in found.items()} == {WEB: "10.0.0.1:80", ("raw", "b"): "[::1]:81"}
    assert (found[WEB].classes, found["raw", "b"].classes) == ((0, 4, 0, 0, 0), ())


@pytest.mark.parametrize(
    "text", ["", "HTTP/1.1 400 Bad request\r\n", "# pxname,svname,addr,\n", "Unknown command", BROKEN]
)
def test_what_is_no_table_of_servers(text: str) -> None:
    with pytest.raises(NoAnswer):
        list(readings(text))


def test_M6_responses_by_class_and_requests_without_one() -> None:
    before = reading(hrsp_2xx=100, hrsp_5xx=1, econ=2)
    after = reading(hrsp_2xx=110, hrsp_5xx=4, econ=2, eresp=3, rtime=12)
    assert http_traffic(WEB, before, after) == Traffic(
        0,
        3,
        Reason.BAD_RESPONSE,
        "HAProxy says that server web/a sent no response that makes sense",
        12_000,
        (Statuses(200, 299, 10), Statuses(500, 599, 3)),
    )


@pytest.mark.parametrize(
    ("grown", "successes", "failures", "reason"),
    [
        ({"connect": 6}, 6, 0, Reason.UNREACHABLE),
        ({"connect": 12, "wretr": 6, "econ": 6}, 0, 12, Reason.UNREACHABLE),
        ({"connect": 2, "reuse": 10}, 12, 0, Reason.UNREACHABLE),
        ({"connect": 6, "eresp": 12}, 0, 6, Reason.RESET),
        ({"connect": 6, "srv_abrt": 2}, 4, 2, Reason.RESET),
    ],
)
def test_M6_connections(grown: dict[str, int], successes: int, failures: int, reason: Reason) -> None:
    traffic = tcp_traffic(WEB, reading(), reading(**grown))
    assert traffic is not None
    assert (traffic.successes, traffic.failures, traffic.reason) == (successes, failures, reason)


def test_a_counter_that_fell_says_that_haproxy_was_started_again() -> None:
    assert tcp_traffic(WEB, reading(connect=5), reading(connect=3)) is None
    assert http_traffic(WEB, reading(hrsp_2xx=5), reading(hrsp_2xx=3)) is None


@pytest.mark.parametrize("where", ["/run/haproxy/admin.sock", "./a", "127.0.0.1:9999", "[::1]:9999"])
def test_a_place_that_can_be_read(where: str) -> None:
    check_place(where)


@pytest.mark.parametrize("where", ["", "haproxy", "host:", ":9", "host:0", "host:99999", "host:x"])
def test_a_place_that_cannot(where: str) -> None:
    with pytest.raises(ValueError, match="is no stats socket of HAProxy"):
        check_place(where)


def test_a_haproxy_that_is_away_feeds_nobody() -> None:
    fed: list[object] = []
    reader = HaproxyReader("/nowhere/at/all", lambda: {"10.0.0.1:80": ()}, lambda *told: fed.append(told))
    asyncio.run(reader.turn())
    assert fed == []
