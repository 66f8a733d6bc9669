"""GRPC byte by byte: the call as a server of h2 reads it, every kind of answer, and HTTP/2 that is broken."""

from __future__ import annotations

from typing import Any

import pytest
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import DataReceived, RequestReceived
from hpack import Encoder
from hypothesis import given
from hypothesis import strategies as st

from connectors.probes.fields import Fields
from connectors.probes.framed import Malformed
from connectors.probes.grpc import GRPC, GrpcConversation, read_varint, serving_status, varint
from connectors.probes.outcome import UP, Outcome
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding
from tests.unit.probes.answers import closed, one_by_one, overdue, pieces, talk

HEADED = [(":status", "200"), ("content-type", "application/grpc+proto")]
DATA, HEADERS, RESET, SETTINGS, PROMISE, PING, AWAY, CONTINUATION = 0, 1, 3, 4, 5, 6, 7, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1


def conversation(**settings: Any) -> GrpcConversation:
    return GrpcConversation(binding(kind="GRPC", port=50051, **settings))


def frame(kind: int, payload: bytes = b"", flags: int = 0, stream: int = 1) -> bytes:
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


def headers(*pairs: tuple[str, str], end: bool = False) -> bytes:
    return frame(HEADERS, Encoder().encode(list(pairs)), END_HEADERS | (END_STREAM if end else 0))


def says(status: int) -> bytes:
    """A HealthCheckResponse in a DATA frame."""
    message = b"\x08" + varint(status) if status else b""
    return frame(DATA, b"\0" + len(message).to_bytes(4, "big") + message)


HELLO = frame(SETTINGS, stream=0) + frame(SETTINGS, flags=ACK, stream=0)
OK = headers(("grpc-status", "0"), end=True)
SERVING = HELLO + headers(*HEADED) + says(1) + OK


def test_the_call_as_a_server_reads_it() -> None:
    opening = conversation(grpc_service_name="shop", timeout_ms=2000).connected()
    assert isinstance(opening, bytes)
    server = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
    server.initiate_connection()
    events = server.receive_data(opening)
    [request] = [event for event in events if isinstance(event, RequestReceived)]
    assert dict(request.headers or ()) == {
        ":method": "POST",
        ":scheme": "http",
        ":path": "/grpc.health.v1.Health/Check",
        ":authority": "127.0.0.1:50051",
        "content-type": "application/grpc",
        "te": "trailers",
        "grpc-timeout": "2000m",
        "user-agent": "watchbill",
    }
    [data] = [event for event in events if isinstance(event, DataReceived)]
    assert (data.data, data.stream_ended is not None) == (b"\0\0\0\0\x06\x0a\x04shop", True)


def test_M18_inside_tls_it_offers_h2_and_asks_for_the_server_name() -> None:
    opening = conversation(secure=True, server_name="shop.example").connected()
    assert isinstance(opening, bytes)
    server = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
    [request] = [event for event in server.receive_data(opening) if isinstance(event, RequestReceived)]
    assert {(":scheme", "https"), (":authority", "shop.example")} <= set(request.headers or ())
    assert GRPC.alpn == ("h2",)


def test_M6_serving() -> None:
    assert talk(conversation(), [SERVING]) is UP
    assert talk(conversation(), one_by_one(SERVING)) is UP
    talking = conversation()
    assert talk(talking, [HELLO + headers(*HEADED) + says(1)], overdue).reason is Reason.TIMEOUT_BODY
    assert talk(talking, [SERVING]) is UP, "nothing of the last probe is left"


@pytest.mark.parametrize(
    ("status", "name"), [(0, "UNKNOWN"), (2, "NOT_SERVING"), (3, "SERVICE_UNKNOWN"), (77, "in status 77")]
)
def test_M8_not_serving(status: int, name: str) -> None:
    answer = HELLO + headers(*HEADED) + says(status) + OK
    outcome = talk(conversation(grpc_service_name="shop"), [answer])
    assert outcome == Outcome(Verdict.DOWN, Reason.BAD_STATUS, f"shop is {name}, not SERVING")
    assert talk(conversation(), [answer]).detail == f"the server is {name}, not SERVING"
    assert talk(conversation(grpc_health_check=False), [answer]) is UP


@pytest.mark.parametrize(
    ("code", "message", "detail"),
    [
        ("12", "", "gRPC status 12 UNIMPLEMENTED; it has no health service: install one, or give grpc_status_code=12"),
        ("14", "no%20backend%0a", "gRPC status 14 UNAVAILABLE: no backend\\n"),
        ("5", "", "gRPC status 5 NOT_FOUND; its health service does not know shop"),
        ("99", "", "gRPC status 99 of no known name"),
    ],
)
def test_a_call_that_fails(code: str, message: str, detail: str) -> None:
    pairs = [*HEADED, ("grpc-status", code), *([("grpc-message", message)] if message else [])]
    outcome = talk(conversation(grpc_service_name="shop"), [HELLO + headers(*pairs, end=True)])
    assert outcome == Outcome(Verdict.DOWN, Reason.BAD_STATUS, detail)


def test_a_status_that_is_expected() -> None:
    unimplemented = HELLO + headers(*HEADED, ("grpc-status", "12"), end=True)
    assert talk(conversation(grpc_status_code=12), [unimplemented]) is UP
    assert talk(conversation(grpc_status_code=12), [SERVING]) is UP
    assert talk(conversation(grpc_status_code=14), [unimplemented]).verdict is Verdict.DOWN


