"""GRPC: the target is up if the health service of a gRPC server says SERVING (M-6, M-8).

Rule: one call of grpc.health.v1.Health/Check over HTTP/2, in plain text with prior knowledge or, with `secure`, inside
TLS. The verdict needs the trailers: a server that stops in the middle of its answer serves nobody. The bytes of HTTP/2
are h2's work, frame by frame, so that what the network cut together changes nothing; an HTTP/2 of our own would be more
code than all other kinds. The two messages of protobuf are a field each, and are read and written by hand.
Source: gRPC over HTTP2 (PROTOCOL-HTTP2.md), grpc/health/v1/health.proto.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.fields import Fields
from connectors.probes.framed import FramedConversation, Malformed
from connectors.probes.matching import quoted
from connectors.probes.outcome import UP, Outcome, down
from connectors.probes.secure import SECURE
from schemas.probes import Reason

DEFAULTS: Mapping[str, ParameterValue] = {
    "grpc_health_check": True,
    "grpc_service_name": "",
    "grpc_status_code": 0,
    **SECURE,
}

SERVING_STATUS = ("UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN")
STATUS_NAMES = (
    *("OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS"),
    *("PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED"),
    *("INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"),
)
NOT_FOUND, UNIMPLEMENTED = 5, 12

FRAME_HEADER = 9
SETTINGS_FRAME, GOAWAY_FRAME = 4, 7
STREAM = 1
LONGEST_TIMEOUT_MS = 99_999_999
"""A grpc-timeout has at most eight digits."""

ERROR_NAMES = {code.value: code.name for code in ErrorCodes}
CONFIGURATION = H2Configuration(client_side=True, header_encoding=None)
OURS = {SettingCodes.ENABLE_PUSH: 0, SettingCodes.MAX_HEADER_LIST_SIZE: 16_384}


class GrpcConversation(FramedConversation):
    """One call, one answer."""

    __slots__ = ("_accepted", "_body", "_call", "_headers", "_http", "_needs_serving", "_service", "_trailers")

    def __init__(self, binding: Binding) -> None:
        super().__init__(binding)
        settings = {**DEFAULTS, **binding.parameters}
        self._service = str(settings["grpc_service_name"])
        self._needs_serving = settings["grpc_health_check"] is True
        self._accepted = int(str(settings["grpc_status_code"]))
        self._headers = call_headers(binding, settings)
        self._call = health_request(self._service)
        self._http = H2Connection(CONFIGURATION)
        self._body = bytearray()
        self._trailers: dict[bytes, bytes] = {}

    def cut(self, data: bytearray) -> int:
        """Three bytes of length, and a header of nine in all; a server begins with SETTINGS (RFC 9113, section 3.4)."""
        if len(data) < FRAME_HEADER:
            if b"HTTP/1".startswith(data[:6]) and len(data) >= 3:
                raise Malformed(f"not an HTTP/2 server: {quoted(data)}")
            return 0
        if not self._heard and (data[3] != SETTINGS_FRAME or data[5:9] != b"\0\0\0\0"):
            raise Malformed(f"not an HTTP/2 server: {quoted(data)}")
        return FRAME_HEADER + int.from_bytes(data[:3], "big")

    def open(self) -> Step:
        """Preface, request and its end in one go."""
        self._body.clear()
        self._trailers = {}
        self._http = http = H2Connection(CONFIGURATION)
        http.local_settings = Settings(client=True, initial_values=OURS)
        http.initiate_connection()
        http.send_headers(STREAM, self._headers)
        http.send_data(STREAM, self._call, end_stream=True)
        self.expect("answer to the call", self._framed)
        return http.data_to_send()

    def _framed(self, frame: bytes) -> Step:
        if frame[3] == GOAWAY_FRAME:
            return self._goes_away(Fields(frame, FRAME_HEADER))
        try:
            events = self._http.receive_data(frame)
        except H2Error as error:
            raise Malformed(f"HTTP/2 broken: {str(error) or type(error).__name__}") from None
        for event in events:
            outcome = self._happened(event)
            if outcome is not None:
                return outcome
        return self._http.data_to_send()

    def _goes_away(self, fields: Fields) -> Outcome | None:
        """A server that stops still answers the calls it took (RFC 9113, section 6.8); h2 would hear no more of it."""
        last, code, said = fields.number(4), fields.number(4), fields.rest()
        if code == 0 and last >= STREAM:
            return None
        why = quoted(said) if said else "without a reason"
        return down(Reason.CLOSED, f"the server goes away: {error_name(code)}, {why}")

    def _happened(self, event: Event) -> Outcome | None:
        if isinstance(event, ResponseReceived):
            return self._headed(dict(event.headers or ()))
        if isinstance(event, DataReceived):
            self._body += event.data or b""
        elif isinstance(event, TrailersReceived):
            self._trailers = dict(event.headers or ())
        elif isinstance(event, StreamEnded):
            return self._judge()
        elif isinstance(event, StreamReset):
            return down(Reason.RESET, f"the server gave the call up: {error_name(event.error_code)}")
        return None

    def _headed(self, headers: dict[bytes, bytes]) -> Outcome | None:
        """An answer without a message has its grpc-status already here."""
        status, content = headers.get(b":status", b""), headers.get(b"content-type", b"")
        if status != b"200":
            return down(Reason.BAD_STATUS, f"HTTP {status.decode('latin-1')}, not an answer of gRPC")
        if not content.startswith(b"application/grpc"):
            return down(Reason.BAD_RESPONSE, f"content of type {quoted(content)}, not gRPC")
        self._trailers = headers
        return None

    def _judge(self) -> Outcome:
        code = self._trailers.get(b"grpc-status", b"")
        if not code.isdigit() or len(code) > 4:
            return down(Reason.BAD_RESPONSE, f"an answer of gRPC without a grpc-status, but {quoted(code)}")
        number = int(code)
        if number:
            return UP if number == self._accepted else self._refused(number)
        if not self._needs_serving:
            return UP
        serving = serving_status(bytes(self._body))
        if serving == "SERVING":
            return UP
        return down(Reason.BAD_STATUS, f"{self._service or 'the server'} is {serving}, not SERVING")

    def _refused(self, number: int) -> Outcome:
        name = STATUS_NAMES[number] if number < len(STATUS_NAMES) else "of no known name"
        said = unquote(self._trailers.get(b"grpc-message", b"").decode("latin-1"))
        text = f"gRPC status {number} {name}" + (f": {said}" if said else "")
        if number == UNIMPLEMENTED:
            text += "; it has no health service: install one, or give grpc_status_code=12"
        elif number == NOT_FOUND and self._service:
            text += f"; its health service does not know {self._service}"
        return down(Reason.BAD_STATUS, text)


def call_headers(binding: Binding, settings: Mapping[str, ParameterValue]) -> list[tuple[str, str]]:
    """The request's header section."""
    return [
        (":method", "POST"),
        (":scheme", "https" if settings["secure"] is True else "http"),
        (":path", "/grpc.health.v1.Health/Check"),
        (":authority", str(settings["server_name"]) or binding.target),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-timeout", f"{min(binding.timeout_ms, LONGEST_TIMEOUT_MS)}m"),
        ("user-agent", "watchbill"),
    ]


