"""TLS, as a layer between a TCP connection and a conversation: itself a conversation, told of bytes and giving bytes.

Rule: the stream transport carries it and does not know, the conversation inside sees plain text and does not know. TLS
runs in memory (`ssl.MemoryBIO`): so nothing waits inside OpenSSL where epoll does not see it (buffered records, writes
wanted for reading), reads are bounded as for plain TCP, and a target that does not speak TLS can be quoted. It costs
what a non-blocking SSLSocket costs, measured at 0.8 ms of CPU each, nearly all of it the handshake's arithmetic.
Sessions are never reused, because a probe must prove the whole handshake; contexts are shared by all bindings with the
same settings, because one takes 20 ms to make with the system's authorities.
"""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from functools import lru_cache

from connectors.engine.binding import Binding
from connectors.engine.certificates import chain_of, distrust, peer_of
from connectors.probes.contract import Conversation, Peer, Step
from connectors.probes.outcome import Outcome, down, from_errno
from connectors.probes.secure import TlsSettings
from schemas.probes import Reason

PLAIN_BYTES = 16_384
"""The longest piece of plain text handed on: one TLS record."""

BARREN_BYTES = 256 * 1024
"""The most bytes a target may send that carry nothing: a longer handshake, or tickets without end."""

CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:ECDHE+AES:kRSA+AES:!PSK:!aNULL:!eNULL"
"""Up to TLS 1.2: no finite-field Diffie-Hellman, as in browsers. There the target chooses the field, and one of 8192
bits takes an engine 270 ms for a handshake, in which it probes nobody. Plain RSA instead, for old targets.
"""

RECORD_TYPES = frozenset((20, 21, 22, 23))
"""What the first byte of a TLS record can be (RFC 8446, section 5.1)."""

NOTHING = ssl.MemoryBIO()
"""Stands where no probe is in flight."""

HINTS = {
    "unsupported protocol": "it speaks only versions before TLS 1.2",
    "protocol version": "it speaks neither TLS 1.2 nor 1.3",
    "handshake failure": "it has no version or cipher in common with us, or wants a client certificate",
    "unrecognized name": "it does not know the server_name",
    "certificate required": "it wants a client certificate",
    "bad certificate": "it wants a client certificate",
}
"""What is usually behind a fault, by the last words of its name."""


