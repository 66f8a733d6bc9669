"""Whom a node tells of what is DOWN: the addresses, checked, with what must not be shown.

Rule: addresses and the token are left out of `repr` and of every message, for an address may be all that a receiver
asks for (a chat's webhook). Several Alertmanagers are all told, as they want it; there is one webhook, because what was
told is noted once for the cluster, not for each receiver.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass(frozen=True, slots=True)
class AlertSettings:
    """Validated on construction; a ValueError says what to change."""

    webhook: str | None = field(default=None, repr=False)
    alertmanagers: tuple[str, ...] = field(default=(), repr=False)
    token: str | None = field(default=None, repr=False)
    """Shown to the webhook as a bearer token."""

    def __post_init__(self) -> None:
        if self.webhook is not None:
            _check_url(self.webhook, "--alert-webhook")
        for url in self.alertmanagers:
            _check_url(url, "--alertmanager")
        if self.token is not None and (self.webhook is None or not self.token.isprintable()):
            raise ValueError("WATCHBILL_ALERT_TOKEN is for --alert-webhook, one line of printable characters")

    @property
    def wanted(self) -> bool:
        """Whether anybody is told."""
        return self.webhook is not None or bool(self.alertmanagers)


def _check_url(url: str, option: str) -> None:
    """Raises ValueError, whose text does not show it: it may hold a secret."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fits = False
    if not fits or any(sign.isspace() for sign in url):
        raise ValueError(f"{option} is no address: give http://HOST[:PORT]/PATH or https://…")


NOBODY = AlertSettings()
