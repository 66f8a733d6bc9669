"""HTTP-ECV: the target is up if its page holds what is expected and no error (M-6, M-8); "extended content check".

Rule: first the status code, then the whole body, or its first 24 KB if there is more: a page that breaks off half-way
serves nobody, whatever its first lines say. A page may announce maintenance whatever its status code is, for such
pages come with 503. Everything up to the end of the headers is HTTP's own conversation.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes import http
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.http import HttpConversation
from connectors.probes.http_body import Framing, HttpBody, Malformed, TooLong, body_of, header_fields
from connectors.probes.matching import CONTENT, TROFS, Content
from connectors.probes.outcome import Outcome, down
from connectors.probes.secure import SECURE
from schemas.probes import Reason

DEFAULTS: Mapping[str, ParameterValue] = {
    "send": "GET /",
    **{name: value for name, value in http.DEFAULTS.items() if name != "http_request"},
    **CONTENT,
    **TROFS,
}
"""`send` is NetScaler's name here for what HTTP calls `http_request`: method and path."""


class HttpEcvConversation(HttpConversation):
    """One request, one whole answer."""

    __slots__ = ("_body", "_content", "_encoding", "_method", "_refusal", "_welcome")

    def __init__(self, binding: Binding) -> None:
        settings = {**DEFAULTS, **binding.parameters}
        super().__init__(binding, {**settings, "http_request": settings["send"]})
        self._method = str(settings["send"]).strip().partition(" ")[0]
        self._content = Content(settings)
        if self._method == "HEAD" and self._content.looks:
            raise ValueError(f"send {settings['send']!r} asks for no body to look at: write it like 'GET /'")
        self._welcome = self._accepted
        self._accepted = frozenset()
        """No code ends the probe by itself: every final answer comes to `_answered`."""
        self._body: HttpBody | None = None
        self._encoding = ""
        self._refusal: Step = None
        """The verdict of a status code that is not expected, unless the page announces maintenance."""

    def begin(self) -> None:
        """Forget the last answer."""
        super().begin()
        self._body = self._refusal = None

    def received(self, data: bytes, /) -> Step:
        """First the headers, then the body."""
        return super().received(data) if self._body is None else self._take(self._body, data)

    def closed(self) -> Outcome:
        """The end of a body that goes on until the connection ends; else the target hung up too early."""
        body = self._body
        if body is None:
            return super().closed()
        if body.framing is Framing.CLOSE:
            return self._judge(body)
        return down(Reason.CLOSED, f"closed before {body.missing()} came, after {body.read_bytes} bytes of the body")

    def overdue(self) -> Outcome:
        """Say how far the answer came."""
        body = self._body
        if body is None:
            return super().overdue()
        text = f"{body.missing()} did not come within {self._timeout_ms} ms, after {body.read_bytes} bytes of the body"
        return down(Reason.TIMEOUT_BODY, text)

    def _answered(self, code: int, data: bytes, end: int, /) -> Step:
        """The header section is complete: see whether the body is worth reading, and where it ends."""
        if data[8:13] not in self._welcome:
            self._refusal = super()._answered(code, data, end)
            if code in (0, self._trofs_code) or not self._content.announces:
                return self._refusal
        fields = header_fields(data[:end])
        try:
            self._body = body_of(fields, code, self._method)
        except Malformed as error:
            return down(Reason.BAD_RESPONSE, str(error))
        coding = fields.get(b"content-encoding", b"identity").decode("latin-1")
        self._encoding = "" if coding == "identity" else coding
        return self._take(self._body, data[end + 4 :])

    def _take(self, body: HttpBody, data: bytes) -> Step:
        try:
            body.feed(data)
        except Malformed as error:
            return down(Reason.BAD_RESPONSE, f"{error}, after {len(body.window)} bytes of content")
        except TooLong as error:
            return down(Reason.TOO_LARGE, str(error))
        return self._judge(body) if body.complete else None

    def _judge(self, body: HttpBody) -> Outcome:
        announced = self._content.announced(body.window)
        if announced is not None:
            return announced
        if isinstance(self._refusal, Outcome):
            return self._refusal
        return self._content.judge(body.window, f" in the {self._encoding[:20]} body" if self._encoding else "")


HTTP_ECV = Kind("HTTP-ECV", Wire.STREAM, {**DEFAULTS, **SECURE}, HttpEcvConversation)
