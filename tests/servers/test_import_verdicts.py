"""What HAProxy says of a server, our monitors say too: each kind of check against each kind of target, side by side.

HAProxy 2.6 and our engine probe the same ports of this process, the one by its configuration, the other by what the
importer made of it. Both are right about nothing here: they only have to agree.
"""

from __future__ import annotations

import csv
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from connectors.config.imports import DIALECTS
from schemas.inventory.services import services
from schemas.probes import Verdict
from streams.node.inventory import engine_binding
from tests.servers.proxied import short_folder
from tests.servers.running import free_port, needed, running
from tests.unit.engine.harness import engine
from tests.waiting import wait_until

WELL = "all is well"
PAGES = {
    "ok": "200 OK",
    "empty": "204 No Content",
    "moved": "301 Moved Permanently",
    "missing": "404 Not Found",
    "error": "500 Internal Server Error",
}
TARGETS = (*PAGES, "greets", "silent", "refused")
CHECKS = {
    "tcp": (),
    "plain": ("option httpchk",),
    "get": ("option httpchk GET /", "http-check expect status 200"),
    "not500": ("option httpchk GET /", "http-check expect ! status 500"),
    "pattern": ("option httpchk GET /", "http-check expect rstatus ^20[0-4]"),
    "text": ("option httpchk GET /", f'http-check expect string "{WELL}"'),
    "rtext": ("option httpchk GET /", "http-check expect rstring all.*well$"),
    "nottext": ("option httpchk GET /", f'http-check expect ! string "{WELL}"'),
    "both": ("option httpchk GET /", "http-check expect status 200", f'http-check expect string "{WELL}"'),
    "twice": (
        "option httpchk",
        "http-check connect",
        "http-check send meth GET uri /a",
        "http-check expect status 200",
        "http-check connect",
        "http-check send meth GET uri /b",
        "http-check expect string well",
    ),
    "greeting": ("option tcp-check", 'tcp-check expect string "220 "'),
    "dialogue": (
        "option tcp-check",
        'tcp-check expect rstring "^220 "',
        "tcp-check send PING\\r\\n",
        "tcp-check expect string +PONG",
        "tcp-check send QUIT\\r\\n",
    ),
    "refusal": ("option tcp-check", "tcp-check send PING\\r\\n", "tcp-check expect ! string HTTP"),
}
PATIENCE = 3
"""On a machine that does other things too a target may answer late to one of both: they are asked again."""
TOLD = {("refusal", "greets"): "HAProxy: False"}
"""HAProxy waits there until the server closes; the import says so."""
HEAD = """
global
    stats socket {folder}/admin.sock mode 600 level admin
    maxconn 200
defaults
    timeout connect 300ms
    timeout client 1s
    timeout server 1s
    timeout check 600ms
    default-server inter 1s fall 1 rise 1
listen unused
    bind 127.0.0.1:{port}
"""


class Target(socketserver.BaseRequestHandler):
    """Behaves as the server's `manner` says."""

    def handle(self) -> None:
        manner = self.server.manner  # type: ignore[attr-defined]
        self.request.settimeout(2.0)
        if manner == "greets":
            self.request.sendall(b"220 ready\r\n")
        said = b""
        try:
            while True:
                data = self.request.recv(4096)
                said += data
                if not data:
                    return
                if manner == "greets" and b"PING" in said:
                    self.request.sendall(b"+PONG\r\n")
                    said = b""
                elif manner in PAGES and b"\r\n\r\n" in said:
                    self.request.sendall(page(PAGES[manner], WELL if manner in ("ok", "error") else ""))
                    return
        except OSError:
            return  # whoever asked has gone, or says nothing


def page(status: str, body: str) -> bytes:
    """A whole answer."""
    length = "" if status.startswith("204") else f"Content-Length: {len(body)}\r\n"
    return f"HTTP/1.1 {status}\r\n{length}Connection: close\r\n\r\n{body}".encode()


