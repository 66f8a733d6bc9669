"""HTTP and HTTP-ECV against aiohttp's server in a thread: bodies with a length, in chunks, compressed, broken off."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest
from aiohttp import web

from connectors.engine.runs import RunReport
from schemas.probes import Reason, Verdict
from tests.servers.running import probe


async def page(_: web.Request) -> web.Response:
    return web.Response(text="status: all well\nwarnings: 3\n")


async def chunks(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    for word in (b"ping ", b"po", b"ng", b"\n"):
        await response.write(word)
    await response.write_eof()
    return response


async def endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse()
    response.enable_chunked_encoding()
    await response.prepare(request)
    while True:
        await response.write(b"all work and no play\n" * 100)


async def compressed(_: web.Request) -> web.Response:
    response = web.Response(text="pong" * 100)
    response.enable_compression(web.ContentCoding.gzip)
    return response


async def broken_off(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Length": "100"})
    await response.prepare(request)
    await response.write(b"half")
    assert request.transport is not None
    request.transport.close()
    return response


async def repair(_: web.Request) -> web.Response:
    return web.Response(status=503, text="closed for repair")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    application = web.Application()
    for handler in (page, chunks, endless, compressed, broken_off, repair):
        application.router.add_get(f"/{handler.__name__}", handler)
    loop = asyncio.new_event_loop()
    runner = web.AppRunner(application, handle_signals=False, shutdown_timeout=0.1)
    loop.run_until_complete(runner.setup())
    site = web.TCPSite(runner, "127.0.0.1", 0)
    loop.run_until_complete(site.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield runner.addresses[0][1]
    finally:
        asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(10)
        loop.close()


def ecv(port: int, path: str, **settings: object) -> RunReport:
    return probe("HTTP-ECV", port, {"send": f"GET /{path}", **settings})


def told(report: RunReport) -> tuple[Verdict, Reason, str]:
    return report.verdict, report.reason, report.detail


UP = (Verdict.UP, Reason.OK, "")


def test_M6_status_codes(port: int) -> None:
    assert told(probe("HTTP", port, {"http_request": "GET /page"})) == UP
    assert told(probe("HTTP", port, {"http_request": "HEAD /page"})) == UP
    missing = (Verdict.DOWN, Reason.BAD_STATUS, "HTTP 404 Not Found, expected 200")
    assert told(probe("HTTP", port, {"http_request": "HEAD /"})) == missing
    assert told(probe("HTTP", port, {"response_codes": ((200, 299), (404, 404))})) == UP
    assert probe("HTTP", port, {"http_request": "GET /repair", "trofs_code": 503}).verdict is Verdict.MAINTENANCE


def test_M8_content_with_a_length_and_in_chunks(port: int) -> None:
    assert told(ecv(port, "page", recv="all well", not_recv="error", recv_pattern=r"^warnings: \d$")) == UP
    assert told(ecv(port, "chunks", recv="ping pong")) == UP
    other = (Verdict.DOWN, Reason.MISMATCH, 'expected "pang", got "ping pong\\n"')
    assert told(ecv(port, "chunks", recv="pang")) == other
    assert ecv(port, "page", recv="all well", not_recv_pattern="warnings: [1-9]").reason is Reason.MISMATCH


def test_M8_a_body_without_end_and_one_that_breaks_off(port: int) -> None:
    assert told(ecv(port, "endless", recv="no play")) == UP
    assert ecv(port, "endless", recv="some play").reason is Reason.MISMATCH
    report = ecv(port, "broken_off", recv="half")
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.CLOSED)
    assert report.detail == "closed before the last 96 bytes of the body came, after 4 bytes of the body"


def test_M8_a_compressed_body_is_told(port: int) -> None:
    report = ecv(port, "compressed", recv="pong")
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.MISMATCH)
    assert report.detail.startswith('expected "pong" in the gzip body, got "')


def test_M18_a_page_announces_maintenance(port: int) -> None:
    report = ecv(port, "repair", recv="all well", trofs_string="for repair")
    assert report.verdict is Verdict.MAINTENANCE
    assert report.detail == 'announces maintenance: "for repair" in "closed for repair"'
