"""What a kind of probe is to the engine: a conversation that is told what happened and answers what to do next.

Rule: a conversation never touches a socket or a clock. Each call answers with a step: bytes to send, `None` to wait
for more, or an outcome, which ends it. One conversation is made per binding and begun anew for every probe, because a
binding has at most one probe in flight; so a probe allocates nothing here. Why not a generator per probe: it would be
allocated 50,000 times a second, and a bug in it could not be told from its end.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Protocol, TypeAlias

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes.outcome import Outcome

Step: TypeAlias = "Outcome | bytes | None"
"""An outcome ends the probe; bytes are sent; None waits for what the target says next."""


class Wire(Enum):
    """What carries a conversation. The engine has one transport for each."""

    STREAM = "STREAM"
    """A TCP connection of its own."""
    TLS = "TLS"
    """The same with a TLS handshake first; the conversation sees and gives plain text."""
    DATAGRAM = "DATAGRAM"
    """A connected UDP socket of its own: each `bytes` step and each `received` is one datagram."""
    ECHO = "ECHO"
    """ICMP echo on the engine's shared socket: the bytes sent are the payload, the reply's payload comes back."""
    TASK = "TASK"
    """None of the engine's: an asyncio task in the node's process, for rare kinds that need a library or a program."""


@dataclass(frozen=True, slots=True)
class Peer:
    """What a TLS handshake told of the target."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before_s: int
    not_after_s: int
    """Seconds since 1970."""
    chain: tuple[str, ...]
    """Subjects from the target's certificate upwards, as far as they were sent."""
    protocol: str
    cipher: str
    seen_at_s: int
    """When the handshake ended, in seconds since 1970."""


class Conversation(Protocol):
    """One binding's talk with its target. Called in the order begin, connected, received*, and one of the two ends."""

    def begin(self) -> None:
        """A new probe starts: forget the last one."""

    def connected(self) -> Step:
        """The target is reachable: the connection stands (STREAM), or there is none to wait for (ECHO)."""

    def received(self, data: bytes, /) -> Step:
        """The target sent these bytes, never empty."""

    def closed(self) -> Outcome:
        """The target ended the connection before the conversation had an outcome."""

    def overdue(self) -> Outcome:
        """The deadline passed after `connected`: say which part of the answer was missing."""


class SecuredConversation(Conversation, Protocol):
    """A conversation that looks at the certificate: told of it after the handshake, before `connected`."""

    def secured(self, peer: Peer, /) -> Outcome | None:
        """The handshake is done; an outcome ends the probe."""


class PartingConversation(Conversation, Protocol):
    """A conversation that says goodbye after its verdict: how the target then ends the connection changes nothing."""

    parting: Outcome | None
    """The verdict, once the goodbye is under way."""


class Preamble(Conversation, Protocol):
    """What a protocol says in plain text before TLS begins on the same connection. Ends with an outcome or `ready`."""

    ready: bool
    """TLS begins after the bytes of the last step."""


class PreambledConversation(Conversation, Protocol):
    """A conversation whose protocol begins in plain text also where TLS is wanted. Without TLS it opens by itself."""

    preamble: Preamble


@dataclass(frozen=True, slots=True)
class Timed:
    """A task's outcome with a response time of its own, where that is only a part of the probe (FTP: the transfer)."""

    outcome: Outcome
    response_us: int


class Task(Protocol):
    """A probe awaited in the node's process (Wire.TASK). Cancelled at the deadline, and then asked `overdue`."""

    async def run(self) -> Outcome | Timed:
        """Probe once. Everything that was opened is closed when it ends, also when it is cancelled."""

    def overdue(self) -> Outcome:
        """The deadline passed: say which part of the answer was missing."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A row of the table of kinds: its name, what carries it, its parameters' defaults, and its conversation."""

    name: str
    wire: Wire
    parameters: Mapping[str, ParameterValue]
    """Every parameter the kind knows and its default (M-18). A binding may name no other."""
    converse: Callable[[Binding], Conversation]
    """Make the conversation of a binding. Raises ValueError with what to change if a parameter makes no sense."""
    alpn: tuple[str, ...] = ()
    """Application protocols that a TLS handshake offers (RFC 7301), such as h2."""

    def wire_of(self, binding: Binding) -> Wire:
        """What carries this binding's probes: `secure` turns a plain connection into TLS (M-18)."""
        if self.wire is Wire.STREAM and binding.parameters.get("secure") is True:
            return Wire.TLS
        return self.wire


@dataclass(frozen=True, slots=True)
class TaskKind:
    """The same row for a kind that runs as a task."""

    name: str
    parameters: Mapping[str, ParameterValue]
    prepare: Callable[[Binding], Task]
    """Make the task of a binding. Raises ValueError as `Kind.converse` does."""
