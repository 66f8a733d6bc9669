"""TLS: the target is up if it completes a TLS handshake and its certificate is valid for long enough (M-6).

Rule: the handshake and its verification are the TLS layer's; this kind only reads the certificate's dates. It is the
target's own certificate that counts: chains may carry an expired one above it that no client needs. When all is well
the detail still says how many days are left, so that a person sees the date come before it is one of failure.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes import secure
from connectors.probes.contract import Kind, Peer, Step, Wire
from connectors.probes.outcome import UP, Outcome, down, printable
from schemas.probes import Reason, Verdict

DAY_S = 86_400

DEFAULTS: Mapping[str, ParameterValue] = {"expiry_days": 0, **secure.TLS}
"""With 0 days a certificate is good until it expires."""


class TlsKindConversation:
    """Secured and in time means up; nothing is said inside."""

    __slots__ = ("_expiry_days", "_found", "_timeout_ms")

    def __init__(self, binding: Binding) -> None:
        expiry_days = binding.parameters.get("expiry_days", DEFAULTS["expiry_days"])
        if not isinstance(expiry_days, int) or expiry_days < 0:
            raise ValueError(f"expiry_days {expiry_days!r} is no number of days: give 0 or more")
        if not 0 < binding.port < 65536:
            raise ValueError(f"port {binding.port} of {binding.service_name} is not a TCP port: give 1 to 65535")
        self._expiry_days = expiry_days
        self._timeout_ms = binding.timeout_ms
        self._found = UP

    def begin(self) -> None:
        """Forget the last certificate."""
        self._found = UP

    def secured(self, peer: Peer, /) -> Outcome | None:
        """Look at the dates."""
        self._found = judged(peer, self._expiry_days)
        return self._found

    def connected(self) -> Step:
        """The handshake is done."""
        return self._found

    def received(self, _data: bytes, /) -> Step:
        """Never reached: the probe has ended with the handshake."""
        return self._found

    def closed(self) -> Outcome:
        """Never reached, as above: before the handshake is done the TLS layer answers."""
        return down(Reason.CLOSED, "closed after the TLS handshake")

    def overdue(self) -> Outcome:
        """Never reached, as above."""
        return down(Reason.TIMEOUT_TLS, f"no TLS handshake within {self._timeout_ms} ms")


def judged(peer: Peer, expiry_days: int) -> Outcome:
    """Whether a certificate is valid for as many days as wanted, and for how many it is."""
    left_s = peer.not_after_s - peer.seen_at_s
    name = peer.subject.partition(", ")[0][:60]
    if peer.not_before_s > peer.seen_at_s:
        begins_in = days(peer.not_before_s - peer.seen_at_s)
        return down(Reason.CERTIFICATE, f"certificate {name} of {peer.issuer} is not valid yet: begins in {begins_in}")
    if left_s < 0:
        text = f"certificate {name} expired {days(-left_s)} ago"
    elif left_s < expiry_days * DAY_S:
        text = f"certificate {name} expires in {days(left_s)}, wanted {expiry_days} days"
    else:
        return Outcome(Verdict.UP, Reason.OK, printable(f"certificate {name} expires in {days(left_s)}"))
    return down(Reason.CERTIFICATE, f"{text}; it was issued by {peer.issuer}")


def days(seconds: int) -> str:
    """A length of time in whole days, for people."""
    whole = seconds // DAY_S
    return "less than a day" if whole == 0 else "1 day" if whole == 1 else f"{whole} days"


TLS = Kind("TLS", Wire.TLS, DEFAULTS, TlsKindConversation)