def health_request(service: str) -> bytes:
    """A HealthCheckRequest with the prefix of a gRPC message. Raises ValueError if the name is too long."""
    name = service.encode()
    if len(name) > 1024:
        raise ValueError(f"grpc_service_name is {len(name)} bytes long, at most 1024")
    message = b"\x0a" + varint(len(name)) + name if name else b""
    return b"\0" + len(message).to_bytes(4, "big") + message


def serving_status(body: bytes) -> str:
    """What a HealthCheckResponse says. Raises Malformed if it is none."""
    fields = Fields(body)
    if fields.number(1) != 0:
        raise Malformed("a compressed message, which nobody asked for")
    fields = Fields(fields.take(fields.number(4)))
    status = 0
    while fields.left:
        key = read_varint(fields)
        number, form = key >> 3, key & 7
        if form == 0:
            value = read_varint(fields)
            status = value if number == 1 else status
        elif form in (1, 5):
            fields.take(8 if form == 1 else 4)
        elif form == 2:
            fields.take(read_varint(fields))
        else:
            raise Malformed(f"a message with a field of form {form}")
    return SERVING_STATUS[status] if status < len(SERVING_STATUS) else f"in status {status}"


def varint(value: int) -> bytes:
    """A number as protobuf writes it."""
    found = bytearray()
    while value >= 0x80:
        found.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*found, value))


def read_varint(fields: Fields) -> int:
    """A number as protobuf writes it, at most 64 bits."""
    value = 0
    for place in range(10):
        byte = fields.number(1)
        value |= (byte & 0x7F) << 7 * place
        if byte < 0x80:
            return value
    raise Malformed("a number without an end")


def error_name(code: int | None) -> str:
    """An error code of HTTP/2 for people."""
    return ERROR_NAMES.get(code or 0, f"error {code}")


GRPC = Kind("GRPC", Wire.STREAM, DEFAULTS, GrpcConversation, alpn=("h2",))
