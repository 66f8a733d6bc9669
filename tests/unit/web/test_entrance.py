"""How a person gives the token: what the page is and is not, who is let in by it, and how far."""

from __future__ import annotations

import asyncio
import re
from base64 import b64encode
from hashlib import sha256

import pytest

from streams.web.entrance import POLICY, enter, shows_pages, token_page
from streams.web.guard import ENTER, FORM, Door, pass_of, read_problem, write_problem
from tests.unit.web.test_door import EVERY_PAGE
from tests.unit.web.test_pages import SAMPLE, Ask, serve

TOKEN = "correct-horse-battery"
OTHER = "another-token-of-length"
OPEN = Door("0.0.0.0", TOKEN)
BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}
AS_FORM = {**BROWSER, "Content-Type": FORM}


def shown(token: str) -> dict[str, str]:
    return {"Cookie": "theme=dark; {}={}".format(*pass_of(token))}


def test_a_browser_is_shown_a_page_that_asks_and_tells_nothing_else() -> None:
    async def talk(ask: Ask) -> None:
        for path in EVERY_PAGE:
            status, headers, body = await ask(path, headers=BROWSER)
            assert (status, headers["Content-Type"]) == (401, "text/html; charset=utf-8"), path
            assert headers["WWW-Authenticate"] == "Bearer", "a browser would open a dialog for Basic"
            assert headers["Content-Security-Policy"] == POLICY
            depth = path.count("/") - 1
            assert body == token_page("/x" * (depth + 1)), "the same for everybody, wherever he came from"

    asyncio.run(serve(SAMPLE, talk, TOKEN, "0.0.0.0"))


def test_the_page_stands_alone_under_a_policy_that_names_its_style() -> None:
    text = token_page("/").decode()
    style = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    assert [f"'sha256-{b64encode(sha256(each.encode()).digest()).decode()}'" in POLICY for each in style] == [True]
    assert "unsafe" not in POLICY
    assert not re.search(r"<script|<link|<img|\sstyle=|\son\w+=|https?://", text)


def test_the_form_goes_to_the_node_itself_below_any_prefix() -> None:
    assert 'action="enter"' in token_page("/").decode()
    assert 'action="../../enter"' in token_page("/api/services/group%2Ften").decode()


@pytest.mark.parametrize(
    ("accept", "page"),
    [(BROWSER["Accept"], True), ("Text/HTML", True), ("*/*", False), ("text/event-stream", False), ("", False)],
)
def test_a_page_is_for_those_who_ask_for_one(accept: str, page: bool) -> None:
    assert shows_pages(accept) is page


def test_the_token_is_taken_for_a_pass_that_opens_every_page() -> None:
    async def talk(ask: Ask) -> None:
        given = {"headers": AS_FORM, "data": f"token={TOKEN}", "allow_redirects": False}
        status, headers, body = await ask(ENTER, "POST", **given)
        assert (status, headers["Location"], body) == (303, "./", b"")
        cookie, *attributes = headers["Set-Cookie"].split("; ")
        assert attributes == ["HttpOnly", "SameSite=Lax"], "no script reads it, no page elsewhere sends it, and it ends"
        assert TOKEN not in cookie
        for path in ("/", "/api/services", "/healthz", "/metrics", "/static/main.js"):
            assert (await ask(path, headers={"Cookie": cookie}))[0] == 200, path
        assert (await ask("/", headers={"Cookie": cookie[:-1]}))[0] == 401

    asyncio.run(serve(SAMPLE, talk, TOKEN, "0.0.0.0"))


@pytest.mark.parametrize(
    ("body", "told"),
    [
        *((f"token={each}", 401) for each in (OTHER, f"{TOKEN}x", "%E2%82%AC")),
        *(
            (each, 400)
            for each in ("", "token=", f"key={TOKEN}", f"token={TOKEN}&token={TOKEN}", "token=%FF", "token=\xff")
        ),
    ],
)
def test_what_is_not_the_token_gets_no_pass(body: str, told: int) -> None:
    entry = enter(body.encode("latin-1"), OPEN)
    assert entry.cookie is None
    assert entry.problem is not None
    assert entry.problem[0] == told
    assert TOKEN not in entry.problem[1]


def test_a_wrong_token_is_said_on_the_page_which_asks_again() -> None:
    async def talk(ask: Ask) -> None:
        status, headers, body = await ask(ENTER, "POST", headers=AS_FORM, data=f"token={OTHER}")
        assert (status, "Set-Cookie" in headers) == (401, False)
        assert b"That is not the token of this node." in body
        assert b'action="enter"' in body
        assert OTHER.encode() not in body
        status, headers, body = await ask(ENTER, "POST", headers={"Content-Type": FORM}, data=f"token={OTHER}")
        assert (status, headers["Content-Type"]) == (401, "application/json; charset=utf-8")

    asyncio.run(serve(SAMPLE, talk, TOKEN, "0.0.0.0"))


def test_where_no_token_is_asked_for_the_form_leads_on() -> None:
    assert enter(b"token=any", Door("127.0.0.1")).problem is None
    assert enter(b"token=any", Door("127.0.0.1", TOKEN)).problem is not None


def test_other_bodies_are_refused_before_they_are_read() -> None:
    async def talk(ask: Ask) -> None:
        async def chunks() -> object:
            yield b"token="

        assert (await ask(ENTER, "POST", json={"token": TOKEN}))[0] == 415
        assert (await ask(ENTER, "POST", headers=AS_FORM, data=b"token=" + b"x" * 5_000))[0] == 413
        assert (await ask(ENTER, "POST", headers=AS_FORM, data=chunks()))[0] == 411
        assert (await ask(ENTER))[0] == 405

    asyncio.run(serve(SAMPLE, talk, TOKEN, "0.0.0.0"))


def test_a_pass_is_of_one_token_and_does_not_tell_it() -> None:
    assert read_problem(shown(TOKEN), OPEN) is None
    assert read_problem(shown(OTHER), OPEN) is not None
    assert read_problem({"Cookie": f"{pass_of(TOKEN)[0]}={pass_of(OTHER)[1]}"}, OPEN) is not None
    assert read_problem({"Cookie": f"{pass_of(TOKEN)[0]}={TOKEN}"}, OPEN) is not None
    assert pass_of(TOKEN)[0] != pass_of(OTHER)[0], "two nodes of a host, with two tokens, are open side by side"
    assert len(pass_of(TOKEN)[1]) == 64


def test_a_pass_does_not_tell_anything() -> None:
    headers = {**shown(TOKEN), "Content-Type": "application/json"}
    problem = write_problem(headers, 2, TOKEN)
    assert problem is not None
    assert problem[0] == 401