@pytest.mark.parametrize(
    ("data", "reason", "words"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", Reason.BAD_RESPONSE, 'not an HTTP/2 server: "HTTP/1.1 400 Bad'),
        (b"HTTP", Reason.BAD_RESPONSE, "not an HTTP/2 server"),
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", Reason.BAD_RESPONSE, "not an HTTP/2 server"),
        (frame(PING, bytes(8), stream=0), Reason.BAD_RESPONSE, "not an HTTP/2 server"),
        (HELLO + headers((":status", "503"), end=True), Reason.BAD_STATUS, "HTTP 503, not an answer of gRPC"),
        (
            HELLO + headers((":status", "200"), ("content-type", "text/html")),
            Reason.BAD_RESPONSE,
            '"text/html", not gRPC',
        ),
        (HELLO + headers(*HEADED, end=True), Reason.BAD_RESPONSE, "without a grpc-status"),
        (HELLO + headers(*HEADED, ("grpc-status", "-1"), end=True), Reason.BAD_RESPONSE, "without a grpc-status"),
        (HELLO + frame(RESET, b"\0\0\0\x07"), Reason.RESET, "the server gave the call up: REFUSED_STREAM"),
        (
            HELLO + frame(AWAY, bytes(4) + b"\0\0\0\x0btoo_many_pings", stream=0),
            Reason.CLOSED,
            "ENHANCE_YOUR_CALM",
        ),
        (HELLO + frame(AWAY, bytes(8), stream=0), Reason.CLOSED, "goes away: NO_ERROR, without a reason"),
        (HELLO + frame(HEADERS, b"\xff\xff\xff\xff", END_HEADERS), Reason.BAD_RESPONSE, "HTTP/2 broken"),
        (HELLO + frame(DATA, b"x", stream=3), Reason.BAD_RESPONSE, "HTTP/2 broken"),
        (HELLO + frame(PROMISE, b"\0\0\0\x02" + Encoder().encode(HEADED), END_HEADERS), Reason.BAD_RESPONSE, "broken"),
        (HELLO + headers(*HEADED) + frame(DATA, b"\1\0\0\0\0") + OK, Reason.BAD_RESPONSE, "a compressed message"),
        (HELLO + headers(*HEADED) + frame(DATA, b"\0\0\0\1\0") + OK, Reason.BAD_RESPONSE, "a field of 256 bytes"),
        (HELLO + headers(*HEADED) + OK, Reason.BAD_RESPONSE, "a field of 1 bytes where 0 are left"),
        (HELLO + b"\xff\xff\xff\x00\x00\x00\x00\x00\x01", Reason.TOO_LARGE, "announced, at most 65536"),
        (HELLO + frame(SETTINGS, stream=0) * 9000, Reason.TOO_LARGE, "announced, at most 65536"),
    ],
)
def test_servers_that_refuse_and_what_is_none(data: bytes, reason: Reason, words: str) -> None:
    outcome = talk(conversation(), [data], closed)
    assert outcome is not None
    assert (outcome.verdict, outcome.reason) == (Verdict.DOWN, reason)
    assert words in outcome.detail
    assert outcome.detail.isprintable()


def test_a_header_section_that_unpacks_without_end_is_refused() -> None:
    """4 KB into the table once, and then a byte for each time it is repeated (an HPACK bomb)."""
    block = Encoder().encode([(":status", "200"), ("a", "x" * 4000)]) + b"\xbe" * 12_000
    outcome = talk(conversation(), [HELLO + frame(HEADERS, block, END_HEADERS)], closed)
    assert outcome is not None
    assert outcome.reason is Reason.BAD_RESPONSE


def test_a_graceful_goodbye_after_the_call_was_taken_is_waited_out() -> None:
    away = frame(AWAY, b"\x7f\xff\xff\xff\0\0\0\0", stream=0)
    assert talk(conversation(), [HELLO + away + headers(*HEADED) + says(1) + OK]) is UP


def test_ends_before_the_verdict() -> None:
    assert talk(conversation(), [], closed).detail == "closed before the answer to the call"
    assert talk(conversation(), [], overdue).reason is Reason.TIMEOUT_FIRST_BYTE
    assert talk(conversation(), [HELLO], closed).reason is Reason.CLOSED


@given(st.integers(0, 2**64 - 1))
def test_numbers_of_protobuf_come_back(value: int) -> None:
    assert read_varint(Fields(varint(value))) == value


@given(st.binary(max_size=40))
def test_any_message_is_one_or_refused(message: bytes) -> None:
    try:
        status = serving_status(b"\0" + len(message).to_bytes(4, "big") + message)
    except Malformed as error:
        status = str(error)
    assert status


WORDS = [
    HELLO,
    headers(*HEADED),
    says(1),
    says(2),
    OK,
    frame(PING, bytes(8), stream=0),
    frame(AWAY, bytes(8), stream=0),
]
WORDS += [
    frame(RESET, bytes(4)),
    frame(CONTINUATION, b"\x82"),
    frame(PROMISE, bytes(8)),
    frame(8, b"\0\0\0\1", stream=0),
]
WORDS += [frame(SETTINGS, b"\0\4\x7f\xff\xff\xff", stream=0), frame(2, bytes(5)), headers(("a", "b"), end=True)]
bits = st.builds(frame, st.integers(0, 12), st.binary(max_size=30), st.integers(0, 255), st.integers(0, 3))
dialogues = st.lists(st.sampled_from(WORDS) | bits | st.binary(max_size=40), max_size=8).map(b"".join)


@given(pieces(dialogues | dialogues.map(HELLO.__add__) | dialogues.map((HELLO + headers(*HEADED)).__add__)))
def test_any_bytes_in_any_pieces_have_one_outcome(cut: tuple[bytes, list[bytes]]) -> None:
    data, parts = cut
    whole, again = (talk(conversation(), each, closed) for each in ([data], parts))
    assert whole is not None
    assert again is not None
    assert (whole.verdict, whole.reason) == (again.verdict, again.reason)
    assert whole.detail.isprintable()
