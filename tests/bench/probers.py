"""The probers that bench `probes` compares, each started alike: so many checks of one target, on one core.

Rule: a prober is its own process or processes; who drives it (the scraper of blackbox_exporter, the pool of our engine)
runs on the other core. Each ends with its block, by its process id. Ours alone has its driver's CPU counted as well,
since what the node does with an engine's reports belongs to the probing.
"""

from __future__ import annotations

import asyncio
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from connectors.engine.binding import Binding
from connectors.engine.pool import EnginePool
from connectors.engine.runs import RunReport
from schemas.identifiers import EntityId
from schemas.probes import Verdict

REQUEST = "HEAD /"
TIMEOUT_MS = 1000
SCRAPERS = 4
READY_S = 10.0


@dataclass(frozen=True, slots=True)
class Load:
    """What is probed: `checks` checks of kind TCP or HTTP, each every `interval_ms`, of one port of 127.0.0.1."""

    kind: str
    port: int
    checks: int
    interval_ms: int


@dataclass(slots=True)
class Prober:
    """One that probes right now."""

    pids: list[int]
    """Whose CPU time is the cost."""
    failures: Callable[[], int]
    """How many probes have failed."""
    counts_driver: bool = False
    """Whether this process works for the prober too, so that its CPU time is cost as well."""


def program(name: str) -> str:
    """Where a program lies. Raises RuntimeError with what to install."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        raise RuntimeError(f"{name} is not installed, and there is no comparison without it: apt-get install {name}")
    return found


@contextmanager
def running(command: list[str]) -> Iterator[subprocess.Popen[bytes]]:
    """A program for a block, ended with it."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def wait_for(condition: Callable[[], bool], what: str) -> None:
    """Poll until it holds. Raises TimeoutError."""
    limit_s = time.monotonic() + READY_S
    while not condition():
        if time.monotonic() > limit_s:
            raise TimeoutError(f"not within {READY_S:g} s: {what}")
        time.sleep(0.02)


