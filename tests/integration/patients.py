"""Targets of every type of monitor, in the test's process: each fails first, in a way of its own, until it is mended.

Rule: a target is what stands at the other end of a real socket. Most answer with bytes that the kinds' own tests hold
to be right; that real servers say the same is for tests/servers to hold.
"""

from __future__ import annotations

import json
import os
import socket
import ssl
import threading
import urllib.request
from collections.abc import Callable, Iterable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from schemas.config import Kind, Operation, Verb
from tests.integration.cluster import Cluster
from tests.integration.targets import Ailment
from tests.servers.named import name_server
from tests.unit.engine.authority import identity
from tests.unit.engine.servers import Handler, serving

POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Ward:
    """Where targets are made: the cluster they are for, what ends them, a folder, the folder of scripts, and the ports
    of the nodes' web views.
    """

    cluster: Cluster
    stack: ExitStack
    folder: Path
    scripts: Path
    web_ports: Iterable[int]


@dataclass(frozen=True, slots=True)
class Patient:
    """A target: its port, and what mends it."""

    port: int
    mend: Callable[[], object]


Maker: TypeAlias = Callable[[Ward, str], Patient]
"""Makes the target of a monitor, which is called so."""

Answer: TypeAlias = Callable[[bytes], bytes]
"""What a datagram is answered with."""


def shut(ward: Ward, _: str) -> Patient:
    """Nobody listens; then somebody does."""
    target = ward.cluster.farm.target()
    target.become(Ailment.CLOSED)
    return Patient(target.port, lambda: target.become(Ailment.NONE))


def stream(ill: Handler, well: Handler) -> Maker:
    """A TCP server that treats connections in the one way, then in the other."""

    def made(ward: Ward, _: str) -> Patient:
        now = [ill]
        port = ward.stack.enter_context(serving(lambda connection, ended: now[-1](connection, ended)))
        return Patient(port, lambda: now.append(well))

    return made


def secured(ill: Handler | None, well: Handler) -> Maker:
    """The same inside TLS; without `ill` it first speaks plain text."""

    def made(ward: Ward, name: str) -> Patient:
        folder = ward.folder / name
        folder.mkdir()
        context = identity(name, None).server_context(folder)

        def inside(handler: Handler) -> Handler:
            def handle(connection: socket.socket, ended: threading.Event) -> None:
                with suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True) as wrapped:
                    handler(wrapped, ended)

            return handle

        return stream(inside(ill) if ill else saying(b"hello\r\n"), inside(well))(ward, name)

    return made


def datagrams(ill: Answer | None, well: Answer) -> Maker:
    """A UDP server; without `ill` nobody listens at first."""

    def made(ward: Ward, _: str) -> Patient:
        now: list[Answer] = [ill] if ill else []
        first = bound(0)
        port = int(first.getsockname()[1])
        if ill:
            serve_datagrams(ward, first, now)
            return Patient(port, lambda: now.append(well))
        first.close()
        return Patient(port, lambda: serve_datagrams(ward, bound(port), [well]))

    return made


def bound(port: int) -> socket.socket:
    """A UDP socket on the loopback."""
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.bind(("127.0.0.1", port))
    sock.settimeout(POLL_S)
    return sock


def serve_datagrams(ward: Ward, sock: socket.socket, now: list[Answer]) -> None:
    """Answer each datagram as is now the way, until the ward closes."""
    ended = threading.Event()

    def serve() -> None:
        while not ended.is_set():
            with suppress(TimeoutError):
                data, sender = sock.recvfrom(65_535)
                sock.sendto(now[-1](data), sender)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    ward.stack.callback(sock.close)
    ward.stack.callback(thread.join)
    ward.stack.callback(ended.set)


def named(name: str) -> Maker:
    """A DNS server that says nothing; then it knows this name."""

    def made(ward: Ward, _: str) -> Patient:
        server = ward.stack.enter_context(name_server(**{name: (["10.0.0.1"], 60)}))
        server.zone.silent = True
        return Patient(server.port, lambda: setattr(server.zone, "silent", False))

    return made


def script(ward: Ward, _: str) -> Patient:
    """A script that looks for a file beside it."""
    path = ward.scripts / "check"
    path.write_text('#!/bin/sh\ntest -e "${0%/*}/well" && exit 0\necho "the shop is shut"\nexit 3\n')
    path.chmod(0o755)
    return Patient(9, (ward.scripts / "well").touch)


def pinged(ward: Ward, name: str) -> Patient:
    """The loopback answers every ping: the monitor is reversed at first, and it is the monitor that is mended."""
    mended = Operation(Verb.SET, Kind.MONITOR, name, {"reverse": "no"})
    return Patient(9, lambda: ward.cluster.apply(mended))


def fed(ill: Mapping[str, object], well: Mapping[str, object]) -> Maker:
    """No target: a program that tells every node, again and again, what came of real traffic to the service."""

    def made(ward: Ward, name: str) -> Patient:
        now, ended = [ill], threading.Event()

        def tell() -> None:
            while not ended.wait(POLL_S):
                for port in ward.web_ports:
                    with suppress(OSError):  # nodes refuse what they are told of a service they do not know yet
                        post(f"http://127.0.0.1:{port}/api/inline/{name}", now[-1])

        thread = threading.Thread(target=tell, daemon=True)
        thread.start()
        ward.stack.callback(thread.join)
        ward.stack.callback(ended.set)
        return Patient(9, lambda: now.append(well))

    return made


def post(url: str, body: Mapping[str, object]) -> None:
    """Send JSON. Raises OSError if it is refused."""
    asked = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        answer.read()


def saying(answer: bytes) -> Handler:
    """Speak first, and hang up when the client has said goodbye or nothing more."""

    def handle(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(answer)
        connection.recv(65_536)

    return handle


def replying(answer: bytes) -> Handler:
    """Answer the first words, then the same."""

    def handle(connection: socket.socket, ended: threading.Event) -> None:
        if connection.recv(65_536):
            saying(answer)(connection, ended)

    return handle


def talking(greeting: bytes, replies: Mapping[bytes, bytes]) -> Handler:
    """Greet, answer each line by its first word, and hang up after QUIT."""

    def handle(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(greeting)
        with connection.makefile("rb") as lines:
            for line in lines:
                connection.sendall(replies.get(line.split()[0], b"502 what?\r\n"))
                if line.startswith(b"QUIT"):
                    return

    return handle


def can_run_scripts() -> bool:
    """Scripts must be root's, so only root can lay one out."""
    return os.geteuid() == 0
