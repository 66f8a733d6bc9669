"""HAProxy's stats socket: one connection, some commands, and what it answers; for who reads it and who sets servers.

Rule: a connection for each question, never one that is kept: a HAProxy that is reloaded leaves its connections with the
old process, which would be asked, and told, for ever. Every wait and every answer has a limit. Blocking: for a thread.
"""

from __future__ import annotations

import socket
from contextlib import closing
from time import monotonic

ANSWER_S = 2.0
"""HAProxy has so long for each part of its answer."""
WHOLE_ANSWER_S = 10.0
ANSWER_BYTES = 64 * 1024 * 1024
"""A longer answer is no table of servers."""


class NoAnswer(Exception):
    """What came is no answer of HAProxy's that can be used; the message says what is missing, and how to have it."""


def ask(where: str, command: bytes) -> str:
    """What HAProxy answers to a line of commands. Raises OSError, or NoAnswer if there is no end of it."""
    with closing(_connected(where)) as sock:
        sock.sendall(command)
        answer, late_s = bytearray(), monotonic() + WHOLE_ANSWER_S
        while data := sock.recv(1 << 16):
            answer += data
            if monotonic() > late_s:
                raise NoAnswer(f"no end of the answer within {WHOLE_ANSWER_S:g} s")
            if len(answer) > ANSWER_BYTES:
                raise NoAnswer(f"more than {ANSWER_BYTES} bytes: is this the stats socket of HAProxy?")
    return answer.decode("utf-8", "replace")


def _connected(where: str) -> socket.socket:
    if is_path(where):
        sock = socket.socket(socket.AF_UNIX)
        sock.settimeout(ANSWER_S)
        try:
            sock.connect(where)
        except OSError:
            sock.close()
            raise
        return sock
    host, _, port = where.rpartition(":")
    return socket.create_connection((host.strip("[]"), int(port)), ANSWER_S)


def is_path(where: str) -> bool:
    """Whether this is a stats socket's path, and not HOST:PORT."""
    return "/" in where


def check_place(where: str) -> None:
    """Raises ValueError unless this is a path or HOST:PORT."""
    host, _, port = where.rpartition(":")
    if is_path(where) or (host and port.isdigit() and 0 < int(port) < 1 << 16):
        return
    raise ValueError(
        f"{where!r} is no stats socket of HAProxy: give its path, such as /run/haproxy/admin.sock, or HOST:PORT"
    )
