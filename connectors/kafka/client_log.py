"""What librdkafka has to say, into structlog, at most one line of a kind in half a minute.

Rule: while Kafka is away the client tells it ten times a second in ever the same words; a person needs to read it
once, and how often it was said since. Nothing is dropped unseen: the count of what was held back stands in the next
line.
"""

from __future__ import annotations

import re
import time
from typing import Any

import structlog

QUIET_S = 30.0
KINDS = 64
"""Kinds of line remembered. At more, all are forgotten and may be told again."""

_WARNING = 30
_REFUSALS = ("_AUTHENTICATION", "_SSL")
NO_CERTIFICATE = "CERTIFICATE"
"""Not librdkafka's name: a broker that wants another certificate says so in an alert, which is an error of any kind."""
_ALERT = re.compile(r"\balert\b.*\bcertificate\b|\balert unknown ca\b")
_WRONG_PROTOCOL = "security.protocol"
"""What the client says of a broker that hangs up on plaintext, among errors of any kind."""


class ClientLog:
    """One client's voice. `log` is what confluent-kafka calls of a logger; `error` is its error callback's text.

    `refusal` is why a broker last turned this client away: (error's name, text). A request then only times out, and
    would look as if nobody was there. Who gets an answer resets it.
    """

    def __init__(self, client_id: str) -> None:
        self._log = structlog.get_logger("watchbill.kafka").bind(client=client_id)
        self._told: dict[str, tuple[float, int]] = {}
        self.refusal: tuple[str, str] | None = None

    def log(self, level: int, template: str, *arguments: Any) -> None:
        """A line of librdkafka: (facility, client, text). Its notices are for its makers, and are left out."""
        if level < _WARNING:
            return
        text = template % arguments if arguments else template
        self._tell(str(arguments[0]) if arguments else text[:40], "kafka_client", text)

    def error(self, name: str, text: str) -> None:
        """An error event: its name (`_TRANSPORT`) is its kind."""
        if _ALERT.search(text):
            self.refusal = (NO_CERTIFICATE, text)
        elif name in _REFUSALS or _WRONG_PROTOCOL in text:
            self.refusal = (name, text)
        self._tell(name, "kafka_error", text)

    def _tell(self, kind: str, event: str, text: str) -> None:
        now_s = time.monotonic()
        last_s, held_back = self._told.get(kind, (-QUIET_S, 0))
        if now_s - last_s < QUIET_S:
            self._told[kind] = (last_s, held_back + 1)
            return
        if len(self._told) >= KINDS:
            self._told.clear()
        self._told[kind] = (now_s, 0)
        self._log.warning(event, kind=kind, text=text, held_back=held_back)
