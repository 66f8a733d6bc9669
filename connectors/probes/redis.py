"""REDIS: the target is up if it answers PING with PONG, and has the role that is wanted of it (M-6).

Rule: AUTH, PING and ROLE go out in one write, so the probe takes one round trip whatever it asks; the answers come in
their order, and the first that is wrong is the verdict. An error tells more than its absence of PONG: LOADING (it reads
its data), MASTERDOWN (a replica without its master), NOAUTH (give password_ref). A password is looked up once, when the
conversation is made.
"""

from __future__ import annotations

from collections.abc import Mapping

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes.contract import Kind, Step, Wire
from connectors.probes.framed import Malformed
from connectors.probes.lines import LineConversation, text_of
from connectors.probes.outcome import UP, Outcome, down
from connectors.probes.secrets import secret
from connectors.probes.secure import SECURE
from schemas.probes import Reason

DEFAULTS: Mapping[str, ParameterValue] = {"user_name": "", "password_ref": "", "redis_role": ""}

ROLES = {"MASTER": "master", "REPLICA": "slave"}
"""What people call them, and what Redis does."""

CURES = {"NOAUTH": ": give password_ref", "WRONGPASS": ": look at user_name and password_ref"}


class RedisConversation(LineConversation):
    """One write, and a line of answer for each command."""

    __slots__ = ("_authenticates", "_request", "_role")

    def __init__(self, binding: Binding) -> None:
        super().__init__(binding)
        settings = {**DEFAULTS, **binding.parameters}
        user_name, reference, role = (str(settings[name]) for name in DEFAULTS)
        if user_name and not reference:
            raise ValueError(f"user_name {user_name!r} needs password_ref: give it, or leave user_name out")
        if role and role not in ROLES:
            raise ValueError(f"redis_role {role!r} is none of {', '.join(ROLES)}")
        self._authenticates = bool(reference)
        self._role = ROLES.get(role, "")
        login = command("AUTH", *([user_name] if user_name else []), secret(reference)) if reference else b""
        self._request = login + command("PING") + (command("ROLE") if role else b"")

    def open(self) -> Step:
        """Ask everything."""
        if self._authenticates:
            self.expect("answer to AUTH", self._authenticated)
        else:
            self.expect("answer to PING", self._ponged)
        return self._request

    def _authenticated(self, line: bytes) -> Step:
        if line.rstrip() != b"+OK":
            return refusal(line, "AUTH", "OK")
        self.expect("answer to PING", self._ponged)
        return None

    def _ponged(self, line: bytes) -> Step:
        if line.rstrip() != b"+PONG":
            return refusal(line, "PING", "PONG")
        if not self._role:
            return UP
        self.expect("answer to ROLE", self._role_begins)
        return None

    def _role_begins(self, line: bytes) -> Step:
        """An array, whose first element is the role."""
        if not line.startswith(b"*"):
            return refusal(line, "ROLE", "an array")
        self.expect("role", self._role_sized)
        return None

    def _role_sized(self, line: bytes) -> Step:
        if not line.startswith(b"$"):
            return refusal(line, "ROLE", "a role")
        self.expect("role", self._role_told)
        return None

    def _role_told(self, line: bytes) -> Step:
        role = text_of(line)
        return UP if role == self._role else down(Reason.MISMATCH, f"expected role {self._role}, got {role}")


def refusal(line: bytes, asked: str, expected: str) -> Outcome:
    """Another answer than the expected one: an error of Redis, or what is not Redis at all."""
    text = text_of(line)
    if not line.startswith((b"-", b"+", b":", b"*", b"$")):
        raise Malformed(f"no reply of Redis: {text[:120]}")
    cure = CURES.get(text[1:].partition(" ")[0], "")
    return down(
        Reason.BAD_STATUS, f"{asked} answered {text[1:] if line.startswith(b'-') else text}, not {expected}{cure}"
    )


def command(*words: str) -> bytes:
    """A command as an array of its words, which then may hold anything."""
    encoded = [word.encode() for word in words]
    return b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%b\r\n" % (len(word), word) for word in encoded)


REDIS = Kind("REDIS", Wire.STREAM, {**DEFAULTS, **SECURE}, RedisConversation)
