"""Step 9 of the flow on HTTP: the pages, registered with the web server of the node's Faust app.

Rule: a page is a row of PAGES, a pure function of the source and the parameters; here stands only what HTTP asks for.
Everything but `/healthz` is worked out on one thread beside the event loop: a page of ten thousand services takes a
tenth of a second, and the loop has a lease to keep. Faust's own pages (tables, router, statistics) are not served: they
show table data and every node's address.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import aclosing, suppress
from http import HTTPStatus
from typing import Any, TypeVar

from aiohttp import web
from faust.web.base import BlueprintManager
from faust.web.views import View
from structlog import get_logger

from schemas.asyncapi import asyncapi
from streams.web.answers import Answer, document_page, failure
from streams.web.board import transitions_page
from streams.web.choosing import best_page
from streams.web.cluster import nodes_page, views_page
from streams.web.contract import openapi
from streams.web.encoding import encode_answer
from streams.web.entrance import POLICY, enter, shows_pages, token_page
from streams.web.feed import CLIENTS, Feed, Full
from streams.web.files import File, dashboard_files
from streams.web.guard import (
    ENTER,
    HEADERS,
    INLINE,
    METHODS,
    REQUESTS_A_S,
    Door,
    Rate,
    entry_problem,
    host_problem,
    methods_of,
    read_problem,
    write_problem,
)
from streams.web.health import health_page
from streams.web.http_sd import http_sd_page
from streams.web.inline import tell
from streams.web.metrics import CONTENT_TYPE, exposition
from streams.web.parameters import Pairs, no_parameters
from streams.web.past import past_page
from streams.web.services import one_service, services_page
from streams.web.source import Source
from streams.web.vservers import one_vserver, vservers_page

log = get_logger()

WAITING_ANSWERS = 16
"""Requests that wait for the thread; the next is answered 503 at once, rather than late."""
SHUTDOWN_S = 1.0
"""How long a client that does not read may hold up the app's end; aiohttp would wait a minute."""
KEEPALIVE_S = 75.0
WRITE_S = 10.0
"""How long one who watches may take to read one event."""
BODY_S = 5.0
"""How long what is told may take to come."""

PAGES: dict[str, Callable[..., Answer]] = {
    "/api/services": services_page,
    "/api/services/{name:.+}": one_service,
    "/api/vservers/{name}/best": best_page,
    "/api/transitions": transitions_page,
    "/api/vservers": vservers_page,
    "/api/vservers/{name:.+}": one_vserver,
    "/api/past": past_page,
    "/api/nodes": nodes_page,
    "/api/views": views_page,
    "/api/http_sd": http_sd_page,
    "/api/openapi.json": lambda _, pairs: document_page(openapi(), pairs),
    "/api/asyncapi.json": lambda _, pairs: document_page(asyncapi(), pairs),
}
EVENTS = "/api/events"
ADDRESSES = ", ".join(["/", *(path.replace(":.+", "") for path in PAGES), EVENTS, "/healthz", "/metrics"])

Body = tuple[int, bytes]
Result = TypeVar("Result")
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def attach(app: Any, source: Source, door: Door) -> None:
    """Registers the pages with a Faust app that is not started yet, and is to be bound where the door says."""
    assert app.conf.web_bind == door.host, "the door is of another address than the app"
    server = app.web
    server.blueprints = BlueprintManager()
    server.web_app.middlewares.append(_guarded(door))
    server._runner = web.AppRunner(
        server.web_app, access_log=None, shutdown_timeout=SHUTDOWN_S, keepalive_timeout=KEEPALIVE_S
    )
    worker = Worker()
    for path, page in PAGES.items():
        app.page(path, name=path)(_json_view(source, worker, page))
    app.page(f"{INLINE}{{name:.+}}", name="inline")(_inline_view(source))
    app.page(ENTER, name="enter")(_enter_view(door))
    feed = Feed(source, worker.must_run)
    app.page(EVENTS, name="events")(_events_view(feed))
    for path, file in dashboard_files().items():
        app.page(path, name=path)(_file_view(file))
    app.page("/healthz", name="healthz")(_health_view(source))
    app.page("/metrics", name="metrics")(_metrics_view(source, worker))
    server.web_app.on_shutdown.append(_closed(feed, source))


