"""TLS from a target that means harm: any bytes give a verdict, and no neighbour waits (F14)."""

from __future__ import annotations

import socket
import ssl
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.engine import tls
from connectors.engine.certificates import SHORT_CHARACTERS, certificate, distrust, moment, short, subject
from connectors.engine.runs import RunReport
from connectors.engine.tls import TlsConversation
from connectors.probes.kinds import converse
from connectors.probes.outcome import Outcome
from connectors.probes.secure import tls_settings
from schemas.probes import Reason, Verdict
from tests.unit.engine.authority import authority, identity
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import Handler, serving

ROOT = authority("Test Root")
with tempfile.TemporaryDirectory() as folder:
    SERVER = identity("good", ROOT).server_context(Path(folder))


def layer(kind: str = "HTTPS") -> TlsConversation:
    """A TLS layer that has greeted."""
    row = binding(kind=kind)
    found = converse(row)
    assert not isinstance(found, Outcome)
    made = TlsConversation(found[1], row, tls_settings(row))
    made.begin()
    return made


def first_flight(hello: bytes) -> bytes:
    """What a good server answers to a greeting."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    inside = SERVER.wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(hello)
    with suppress(ssl.SSLWantReadError):
        inside.do_handshake()
    return outgoing.read()


@given(st.lists(st.binary(min_size=1, max_size=200), min_size=1, max_size=5))
@settings(max_examples=150, deadline=None)
def test_any_bytes_give_a_step(pieces: list[bytes]) -> None:
    made = layer()
    made.connected()
    for piece in pieces:
        if isinstance(made.received(piece), Outcome):
            break
    made.last_words()
    assert made.closed().verdict is Verdict.DOWN
    assert made.overdue().verdict is Verdict.DOWN


@given(st.integers(0, 5000), st.integers(0, 7), st.sampled_from(["HTTPS", "TLS"]))
@settings(max_examples=150, deadline=None)
def test_a_flight_that_was_tampered_with_never_ends_well(place: int, bit: int, kind: str) -> None:
    """One bit is enough, wherever TLS 1.3 guards it: not in the head of the first record, nor in what follows it to
    please old boxes, a record of 6 bytes (RFC 8446, appendix D.4).
    """
    made = layer(kind)
    hello = made.connected()
    assert isinstance(hello, bytes)
    flight = bytearray(first_flight(hello))
    end = 5 + int.from_bytes(flight[3:5], "big")
    guarded = (*range(5, end), *range(end + 6, len(flight)))
    flight[guarded[place % len(guarded)]] ^= 1 << bit
    step = made.received(bytes(flight))
    assert step is None or (isinstance(step, Outcome) and step.verdict is Verdict.DOWN)


@given(st.dictionaries(st.sampled_from(["subject", "issuer", "subjectAltName"]), st.just(()), max_size=3))
def test_a_certificate_without_much_in_it(info: dict[str, object]) -> None:
    dates = {"notBefore": "Jan  1 00:00:00 2026 GMT", "notAfter": "Dec 31 23:59:59 9999 GMT"}
    found = certificate({**info, **dates})
    assert found.subject == found.issuer == "(no name)"
    text = distrust(62, "Hostname mismatch", (found,), "a.example", 0)
    assert text == "certificate (no name) is not for a.example but for no name at all; chain: (no name)"


def test_names_and_instants_for_people() -> None:
    name = subject(((("organizationName", "Example"),), (("commonName", "x"),), (("title", "y"),)))
    assert name == "CN=x, O=Example, title=y"
    assert short(name) == "CN=x"
    assert short("n" * 100) == "n" * SHORT_CHARACTERS + "..."
    assert moment(0) == "1970-01-01 00:00 UTC"
    assert moment(10**18) == f"{10**18} s since 1970"


def flooding(connection: socket.socket, ended: threading.Event) -> None:
    """Never cease to send an answer without end."""
    with SERVER.wrap_socket(connection, server_side=True) as inside:
        inside.recv(65536)
        inside.sendall(b"HTTP/1.1 200 OK\r\n")
        while not ended.is_set():
            inside.sendall(b"X-Endless: " + b"x" * 16_000 + b"\r\n")


def test_F14_an_answer_without_end_is_ended() -> None:
    with serving(flooding) as port, engine() as harness:
        report = harness.first(binding(kind="HTTPS", port=port, timeout_ms=3000))
    assert (report.verdict, report.reason) == (Verdict.DOWN, Reason.TOO_LARGE)


def test_F14_a_handshake_without_end_is_ended_and_no_neighbour_waits() -> None:
    """Records of the handshake, each good in itself, whose message never comes to its end."""
    hello = b"\x16\x03\x03\x40\x00" + b"\x02\xff\xff\xff" + bytes(0x4000 - 4)

    def endless(connection: socket.socket, ended: threading.Event) -> None:
        connection.recv(65536)
        while not ended.is_set():
            connection.sendall(hello)

    report, lag_ms = probed_beside(endless)
    assert (report.verdict, report.reason) in ((Verdict.DOWN, Reason.TOO_LARGE), (Verdict.DOWN, Reason.BAD_RESPONSE))
    assert lag_ms < 200


def test_F14_tickets_without_end_are_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """After the handshake a server may send as many session tickets as it likes (RFC 8446, section 4.6.1)."""
    made = layer()
    hello = made.connected()
    assert isinstance(hello, bytes)
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = SERVER
    context.num_tickets = 255
    try:
        inside = context.wrap_bio(incoming, outgoing, server_side=True)
        incoming.write(hello)
        with suppress(ssl.SSLWantReadError):
            inside.do_handshake()
        finished = made.received(outgoing.read())
        assert isinstance(finished, bytes)
        incoming.write(finished)
        inside.do_handshake()
    finally:
        context.num_tickets = 2
    tickets = outgoing.read()
    assert len(tickets) > 10_000
    monkeypatch.setattr(tls, "BARREN_BYTES", len(tickets) // 2)
    pieces = (tickets[place : place + 4096] for place in range(0, len(tickets), 4096))
    step = next(step for step in map(made.received, pieces) if step is not None)
    assert isinstance(step, Outcome)
    assert step.reason is Reason.TOO_LARGE
    assert step.detail == f"more than {len(tickets) // 2} bytes of TLS without any data"


def probed_beside(handler: Handler) -> tuple[RunReport, float]:
    """The verdict on a hostile target, and the longest turn of the loop that it caused."""
    longest_s = 0.0
    with serving(handler) as port, engine() as harness:
        harness.probe(binding(kind="HTTPS", port=port, timeout_ms=1000))
        limit = time.monotonic() + 5
        while not harness.reports and time.monotonic() < limit:
            began_s = time.thread_time()
            harness.turn()
            longest_s = max(longest_s, time.thread_time() - began_s)
        return harness.reports[0], longest_s * 1000