class Listening(socketserver.ThreadingTCPServer):
    """A target on a port of its own."""

    allow_reuse_address, daemon_threads, request_queue_size = True, True, 256

    def __init__(self, manner: str) -> None:
        self.manner = manner
        super().__init__(("127.0.0.1", 0), Target)


@contextmanager
def targets() -> Iterator[dict[str, int]]:
    """Every kind of target, by name with its port."""
    with ExitStack() as stack:
        ports = {"refused": free_port()}
        for manner in TARGETS:
            if manner != "refused":
                server = stack.enter_context(Listening(manner))
                threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
                stack.callback(server.shutdown)
                ports[manner] = server.server_address[1]
        yield ports


def configuration(folder: Path, ports: dict[str, int]) -> str:
    """A backend for each kind of check, in it a server for each kind of target."""
    text = HEAD.format(folder=folder, port=free_port())
    for check, lines in CHECKS.items():
        text += f"backend {check}\n    mode {'http' if 'httpchk' in ''.join(lines) else 'tcp'}\n"
        text += "".join(f"    {line}\n" for line in lines)
        text += "".join(f"    server {name} 127.0.0.1:{ports[name]} check\n" for name in TARGETS)
    return text


def said_by_haproxy(folder: Path) -> dict[tuple[str, str], bool]:
    """(check, target) -> whether its last check passed; those that were not checked yet are missing."""
    with socket.socket(socket.AF_UNIX) as asking:
        asking.connect(str(folder / "admin.sock"))
        asking.sendall(b"show stat\n")
        answer = b"".join(iter(lambda: asking.recv(65_536), b""))
    rows = csv.DictReader(answer.decode().lstrip("# ").splitlines())
    return {
        (row["pxname"], row["svname"]): row["status"].startswith("UP")
        for row in rows
        if row["check_status"] and row["check_status"] not in ("INI", "* INI") and row["svname"] in TARGETS
    }


def said_by_us(text: str) -> dict[tuple[str, str], bool]:
    """(check, target) -> whether every monitor of the service is UP at its first probe."""
    draft = DIALECTS["haproxy"](text)
    bindings, of = [], {}
    for service in services(draft.entities()):
        for bound in service.bindings:
            number = len(bindings) + 1
            bindings.append(engine_binding(number, service, bound))
            of[number] = service.name
    found: dict[tuple[str, str], bool] = {}
    with engine() as harness:
        harness.probe(*bindings)
        harness.until(lambda: {one.number for one in harness.reports} == of.keys(), "a report of each monitor")
        for number, name in of.items():
            check, _, target = name.partition(".")
            up = harness.of(number)[0].verdict is Verdict.UP
            found[(check, target)] = found.get((check, target), True) and up
    return found


@pytest.mark.timeout(120)
def test_our_monitors_say_what_haproxy_says() -> None:
    every = {(check, target) for check in CHECKS for target in TARGETS}
    with short_folder() as folder, targets() as ports:
        text = configuration(folder, ports)
        (folder / "haproxy.cfg").write_text(text)
        port = int(text.partition("bind 127.0.0.1:")[2].split()[0])
        with running([needed("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")], port, folder):
            theirs = wait_until(
                lambda: found if len(found := said_by_haproxy(folder)) == len(every) else None, 20.0, "every check done"
            )
            ours = said_by_us(text)
            for _ in range(PATIENCE):
                if differing(theirs, ours) == TOLD:
                    break
                theirs, ours = said_by_haproxy(folder), said_by_us(text)
    assert differing(theirs, ours) == TOLD
    assert theirs.keys() == every
    assert set(theirs.values()) == {True, False}
    assert sum(theirs.values()) > len(CHECKS), "each check passes somewhere"


def differing(theirs: dict[tuple[str, str], bool], ours: dict[tuple[str, str], bool]) -> dict[tuple[str, str], str]:
    """(check, target) -> what HAProxy says, where it is not what we say."""
    return {place: f"HAProxy: {theirs.get(place)}" for place, up in ours.items() if theirs.get(place) is not up}
