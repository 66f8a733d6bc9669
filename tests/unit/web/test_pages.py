"""The pages on the web server of a Faust app that never meets Kafka: what Faust serves, and who may ask."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import aiohttp
import aiohttp.web
import faust
import pytest

from streams.web import pages
from streams.web.guard import HEADERS, Door, host_name, host_problem
from streams.web.source import Source
from tests.unit.replica.samples import service_state
from tests.unit.web.fake_source import FakeSource, service

SAMPLE = FakeSource(services=[service("1-0", "group/ten:80")], states={"1-0": service_state("1-0")})
Ask = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]


def served(source: Source, talk: Callable[[Ask], Awaitable[None]], token: str | None = None) -> None:
    """Runs `talk` against the pages, on a loop and a port of their own."""
    asyncio.run(serve(source, talk, token))


async def serve(
    source: Source,
    talk: Callable[[Ask], Awaitable[None]],
    token: str | None = None,
    bind: str = "127.0.0.1",
    names: Sequence[str] = (),
) -> None:
    """Runs `talk` against the pages, on a port of their own."""
    app = web_app(unused_port(), bind)
    pages.attach(app, source, Door(bind, token, frozenset(names)))
    app.finalize()
    await app.web.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{app.conf.web_port}") as session:

            async def ask(path: str, method: str = "GET", **given: Any) -> tuple[int, dict[str, str], bytes]:
                async with session.request(method, path, **given) as response:
                    return response.status, dict(response.headers), await response.read()

            await talk(ask)
    finally:
        await app.web.stop()


def web_app(port: int, bind: str = "127.0.0.1") -> Any:
    return faust.App(
        "web-pages", broker="kafka://127.0.0.1:1", web_bind=bind, web_host=bind, web_port=port, autodiscover=False
    )


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_every_page_answers() -> None:
    async def talk(ask: Ask) -> None:
        for path in ("/api/services", "/api/services/group/ten:80", "/api/nodes", "/api/views", "/healthz"):
            status, headers, body = await ask(path)
            assert (status, headers["Content-Type"]) == (200, "application/json; charset=utf-8"), path
            assert isinstance(json.loads(body), dict)
            assert {name: headers[name] for name in HEADERS} == HEADERS
        status, headers, body = await ask("/metrics")
        assert (status, headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
        assert b"# TYPE watchbill_probes_total counter" in body

    served(SAMPLE, talk)


def test_only_our_pages_are_served() -> None:
    async def talk(ask: Ask) -> None:
        for path in (
            "/static/",
            "/static/../pages.py",
            "/static/nothing.js",
            "/table/",
            "/table/service-states/",
            "/router/",
            "/stats/",
            "/assignment/",
            "/graph/",
            "/x",
        ):
            status, headers, body = await ask(path)
            assert status == 404, path
            assert json.loads(body)["error"].startswith("no page ")
            assert headers["X-Content-Type-Options"] == "nosniff"

    served(SAMPLE, talk)


def test_faust_keeps_its_runner_where_we_put_ours() -> None:
    app = web_app(unused_port())
    fausts = app.web._runner
    assert isinstance(fausts, aiohttp.web.AppRunner)
    pages.attach(app, SAMPLE, Door("127.0.0.1"))
    assert app.web._runner.app is fausts.app, "a private name: Faust has moved it, see streams/web/pages.py"


def test_head_answers_without_a_body() -> None:
    async def talk(ask: Ask) -> None:
        status, headers, body = await ask("/api/services", "HEAD")
        assert (status, body) == (200, b"")
        assert int(headers["Content-Length"]) > 0

    served(SAMPLE, talk)


def test_other_methods_and_bodies_are_refused() -> None:
    async def talk(ask: Ask) -> None:
        for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"):
            status, headers, _ = await ask("/api/services", method)
            assert (status, headers["Allow"]) == (405, "GET, HEAD"), method
        status, _, body = await ask("/api/services", data=b"x" * 100)
        assert (status, json.loads(body)) == (413, {"error": "no page takes a body"})

    served(SAMPLE, talk)


def test_another_host_name_is_refused_before_any_page() -> None:
    async def talk(ask: Ask) -> None:
        for host in ("evil.example", "evil.example:80", "localhost.evil.example", "127.0.0.1.evil.example", ""):
            assert (await ask("/api/services", headers={"Host": host}))[0] == 421, host
        for host in ("localhost:9999", "LOCALHOST", "127.0.0.1", "[::1]:80"):
            assert (await ask("/api/services", headers={"Host": host}))[0] == 200, host

    served(SAMPLE, talk)


def test_two_host_headers_are_refused() -> None:
    assert host_problem(["localhost", "evil.example"], Door("127.0.0.1")) == "give one Host header"


def test_a_wrong_parameter_and_a_long_address_are_told() -> None:
    async def talk(ask: Ask) -> None:
        assert (await ask("/metrics?name=x"))[0] == 400
        assert (await ask("/healthz?x=1"))[0] == 400
        assert (await ask("/api/services?name=" + "x" * 9_000))[0] == 400
        assert (await ask("/api/services/web"))[0] == 404

    served(SAMPLE, talk)


def test_a_page_that_breaks_is_500_and_the_next_one_answers() -> None:
    class Broken(FakeSource):
        def nodes(self) -> Any:
            raise RuntimeError("broken on purpose")

    async def talk(ask: Ask) -> None:
        status, headers, body = await ask("/api/nodes")
        assert (status, json.loads(body)) == (500, {"error": "this page failed: see the node's log"})
        assert headers["Content-Security-Policy"] == HEADERS["Content-Security-Policy"]
        assert (await ask("/api/views"))[0] == 200

    served(Broken(), talk)


def test_health_answers_while_pages_wait_and_too_many_are_turned_away() -> None:
    class Slow(FakeSource):
        def __init__(self) -> None:
            super().__init__()
            self.go_on = asyncio.Event()
            self.loop = asyncio.get_running_loop()

        def nodes(self) -> Any:
            asyncio.run_coroutine_threadsafe(self.go_on.wait(), self.loop).result(20)
            return ()

    async def run() -> None:
        slow = Slow()
        worker_free: list[int] = []

        async def talk(ask: Ask) -> None:
            waiting = [asyncio.create_task(ask("/api/nodes")) for _ in range(pages.WAITING_ANSWERS + 1)]
            done, _ = await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED, timeout=10)
            worker_free.extend(task.result()[0] for task in done)
            assert (await ask("/healthz"))[0] == 200
            slow.go_on.set()
            assert sorted([(await task)[0] for task in waiting]) == [200] * pages.WAITING_ANSWERS + [503]

        await serve(slow, talk)
        assert worker_free == [503]

    asyncio.run(run())


@pytest.mark.parametrize(
    ("header", "name"),
    [("a:1", "a"), ("A", "a"), ("[::1]:8", "::1"), ("[::1]", "::1"), ("::1", ":"), ("localhost.", "localhost")],
)
def test_the_name_in_a_host_header(header: str, name: str) -> None:
    assert host_name(header) == name
