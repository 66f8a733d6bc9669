"""HTTP: the target is up if it answers a request with an expected status code (M-6, M-8).

Rule: the verdict needs the whole header section, not only the status line: a server that stops in the middle of its
headers serves nobody. The body is not read. Interim 1xx answers are passed over (RFC 9110, section 15.2). The request
is made once per binding, and only as much of the answer is parsed as the verdict needs: this is the hot path. Nearly
every header section comes in one piece; only one that does not is gathered, and looked at from where it went on.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.outcome import UP, Outcome, down, maintenance
from connectors.probes.secrets import header_secret
from connectors.probes.secure import SECURE, host_name
from schemas.probes import Reason

HEADER_BYTES = 64 * 1024
"""The longest header section that is read; a longer one is the target's failure."""

INTERIM_BYTES = 1024
"""An interim answer counts as so many bytes at least: thousands of tiny ones would cost 50 probes' time."""

LAST_END = HEADER_BYTES - len(b"\r\n\r\n")

HTTPS_PORT = 443
"""The port that a Host header leaves out."""

AFTER_CODE = (b" ", b"\r")
"""What may follow the status code: a reason phrase is optional in practice."""

DEFAULTS: Mapping[str, ParameterValue] = {
    "http_request": "HEAD /",
    "response_codes": ((200, 200),),
    "custom_headers": (),
    "secret_headers": (),
    "trofs_code": 0,
}
"""NetScaler's: `HEAD /` and 200. Codes are inclusive ranges; headers are `Name: value`, and a Host replaces ours. The
target announces maintenance by trofs_code ("transition out of service"); 0 is none.
"""


class HttpConversation:
    """One request, one final answer's header section. `settings` are the binding's, unless another kind fits them."""

    __slots__ = ("_accepted", "_codes", "_passed", "_pending", "_request", "_timeout_ms", "_trofs_code")

    def __init__(self, binding: Binding, settings: Mapping[str, ParameterValue] | None = None) -> None:
        settings = settings or {**DEFAULTS, **binding.parameters}
        self._request = request_bytes(binding, settings)
        self._codes = code_ranges(settings["response_codes"])
        self._trofs_code = settings["trofs_code"]
        codes = {code for low, high in self._codes for code in range(low, high + 1)} - {self._trofs_code}
        self._accepted = frozenset(b" %d%b" % (code, after) for code in codes for after in AFTER_CODE)
        self._timeout_ms = binding.timeout_ms
        self._pending = b""
        """A header section that is not complete yet."""
        self._passed = 0
        """Bytes of interim answers."""

    def begin(self) -> None:
        """Forget the last answer."""
        self._pending = b""
        self._passed = 0

    def connected(self) -> Step:
        """Send the request."""
        return self._request

    def received(self, data: bytes, /) -> Step:
        """Go on until the header section of a final answer is complete."""
        if self._pending:
            known = len(self._pending)
            data = self._pending + data
            if known > len(b"HTTP/1.") and data.find(b"\r\n\r\n", known - 3) < 0:
                return self._wait(data)
        while True:
            if not data.startswith(b"HTTP/1.") and not b"HTTP/1.".startswith(data[:7]):
                return down(Reason.BAD_RESPONSE, f"not an HTTP/1 answer: {printable_head(data)}")
            end = data.find(b"\r\n\r\n")
            if not 0 <= end <= LAST_END:
                return self._wait(data)
            if data[8:13] in self._accepted:
                return UP
            code = status_code(data)
            if not 100 <= code < 200:
                return self._answered(code, data, end)
            self._passed += max(end + 4, INTERIM_BYTES)
            data = data[end + 4 :]
            if not data or self._passed > HEADER_BYTES:
                return self._wait(data)

    def closed(self) -> Outcome:
        """The target hung up in the middle, or before it said anything."""
        if self._pending:
            return down(Reason.CLOSED, f"closed in the middle of the header section, after {len(self._pending)} bytes")
        return down(Reason.CLOSED, "closed without an answer")

    def overdue(self) -> Outcome:
        """Nothing at all, or not enough."""
        if self._pending:
            text = f"header section not complete within {self._timeout_ms} ms, after {len(self._pending)} bytes"
            return down(Reason.TIMEOUT_BODY, text)
        return down(Reason.TIMEOUT_FIRST_BYTE, f"no answer within {self._timeout_ms} ms")

    def _wait(self, data: bytes) -> Step:
        if self._passed > HEADER_BYTES:
            return down(Reason.TOO_LARGE, "interim answers (1xx) without end, and no final one")
        if len(data) > HEADER_BYTES:
            return down(Reason.TOO_LARGE, f"header section longer than {HEADER_BYTES} bytes")
        self._pending = data
        return None

    def _answered(self, code: int, data: bytes, _end: int, /) -> Step:
        """A final answer whose code is not good enough; its header section ends at `_end`."""
        line = printable_head(data)
        if code == 0:
            return down(Reason.BAD_RESPONSE, f"not an HTTP/1 answer: {line}")
        if code == self._trofs_code:
            return maintenance(f"announces maintenance: HTTP {line[9:]}")
        expected = ", ".join(f"{low}" if low == high else f"{low}-{high}" for low, high in self._codes)
        return down(Reason.BAD_STATUS, f"HTTP {line[9:]}, expected {expected}")


