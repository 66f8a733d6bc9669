"""Debian's HAProxy before one target, with its stats sockets, and requests through it."""

from __future__ import annotations

import socket
import tempfile
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.servers.running import Server, free_port, needed, running

CONFIGURATION = """
global
    stats socket {folder}/admin.sock mode 666 level operator
    stats socket {folder}/user.sock mode 666 level user
    stats socket ipv4@127.0.0.1:{stats_port} level admin
    maxconn 100
defaults
    mode http
    retries 1
    timeout connect 500ms
    timeout client 1s
    timeout server 500ms
listen web
    bind 127.0.0.1:{web_port}
    server one 127.0.0.1:{target_port}
"""


@contextmanager
def short_folder() -> Iterator[Path]:
    """The path of a socket has at most 107 characters: pytest's own folders are too deep."""
    with tempfile.TemporaryDirectory(prefix="watchbill-") as folder:
        yield Path(folder)


def listens(where: Path) -> bool:
    """Whether someone accepts at a socket's path; one that has ended leaves the path."""
    with socket.socket(socket.AF_UNIX) as sock:
        sock.settimeout(1.0)
        return sock.connect_ex(str(where)) == 0


@contextmanager
def haproxy(place: Path, target_port: int) -> Iterator[Server]:
    """HAProxy in the folder `place`: its port takes requests; the file `stats_port` has the port of its statistics."""
    port, stats_port = free_port(), free_port()
    text = CONFIGURATION.format(folder=place, stats_port=stats_port, web_port=port, target_port=target_port)
    (place / "haproxy.cfg").write_text(text)
    (place / "stats_port").write_text(str(stats_port))
    with running([needed("haproxy"), "-db", "-f", str(place / "haproxy.cfg")], port, place) as up:
        yield up


def request(port: int, times: int = 5) -> None:
    """Real requests, whatever becomes of them."""
    for _ in range(times):
        with suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5).read()
