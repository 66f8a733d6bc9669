"""A target that answers and does not hang up after the goodbye: UP, with the time of its answer (M-7)."""

from __future__ import annotations

import socket
import threading

from schemas.probes import Verdict
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import serving


def clinging(connection: socket.socket, ended: threading.Event) -> None:
    """An SMTP server that says everything right and never ends the connection."""
    connection.sendall(b"220 ready\r\n")
    while not ended.is_set():
        line = connection.recv(1024)
        if not line:
            return
        connection.sendall(b"221 bye\r\n" if line.startswith(b"QUIT") else b"250 ok\r\n")


def test_M7_the_response_time_ends_with_the_answer_and_not_with_the_goodbye() -> None:
    with serving(clinging) as port, engine() as harness:
        report = harness.first(binding(kind="SMTP", port=port, timeout_ms=600))
    assert report.verdict is Verdict.UP
    assert 0 < report.response_avg_us < 500_000