def status_code(data: bytes) -> int:
    """The three digits of `HTTP/1.x NNN`, or 0 if that is not what the answer begins with (RFC 9112, section 4)."""
    digits = data[9:12]
    if digits.isdigit() and len(digits) == 3 and data[8:9] == b" " and data[12:13] in AFTER_CODE:
        return int(digits)
    return 0


def printable_head(data: bytes) -> str:
    """The first line, for people; its end is cut."""
    return data[:160].split(b"\r\n", 1)[0].decode("latin-1")


def request_bytes(binding: Binding, settings: Mapping[str, ParameterValue]) -> bytes:
    """The request of a binding. Raises ValueError if it is not `METHOD /path` or a header is not `Name: value`."""
    method, _, path = str(settings["http_request"]).strip().partition(" ")
    path = path.strip() or "/"
    if not method.isalpha() or not method.isupper() or any(c <= " " or c == "\x7f" for c in path):
        raise ValueError(f"http_request {settings['http_request']!r} is no method and path: write it like 'HEAD /'")
    headers = {
        "host": f"Host: {host_of(binding, settings)}",
        "user-agent": "User-Agent: watchbill",
        "accept": "Accept: */*",
    }
    headers["connection"] = "Connection: close"
    secret_headers = secret_header_lines(settings.get("secret_headers", ()))
    for line in (*header_lines(settings["custom_headers"]), *secret_headers):
        headers[line.partition(":")[0].lower()] = line
    lines = [f"{method} {path} HTTP/1.1", *headers.values(), "", ""]
    return "\r\n".join(lines).encode("latin-1", "replace")


def host_of(binding: Binding, settings: Mapping[str, ParameterValue]) -> str:
    """Whom the request is for: the name that TLS asks for, or the address. A server may refuse another (RFC 9110, 7.4).

    Raises ValueError if the name is none.
    """
    name = host_name(str(settings.get("server_name", "")))
    return binding.target if not name else name if binding.port == HTTPS_PORT else f"{name}:{binding.port}"


def header_lines(value: ParameterValue) -> list[str]:
    """The custom headers, each checked. Raises ValueError for one that would end the header or the request early."""
    lines = [str(line) for line in value] if isinstance(value, tuple) else str(value).splitlines()
    for line in lines:
        name, colon, _ = line.partition(":")
        if not colon or not name or not name.isascii() or not name.replace("-", "").replace("_", "").isalnum():
            raise ValueError(f"custom header {line!r} is not 'Name: value'")
        if not line.isprintable():
            raise ValueError(f"custom header {line!r} holds control characters")
    return lines


def secret_header_lines(value: ParameterValue) -> list[str]:
    """Headers whose value this node looks up: `Authorization: file:token`. Raises ValueError without the secret."""
    parts = (line.partition(":") for line in header_lines(value))
    return [f"{name}: {header_secret(ref.strip())}" for name, _, ref in parts]


def code_ranges(value: ParameterValue) -> tuple[tuple[int, int], ...]:
    """The accepted status codes as ranges. Raises ValueError if one is empty or no status code."""
    if not isinstance(value, tuple) or not value:
        raise ValueError(f"response_codes {value!r} is not a list of ranges: write it like ((200, 204), (301, 301))")
    ranges = []
    for pair in value:
        if not isinstance(pair, tuple) or len(pair) != 2 or not 100 <= pair[0] <= pair[1] <= 999:
            raise ValueError(f"response code range {pair!r} is not two codes from 100 to 999, the lower first")
        ranges.append((pair[0], pair[1]))
    return tuple(ranges)


HTTP = Kind("HTTP", Wire.STREAM, {**DEFAULTS, **SECURE}, HttpConversation)
