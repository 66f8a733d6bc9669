"""F11: an engine that does not run as it should blames itself. Real engine processes, stopped and starved by signals.

The targets live in a process of their own: this one is busy with a thousand reports, and the engine is the patient.
"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import textwrap
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager

import pytest

from connectors.engine import pool
from connectors.engine.binding import Binding
from connectors.engine.entry import TALKING
from schemas.probes import Reason, Verdict
from tests.starving import starved, stopped
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import serving
from tests.unit.engine.test_engine_pool import Node, pool_of

BINDINGS = 1000
STOPPED_S = 2.0
"""Longer than a probe's time and its interval; the pool would kill an engine that is silent for 3 s."""
TARGETS = """
    import asyncio

    async def answer(reader, writer):
        try:
            await reader.readuntil(b"\\r\\n\\r\\n")
            writer.write(b"HTTP/1.1 200 OK\\r\\nContent-Length: 0\\r\\nConnection: close\\r\\n\\r\\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        writer.close()

    async def serve():
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=4096)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(serve())
"""


@contextmanager
def targets_apart() -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """A healthy HTTP server as a process: its port, and the process."""
    command = [sys.executable, "-c", textwrap.dedent(TARGETS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield int(server.stdout.readline()), server
        finally:
            server.kill()


def rows(port: int) -> list[Binding]:
    """A thousand HTTP probes every two seconds, each judged by itself: one lost answer is a DOWN here."""
    every = {"interval_ms": 2000, "timeout_ms": 1900, "window": 1}
    parameters = {"http_request": "HEAD /", "response_codes": ((200, 200),)}
    return [binding(n, "HTTP", port, **every, **parameters) for n in range(1, BINDINGS + 1)]


def with_all_up(play: Callable[[Node, subprocess.Popen[str]], Awaitable[None]]) -> Node:
    """One engine probes a thousand targets that are UP; then the scene is played."""

    async def scene() -> Node:
        with targets_apart() as (port, server):
            async with pool_of(1) as node:
                node.pool.add(rows(port))
                node.pool.set_probing(on=range(1, BINDINGS + 1))
                await node.until(lambda: len(node.latest()) == BINDINGS, "every binding was probed")
                await play(node, server)
                return node

    return asyncio.run(scene())


async def probes_later(node: Node, count: int) -> None:
    """When the engine tells of so many more probes than now."""
    await node.until(lambda: 0 in node.pool.statistics, "the engine tells of itself", 60)
    until = node.pool.statistics[0].probes + count
    await node.until(lambda: node.pool.statistics[0].probes > until, f"{count} more probes", 60)


async def passed(seconds: float) -> None:
    """When so much time has passed, while the loop goes on."""
    await asyncio.to_thread(threading.Event().wait, seconds)


def verdicts(node: Node) -> set[Verdict]:
    """What is known of all targets now."""
    return {report.verdict for report in node.latest().values()}


def blamed(node: Node) -> list[str]:
    """What was told against targets."""
    return [report.detail for report in node.reports if report.verdict is not Verdict.UP]


def test_F11_an_engine_that_was_stopped_calls_no_target_down() -> None:
    async def play(node: Node, server: subprocess.Popen[str]) -> None:
        with stopped([node.pool.pids[0]]):
            await passed(STOPPED_S)
        await probes_later(node, 2 * BINDINGS)
        assert node.pool.statistics[0].stalled_ms > STOPPED_S * 900, "it was stopped indeed"

    node = with_all_up(play)
    assert blamed(node) == []
    assert node.lost == []


def test_F11_an_engine_stopped_with_its_answers_unread_calls_no_target_down() -> None:
    """What is in flight was overdue long before the engine runs again, and its answers lie in the kernel."""

    async def play(node: Node, server: subprocess.Popen[str]) -> None:
        with ExitStack() as stack:
            with stopped([server.pid]):
                await passed(0.5)
                stack.enter_context(stopped([node.pool.pids[0]]))
            await passed(STOPPED_S)
        await probes_later(node, 2 * BINDINGS)

    assert blamed(with_all_up(play)) == []


def test_F11_an_engine_at_a_tenth_of_a_core_calls_no_target_down_and_a_dead_one_down(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(
        pool, "SILENT_S", 30.0
    )  # on a busy machine its tenth may come late; here it is not to be killed

    async def play(node: Node, server: subprocess.Popen[str]) -> None:
        with starved([node.pool.pids[0]]):
            await probes_later(node, 2 * BINDINGS)
            assert blamed(node) == []
            server.kill()
            await node.until(lambda: verdicts(node) == {Verdict.DOWN}, "every death is told, however slowly", 60)

    with_all_up(play)


def impatient(connection: socket.socket, ended: threading.Event) -> None:
    """Hang up on whoever says nothing for a while."""
    ended.wait(0.15)


def impatient_probe(port: int) -> Binding:
    """Waits for a greeting that never comes."""
    return binding(1, "TCP-ECV", port, timeout_ms=300, recv="hello")


def test_F11_a_target_that_hung_up_while_the_engine_stood_still_is_not_blamed() -> None:
    with serving(impatient) as port, engine() as harness:
        harness.probe(impatient_probe(port))
        entry = harness.loop.table.entries[1]
        harness.until(lambda: entry.stage is TALKING, "the probe is in flight")
        threading.Event().wait(0.7)  # the engine does not turn
        harness.until(lambda: harness.of(1), "a report")
    report = harness.of(1)[0]
    assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)
    assert "this node stood still for 0." in report.detail
    assert "hung up" in report.detail


def test_F11_a_target_that_hung_up_on_an_engine_in_time_is_blamed() -> None:
    with serving(impatient) as port, engine() as harness:
        report = harness.first(impatient_probe(port))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.CLOSED)