class TlsConversation:
    """One binding's conversation inside TLS. Follows `contract.Conversation` both outwards and inwards."""

    __slots__ = (
        "_barren",
        "_context",
        "_incoming",
        "_inner",
        "_name",
        "_outgoing",
        "_secure",
        "_secured",
        "_target",
        "_timeout_ms",
        "_tls",
    )

    def __init__(self, inner: Conversation, binding: Binding, settings: TlsSettings) -> None:
        """Raises ValueError if the certificates to trust are none."""
        self._inner = inner
        self._secured: Callable[[Peer], Outcome | None] | None = getattr(inner, "secured", None)
        self._context = client_context(settings.verify, settings.authorities, settings.protocols)
        self._name = settings.server_name or (binding.ip if settings.verify else "")
        self._target = binding.target
        self._timeout_ms = binding.timeout_ms
        self._tls: ssl.SSLObject | None = None
        self._incoming = self._outgoing = NOTHING
        self._forget()

    def begin(self) -> None:
        """Forget the last probe."""
        self._forget()
        self._inner.begin()

    def connected(self) -> Step:
        """Greet."""
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = self._context.wrap_bio(self._incoming, self._outgoing, server_hostname=self._name or None)
        return self._advanced()

    def received(self, data: bytes, /) -> Step:
        """Go on with the handshake, or hand plain text on."""
        if self._barren == 0 and not self._secure and data[0] not in RECORD_TYPES:
            first_line = data[:80].split(b"\n", 1)[0].rstrip(b"\r").decode("latin-1")
            return down(Reason.BAD_RESPONSE, f"not TLS: {self._target} answered '{first_line}'")
        self._barren += len(data)
        if self._barren > BARREN_BYTES:
            return down(Reason.TOO_LARGE, f"more than {BARREN_BYTES} bytes of TLS {self._missing()}")
        self._incoming.write(data)
        return self._advanced()

    def closed(self) -> Outcome:
        """The target ended the connection, with or without saying so in TLS first."""
        if self._secure:
            return self._inner.closed()
        return down(Reason.CLOSED, f"closed in the TLS handshake, after {self._barren} bytes")

    def overdue(self) -> Outcome:
        """The handshake did not end, or what the conversation says."""
        if self._secure:
            return self._inner.overdue()
        came = f"only {self._barren} bytes came" if self._barren else "nothing came"
        text = f"TLS handshake with {self._target} not done within {self._timeout_ms} ms: {came}"
        return down(Reason.TIMEOUT_TLS, text)

    def failed(self, error_number: int, doing: str) -> Outcome:
        """The connection broke while the transport was doing this, or after all was said."""
        parting: Outcome | None = getattr(self._inner, "parting", None)
        if parting is not None:
            return parting
        in_handshake = self._tls is not None and not self._secure
        return from_errno(error_number, f"TLS handshake with {self._target}" if in_handshake else doing)

    def last_words(self) -> bytes:
        """What is still to be sent when the probe ends: the rest of the handshake, an alert, a close_notify."""
        tls = self._tls
        if tls is None:
            return b""
        if self._secure:
            try:
                tls.unwrap()
            except ssl.SSLError:  # it wants the target's close_notify, which nobody waits for
                return self._outgoing.read()
        return self._outgoing.read()

    def release(self) -> None:
        """The probe is over: free what the handshake took, 21 KB."""
        self._tls = None
        self._incoming = self._outgoing = NOTHING

    def _forget(self) -> None:
        self.release()
        self._secure = False
        self._barren = 0

    def _advanced(self) -> Step:
        try:
            outcome = self._advance()
        except ssl.SSLWantReadError:
            outcome = None
        except ssl.SSLCertVerificationError as error:
            outcome = self._distrusted(error)
        except ssl.SSLError as error:
            outcome = self._disagreed(error)
        if outcome is not None:
            return outcome
        return self._outgoing.read() if self._outgoing.pending else None

    def _advance(self) -> Outcome | None:
        """As far as the bytes go: ends with an outcome or with SSLWantReadError."""
        tls, inner = self._tls, self._inner
        if tls is None:
            raise RuntimeError(f"TLS with {self._target} goes on, but no probe is in flight: call `connected` first")
        if not self._secure:
            tls.do_handshake()
            self._secure = True
            outcome = self._greeted(tls) or self._do(tls, inner.connected())
            if outcome is not None:
                return outcome
        while True:
            plain = tls.read(PLAIN_BYTES)
            if not plain:
                return inner.closed()
            self._barren = 0
            outcome = self._do(tls, inner.received(plain))
            if outcome is not None:
                return outcome

    def _greeted(self, tls: ssl.SSLObject) -> Outcome | None:
        """Tell a conversation that looks at the certificate."""
        if self._secured is None:
            return None
        try:
            peer = peer_of(tls, int(time.time()))
        except ValueError as error:
            return down(Reason.CERTIFICATE, f"{self._target} sent {error}")
        return self._secured(peer)

    @staticmethod
    def _do(tls: ssl.SSLObject, step: Step) -> Outcome | None:
        """Encrypt what the conversation says, record by record."""
        if isinstance(step, Outcome):
            return step
        while step:
            step = step[tls.write(step) :]
        return None

    def _distrusted(self, error: ssl.SSLCertVerificationError) -> Outcome:
        assert self._tls is not None, "a certificate was refused outside of a handshake"
        try:
            chain = chain_of(self._tls)
        except ValueError as unreadable:
            return down(Reason.CERTIFICATE, f"{self._target} sent {unreadable}")
        text = distrust(error.verify_code, error.verify_message, chain, self._name, int(time.time()))
        return down(Reason.CERTIFICATE, text)

    def _disagreed(self, error: ssl.SSLError) -> Outcome:
        """Bytes that are no TLS, or an alert of the target's."""
        words = (error.reason or "protocol error").replace("_", " ").lower()
        _, alert, name = words.rpartition(" alert ")
        hint = next((f": {text}" for ending, text in HINTS.items() if words.endswith(ending)), "")
        where = "after" if self._secure else "in"
        said = f"it sent the alert '{name}'" if alert else f"its answer was refused, {words}"
        return down(Reason.BAD_RESPONSE, f"TLS with {self._target} failed {where} the handshake, {said}{hint}")

    def _missing(self) -> str:
        return "without any data" if self._secure else "and the handshake is not done"


@lru_cache(maxsize=64)
def client_context(verify: bool, authorities: str, protocols: tuple[str, ...]) -> ssl.SSLContext:
    """The context of all bindings with these settings. Raises ValueError if the authorities are no certificates."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_TICKET
    context.set_ciphers(CIPHERS)
    if protocols:
        context.set_alpn_protocols(list(protocols))
    if not verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    elif authorities:
        _trust(context, authorities)
    else:
        context.load_default_certs()
    return context


def _trust(context: ssl.SSLContext, authorities: str) -> None:
    """These and no others; also one that is no root, so that a person may trust exactly what he means to."""
    try:
        context.load_verify_locations(cadata=authorities)
    except (ssl.SSLError, ValueError) as error:
        raise ValueError("ca_ref names no certificates: its content must be PEM (BEGIN CERTIFICATE)") from error
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
