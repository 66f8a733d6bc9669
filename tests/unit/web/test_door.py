"""Who may come in where other machines can knock: the token for every page, the names, and how often anyone may ask."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode

import pytest

from streams.web import guard
from streams.web.files import dashboard_files
from streams.web.guard import REQUESTS_A_S, REQUESTS_AT_ONCE, Door, OpenBind, Rate, host_problem, read_problem
from streams.web.pages import ADDRESSES, EVENTS, PAGES
from tests.unit.web.test_pages import SAMPLE, Ask, serve

TOKEN = "correct-horse-battery"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
EVERY_PAGE = (
    *(path.replace("{name:.+}", "group/ten:80").replace("{name}", "shop") for path in PAGES),
    *dashboard_files(),
    EVENTS,
    "/healthz",
    "/metrics",
    "/no-such-page",
)


def basic(password: str, user: str = "anyone") -> dict[str, str]:
    return {"Authorization": "Basic " + b64encode(f"{user}:{password}".encode()).decode()}


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.2", "::1", "localhost"])
def test_loopback_may_be_bound_without_a_token(host: str) -> None:
    assert not Door(host).is_open


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "", "example.org", "localhost.example.org"])
def test_another_address_needs_a_token(host: str) -> None:
    with pytest.raises(OpenBind, match="set WATCHBILL_WEB_TOKEN"):
        Door(host)
    assert Door(host, TOKEN).is_open


def test_every_page_wants_the_token_where_others_can_knock() -> None:
    async def talk(ask: Ask) -> None:
        for path in EVERY_PAGE:
            status, headers, body = await ask(path)
            assert status == 401, path
            assert json.loads(body)["error"].startswith("this node wants its token: ")
            assert headers["WWW-Authenticate"] == "Bearer", "a browser would open a dialog for Basic"
        for wrong in (
            {"Authorization": "Bearer wrong"},
            basic("wrong"),
            {"Authorization": "Basic ?"},
            basic("", TOKEN),
        ):
            assert (await ask("/api/nodes", headers=wrong))[0] == 401, wrong

    asyncio.run(serve(SAMPLE, talk, TOKEN, "0.0.0.0"))


@pytest.mark.parametrize("shown", [BEARER, basic(TOKEN), basic(TOKEN, user="")])
def test_the_token_opens_every_page(shown: dict[str, str]) -> None:
    async def talk(ask: Ask) -> None:
        for path in ("/", "/api/services", "/healthz", "/metrics", "/static/main.js"):
            assert (await ask(path, headers=shown))[0] == 200, path

    asyncio.run(serve(SAMPLE, talk, TOKEN, "0.0.0.0"))


def test_on_this_machine_a_token_is_asked_for_where_one_is_set() -> None:
    """Who asks there may be a proxy that has TLS, for somebody far away."""
    assert read_problem({}, Door("127.0.0.1")) is None
    assert read_problem({}, Door("127.0.0.1", TOKEN)) is not None
    assert read_problem(BEARER, Door("127.0.0.1", TOKEN)) is None


@pytest.mark.parametrize(
    ("header", "served"),
    [
        ("monitor.example.org:8080", True),
        ("MONITOR.example.org", True),
        ("10.1.2.3:8080", True),
        ("[2001:db8::1]:8080", True),
        ("localhost", True),
        ("evil.example", False),
        ("10.1.2.3.evil.example", False),
        ("", False),
    ],
)
def test_an_open_door_goes_by_its_names_and_by_addresses(header: str, served: bool) -> None:
    door = Door("0.0.0.0", TOKEN, frozenset({"monitor.example.org"}))
    assert (host_problem([header], door) is None) is served


def test_on_this_machine_an_address_that_is_not_loopback_is_refused() -> None:
    assert host_problem(["10.1.2.3"], Door("127.0.0.1")) is not None


def test_a_rate_lets_a_burst_through_and_then_so_many_a_second() -> None:
    rate = Rate()
    assert sum(rate.take(100.0) for _ in range(5_000)) == REQUESTS_AT_ONCE
    assert sum(rate.take(100.5) for _ in range(5_000)) == REQUESTS_A_S / 2
    assert sum(rate.take(1_000.0) for _ in range(5_000)) == REQUESTS_AT_ONCE


def test_who_asks_too_often_is_told_when_to_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "REQUESTS_A_S", 1.0)
    monkeypatch.setattr(guard, "REQUESTS_AT_ONCE", 3)

    async def talk(ask: Ask) -> None:
        answers = [await ask("/api/nodes") for _ in range(20)]
        assert [status for status, _, _ in answers[:3]] == [200, 200, 200]
        status, headers, body = answers[-1]
        assert (status, headers["Retry-After"]) == (429, "1")
        assert "requests a second: ask less often" in json.loads(body)["error"]
        assert headers["X-Content-Type-Options"] == "nosniff"

    asyncio.run(serve(SAMPLE, talk))


def test_long_headers_are_refused_and_the_next_request_is_answered() -> None:
    async def talk(ask: Ask) -> None:
        assert (await ask("/api/nodes", headers={"X-Long": "x" * 20_000}))[0] == 400
        assert (await ask("/api/nodes", headers={f"X-{number}": "x" * 900 for number in range(200)}))[0] in (200, 400)
        assert (await ask("/api/nodes"))[0] == 200

    asyncio.run(serve(SAMPLE, talk))


def test_the_addresses_told_are_those_there_are() -> None:
    assert EVENTS in ADDRESSES
    assert all(path.replace(":.+", "") in ADDRESSES for path in PAGES)
