"""SMTP: the target is up if it greets with 220 and answers EHLO with 250 (M-6; RFC 5321, sections 3.1 and 3.2).

Rule: no mail is begun, and QUIT ends the talk: a connection that breaks off is a line in most servers' logs for every
probe. A greeting of several lines is read to its end before EHLO goes out, for a server that filters spam hangs up on
whoever talks too early. With `secure` TLS comes first (SMTPS); STARTTLS is not tried.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.framed import Malformed
from connectors.probes.lines import LineConversation, text_of
from connectors.probes.outcome import UP, down
from connectors.probes.secure import SECURE
from schemas.probes import Reason

DEFAULTS: Mapping[str, ParameterValue] = {"ehlo_domain": "watchbill.invalid"}
"""Who we say we are; the default's domain can never exist (RFC 2606)."""

DOMAIN = re.compile(r"[A-Za-z0-9._:-]{1,253}|\[[A-Za-z0-9.:]{1,60}\]")
REPLY = re.compile(rb"([2-5][0-9]{2})([ -]|\r?\n)")


class SmtpConversation(LineConversation):
    """Greeting, EHLO, QUIT."""

    __slots__ = ("_ehlo",)

    def __init__(self, binding: Binding) -> None:
        super().__init__(binding)
        domain = str({**DEFAULTS, **binding.parameters}["ehlo_domain"])
        if not DOMAIN.fullmatch(domain):
            raise ValueError(f"ehlo_domain {domain!r} is no domain: write it like monitor.example.org")
        self._ehlo = f"EHLO {domain}\r\n".encode()

    def open(self) -> Step:
        """The server speaks first."""
        self.expect("greeting", self._greeted)
        return None

    def _greeted(self, line: bytes) -> Step:
        code, last = reply(line)
        if code != 220:
            return down(Reason.BAD_STATUS, f"greeting {text_of(line)}, expected 220")
        if not last:
            return None
        self.expect("answer to EHLO", self._welcomed)
        return self._ehlo

    def _welcomed(self, line: bytes) -> Step:
        code, last = reply(line)
        if code != 250:
            return down(Reason.BAD_STATUS, f"answer to EHLO {text_of(line)}, expected 250")
        return self.finish(UP, b"QUIT\r\n") if last else None


def reply(line: bytes) -> tuple[int, bool]:
    """The code of a reply's line, and whether it is the reply's last one (RFC 5321, section 4.2.1)."""
    match = REPLY.match(line)
    if match is None:
        raise Malformed(f"no reply of SMTP: {text_of(line)[:120]}")
    return int(match[1]), match[2] != b"-"


SMTP = Kind("SMTP", Wire.STREAM, {**DEFAULTS, **SECURE}, SmtpConversation)