class Busy(Exception):
    """More requests wait than WAITING_ANSWERS; this one was not begun."""


class Worker:
    """One thread for the work behind the pages, so that however many ask, the node gives them one core at most."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "web")
        self._waiting = 0

    async def run(self, work: Callable[[], Result]) -> Result:
        """What `work` answers. Raises Busy."""
        if self._waiting >= WAITING_ANSWERS:
            raise Busy
        self._waiting += 1
        try:
            return await self.must_run(work)
        finally:
            self._waiting -= 1

    async def must_run(self, work: Callable[[], Result]) -> Result:
        """What `work` answers, however many wait: for work whose amount has a limit elsewhere."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)


def _closed(feed: Feed, source: Source) -> Callable[[Any], Awaitable[None]]:
    """What is done when the web server ends."""

    async def close(_app: Any) -> None:
        await feed.close()
        await asyncio.to_thread(source.close)

    return close


def _events_view(feed: Feed) -> Callable[..., Any]:
    """A stream without an end. A client that is gone shows at the next write; one that does not read is left."""

    async def view(_self: Any, request: web.Request) -> web.StreamResponse:
        wrong = no_parameters(_pairs(request))
        if wrong is not None:
            return _answer(failure(400, wrong.text))
        response = web.StreamResponse(headers={**HEADERS, "Content-Type": "text/event-stream"})
        if request.method == "HEAD":
            return response
        events = feed.watch(request.headers.get("Last-Event-ID", ""))
        async with aclosing(events):
            event = await anext(events)  # raises Full while another answer can still be given
            await response.prepare(request)
            with suppress(ConnectionError, TimeoutError, StopAsyncIteration):
                while True:
                    async with asyncio.timeout(WRITE_S):
                        await response.write(event)
                    event = await anext(events)
        response.force_close()
        return response

    return view


def _file_view(file: File) -> Callable[..., Any]:
    async def view(_self: Any, request: web.Request) -> web.Response:
        wrong = no_parameters(_pairs(request))
        if wrong is not None:
            return _answer(failure(400, wrong.text))
        response = web.Response(body=file.body, content_type=file.content_type, charset="utf-8")
        if file.policy is not None:
            response.headers["Content-Security-Policy"] = file.policy
        return response

    return view


def _json_view(source: Source, worker: Worker, page: Callable[..., Answer]) -> Callable[..., Any]:
    async def view(_self: Any, request: web.Request, **place: str) -> web.Response:
        pairs = _pairs(request)
        return _response(*await worker.run(lambda: _encoded(page(source, pairs, **place))))

    return view


def _health_view(source: Source) -> Callable[..., Any]:
    """On the loop: it must answer while the thread is busy, and asks only a few attributes."""

    async def view(_self: Any, request: web.Request) -> web.Response:
        return _response(*_encoded(health_page(source, _pairs(request))))

    return view


def _inline_view(source: Source) -> type[View]:
    """On the loop, where the monitors are; the body was looked at by the guard."""

    class InlineView(View):  # type: ignore[misc]
        async def post(self, request: web.Request, name: str) -> web.Response:
            async with asyncio.timeout(BODY_S):
                body = await request.read()
            return _response(*_encoded(tell(source, name, body)))

    return InlineView


def _enter_view(door: Door) -> type[View]:
    """On the loop: one comparison."""

    class EnterView(View):  # type: ignore[misc]
        async def post(self, request: web.Request) -> web.Response:
            async with asyncio.timeout(BODY_S):
                entry = enter(await request.read(), door)
            if entry.problem is not None:
                return _unfit(request, *entry.problem, wrong=True)
            response = web.Response(status=HTTPStatus.SEE_OTHER, headers={"Location": "./"})
            if entry.cookie is not None:
                response.headers["Set-Cookie"] = entry.cookie
            return response

    return EnterView