def haproxy_says(path: Path, command: str) -> list[dict[str, str]]:
    """The rows of an answer of HAProxy's statistics socket."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(path))
        client.sendall(command.encode() + b"\n")
        data = b"".join(iter(lambda: client.recv(65536), b"")).decode()
    names, *rows = [line.split(",") for line in data.lstrip("# ").splitlines() if line]
    return [dict(zip(names, row, strict=False)) for row in rows]


@contextmanager
def haproxy(folder: Path, name: str, config: str) -> Iterator[tuple[int, Path]]:
    """HAProxy with one thread and these sections: (pid, path of its statistics socket)."""
    control, file = folder / f"{name}.sock", folder / f"{name}.cfg"
    control.unlink(missing_ok=True)
    head = (
        f"global\n  nbthread 1\n  maxconn 8000\n  stats socket {control}\ndefaults\n  mode http\n  timeout client 5s\n"
    )
    file.write_text(head + "  timeout server 5s\n  timeout connect 1s\n" + config)
    with running([program("haproxy"), "-db", "-f", str(file)]) as process:
        wait_for(lambda: _answers(control), f"HAProxy {name} answers, see `haproxy -c -f {file}`")
        yield process.pid, control


def _answers(control: Path) -> bool:
    with suppress(OSError):
        return bool(haproxy_says(control, "show stat"))
    return False


@contextmanager
def target(folder: Path, port: int) -> Iterator[Callable[[], int]]:
    """A fast server that answers every request with 200. Yields what tells how many it has answered so far."""
    config = f"frontend target\n  bind 127.0.0.1:{port} backlog 4096\n  http-request return status 200\n"
    with haproxy(folder, "target", config) as (_, control):
        yield lambda: int(haproxy_says(control, "show stat")[0]["hrsp_2xx"])


@contextmanager
def haproxy_prober(folder: Path, load: Load) -> Iterator[Prober]:
    """HAProxy with as many servers, each checked."""
    method, path = REQUEST.split()
    check = f"  option httpchk {method} {path}\n" if load.kind == "HTTP" else ""
    servers = "".join(
        f"  server s{number} 127.0.0.1:{load.port} check inter {load.interval_ms}ms\n" for number in range(load.checks)
    )
    with haproxy(folder, f"prober-{load.kind}", f"backend checked\n{check}  timeout check 1s\n{servers}") as found:
        pid, control = found

        def failures() -> int:
            rows = [row for row in haproxy_says(control, "show stat") if row["check_status"]]
            return sum(int(row["chkfail"] or 0) for row in rows) + load.checks - len(rows)

        yield Prober([pid], failures)


@contextmanager
def blackbox_prober(folder: Path, load: Load) -> Iterator[Prober]:
    """blackbox_exporter on one processor, asked over and over by connections that stay open."""
    file, port = folder / "blackbox.yml", load.port + 1
    http = "  HTTP: {prober: http, timeout: 1s, http: {method: HEAD, preferred_ip_protocol: ip4}}\n"
    file.write_text("modules:\n  TCP: {prober: tcp, timeout: 1s, tcp: {preferred_ip_protocol: ip4}}\n" + http)
    address = f"127.0.0.1:{port}"
    options = [f"--config.file={file}", f"--web.listen-address={address}", "--log.level=error"]
    command = ["env", "GOMAXPROCS=1", program("prometheus-blackbox-exporter"), *options]
    with running(command) as process, ExitStack() as stack:
        wait_for(lambda: _accepts(port), f"blackbox_exporter listens on {address}")
        scraper = stack.enter_context(scraping(port, load))
        yield Prober([process.pid], lambda: scraper[1])


def _accepts(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
        return True
    return False


@contextmanager
def scraping(port: int, load: Load) -> Iterator[list[int]]:
    """Ask blackbox_exporter as fast as it answers: yields [successes, failures], which go on counting."""
    aim = f"127.0.0.1:{load.port}" if load.kind == "TCP" else f"http://127.0.0.1:{load.port}/"
    question = f"GET /probe?module={load.kind}&target={aim} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()
    counts, ended = [0, 0], threading.Event()

    def scrape() -> None:
        with socket.create_connection(("127.0.0.1", port), READY_S) as client:
            while not ended.is_set():
                client.sendall(question)
                counts[0 if b"\nprobe_success 1" in read_answer(client) else 1] += 1

    threads = [threading.Thread(target=scrape, daemon=True) for _ in range(SCRAPERS)]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        ended.set()
        for thread in threads:
            thread.join(READY_S)


def read_answer(client: socket.socket) -> bytes:
    """One HTTP answer of blackbox_exporter, which comes in chunks (RFC 9112, section 7.1) or with its length."""
    stream = client.makefile("rb")
    length = 0
    while (line := stream.readline()) not in (b"\r\n", b""):
        if line.lower().startswith(b"content-length:"):
            length = int(line.partition(b":")[2])
    if length:
        return stream.read(length)
    body = b""
    while size := int(stream.readline(), 16):
        body += stream.read(size + 2)[:-2]
    stream.readline()
    return body


def bindings(load: Load, address_of: Callable[[int], str] = lambda number: "127.0.0.1") -> list[Binding]:
    """As many bindings with retries and a time-out, as the node would make them; `address_of` gives their targets."""
    return [
        Binding(
            number=number,
            service_id=EntityId(f"{number}-0"),
            service_name=f"service{number}",
            monitor_id=EntityId(f"{number}-1"),
            monitor_name=f"monitor{number}",
            kind=load.kind,
            ip=address_of(number),
            port=load.port,
            interval_ms=load.interval_ms,
            timeout_ms=TIMEOUT_MS,
            window=3,
            parameters={"http_request": REQUEST} if load.kind == "HTTP" else {},
        )
        for number in range(1, load.checks + 1)
    ]


def engine_prober(load: Load) -> AbstractContextManager[Prober]:
    """Our engine."""
    return probing(bindings(load))


@contextmanager
def probing(rows: list[Binding]) -> Iterator[Prober]:
    """One engine behind its pool, whose loop runs in a thread of this process; it probes these bindings."""
    failed = [0]

    def heard(reports: list[RunReport]) -> None:
        failed[0] += sum(report.verdict is not Verdict.UP for report in reports)

    def lost(_: int, why: str) -> None:
        failed[0] += len(rows)
        print(f"the engine was lost: {why}", file=sys.stderr, flush=True)

    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()

    async def begin() -> EnginePool:
        pool = EnginePool(1, heard, lost)
        await pool.start()
        pool.add(rows)
        pool.set_probing(on=[row.number for row in rows])
        return pool

    pool = asyncio.run_coroutine_threadsafe(begin(), loop).result(READY_S * 2)
    try:
        yield Prober([*pool.pids.values()], lambda: failed[0], counts_driver=True)
    finally:
        asyncio.run_coroutine_threadsafe(pool.stop(), loop).result(READY_S)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(READY_S)
        loop.close()