def _metrics_view(source: Source, worker: Worker) -> Callable[..., Any]:
    async def view(_self: Any, request: web.Request) -> web.Response:
        wrong = no_parameters(_pairs(request))
        if wrong is not None:
            return _answer(failure(400, wrong.text))
        status, body = await worker.run(lambda: (200, exposition(source)))
        return web.Response(status=status, body=body, headers={"Content-Type": CONTENT_TYPE})

    return view


def _guarded(door: Door) -> Any:
    """The middleware around every request, also those that no page takes."""

    rate = Rate()

    @web.middleware
    async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
        if rate.take(time.monotonic()):
            refused = _refusal(request, door)
        else:
            refused = _closing(_retry(failure(429, f"more than {REQUESTS_A_S:g} requests a second: ask less often")))
        response = refused if refused is not None else await _handled(request, handler)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        return response

    return guard


def _refusal(request: web.Request, door: Door) -> web.Response | None:
    problem = host_problem(request.headers.getall("Host", []), door)
    if problem is not None:
        return _closing(_answer(failure(421, problem)))
    methods = methods_of(request.path)
    if request.method not in methods:
        only = "is read here, never told" if methods is METHODS else "is told here, never read"
        response = _answer(failure(405, f"this node takes {' and '.join(methods)} only: it {only}"))
        response.headers["Allow"] = ", ".join(methods)
        return _closing(response)
    if methods is METHODS:
        unfit = read_problem(request.headers, door)
        if unfit is None and request.body_exists:
            unfit = 413, "no page takes a body"
    elif request.path == ENTER:
        unfit = entry_problem(request.headers, request.content_length)
    else:
        unfit = write_problem(request.headers, request.content_length, door.token)
    return None if unfit is None else _closing(_unfit(request, *unfit))


def _unfit(request: web.Request, status: int, text: str, *, wrong: bool = False) -> web.Response:
    """A refusal. A person who lacks the token is asked for it; `wrong`: another one was given."""
    if status != HTTPStatus.UNAUTHORIZED:
        return _answer(failure(status, text))
    if shows_pages(request.headers.get("Accept", "")):
        body = token_page(request.raw_path.partition("?")[0], wrong=wrong)
        response = web.Response(status=status, body=body, content_type="text/html", charset="utf-8")
        response.headers["Content-Security-Policy"] = POLICY
    else:
        response = _answer(failure(status, text))
    response.headers["WWW-Authenticate"] = "Bearer"
    return response


async def _handled(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Busy:
        return _retry(failure(503, f"{WAITING_ANSWERS} requests are waiting already: ask again later"))
    except Full:
        return _retry(failure(503, f"{CLIENTS} browsers are watching already: ask another node, or close one"))
    except TimeoutError:
        return _closing(_answer(failure(408, f"the body did not come within {BODY_S:g} s")))
    except web.HTTPException as fault:
        text = f"no page {request.path[:80]!r}: there are {ADDRESSES}" if fault.status == 404 else fault.reason
        return _answer(failure(fault.status, text))
    except Exception:
        log.exception("a page failed", path=request.path[:200])
        return _answer(failure(500, "this page failed: see the node's log"))


def _retry(answer: Answer) -> web.Response:
    response = _answer(answer)
    response.headers["Retry-After"] = "1"
    return response


def _pairs(request: web.Request) -> Pairs:
    return tuple(request.query.items())


def _encoded(answer: Answer) -> Body:
    return answer.status, encode_answer(answer.body)


def _answer(answer: Answer) -> web.Response:
    return _response(*_encoded(answer))


def _response(status: int, body: bytes) -> web.Response:
    return web.Response(status=status, body=body, content_type="application/json", charset="utf-8")


def _closing(response: web.Response) -> web.Response:
    """What was refused may still be sending: the connection ends."""
    response.force_close()
    return response
