"""A row of an engine's table: a binding, whether it is schedulable here, and the state of its probe in flight.

Rule: a binding has at most one probe in flight, so the row itself holds the flight, and a probe allocates nothing but
its socket. Mutable on purpose, and only inside one engine's loop.
"""

from __future__ import annotations

from enum import Enum
from socket import AF_INET, AF_INET6, SocketType
from typing import TYPE_CHECKING, cast

from connectors.engine.binding import Binding
from connectors.engine.learning import dynamic_timeout
from connectors.engine.placement import placement_hash
from connectors.engine.run_kinds import run_of
from connectors.engine.schedule import phase_ms, spread_of
from connectors.engine.starttls import StartTlsConversation
from connectors.engine.tls import TlsConversation
from connectors.probes.contract import Conversation, Kind, PartingConversation, Preamble, Wire
from connectors.probes.kinds import converse
from connectors.probes.outcome import Outcome, inconclusive
from connectors.probes.policy import refusal
from connectors.probes.secure import tls_settings
from connectors.probes.source import unfit_source
from schemas.probes import Reason, Verdict

if TYPE_CHECKING:
    from connectors.engine.transport import Transport

NEVER = 2**62
"""An instant that does not come."""


class Stage(Enum):
    """How far the probe in flight is."""

    IDLE = "IDLE"
    CONNECTING = "CONNECTING"
    TALKING = "TALKING"


IDLE, CONNECTING, TALKING = Stage.IDLE, Stage.CONNECTING, Stage.TALKING
"""The same as plain names: looking them up in the class costs 50 ns, several times a probe."""


class Entry:
    """One binding in one engine."""

    __slots__ = (
        "address",
        "binding",
        "conversation",
        "deadline_ms",
        "down_after",
        "downs",
        "due_ms",
        "expected",
        "failing",
        "family",
        "fault",
        "interval_ms",
        "layer",
        "learning",
        "number",
        "owned",
        "parted_ns",
        "parter",
        "phase_ms",
        "placement",
        "probing",
        "run",
        "sequence",
        "sock",
        "source_ip",
        "spread",
        "stage",
        "started_ns",
        "timeout_ms",
        "transport",
        "unsent",
    )

    def __init__(self, binding: Binding, transports: dict[Wire, Transport]) -> None:
        self.binding = binding
        self.number = binding.number
        self.spread = spread_of(binding.schedule_key)
        self.interval_ms = binding.interval_ms
        self.timeout_ms = binding.timeout_ms
        self.learning = dynamic_timeout(binding)
        """What sets `timeout_ms` anew after each probe (M-19); None where it stays."""
        self.failing = Verdict.UP if binding.reverse else Verdict.DOWN
        self.down_after = binding.down_after or binding.window
        self.phase_ms = phase_ms(binding.interval_ms, self.spread)
        self.run = run_of(binding, self.spread)
        self.family = AF_INET6 if binding.is_ipv6 else AF_INET
        self.address = (binding.ip, binding.port)
        self.source_ip = binding.source_ip
        self.placement = placement_hash(binding)
        self.owned = False
        """This engine is the one that probes it (C-4, C-15)."""
        self.probing = False
        """This node is the one that probes it (M-14)."""
        self.expected = False
        """It is known to succeed, and has not done otherwise since it began: that it does is no news."""
        self.due_ms = NEVER
        self.downs = 0
        """Failures in a row."""
        self.conversation: Conversation | None = None
        self.transport: Transport | None = None
        self.layer: TlsConversation | None = None
        """The conversation too, if it is inside TLS."""
        self.parter: PartingConversation | None = None
        """The conversation too, if it says goodbye after its verdict."""
        self.parted_ns = 0
        """When it began to: the response time ends there, however long the target then takes to hang up."""
        self.fault: Outcome | None = None
        """Why it cannot be probed at all."""
        self._prepare(transports)
        self.sock: SocketType | None = None
        self.sequence = 0
        self.stage = IDLE
        self.started_ns = 0
        self.deadline_ms = NEVER
        self.unsent = b""

    def _prepare(self, transports: dict[Wire, Transport]) -> None:
        refused = refusal(self.binding.ip)
        if refused is not None:
            self.fault = inconclusive(Reason.NO_PERMISSION, refused)
            return
        found = unfit_source(self.binding) or converse(self.binding)
        if isinstance(found, Outcome):
            self.fault = found
            return
        kind, self.conversation = found
        self.parter = cast("PartingConversation", self.conversation) if hasattr(self.conversation, "parting") else None
        wire = kind.wire_of(self.binding)
        self.transport = transports.get(wire)
        if wire is Wire.TLS:
            self._wrap(kind, self.conversation)
        if self.transport is None:
            self.fault = inconclusive(Reason.LOCAL_ERROR, f"this engine has no transport {wire.value}")

    def _wrap(self, kind: Kind, inner: Conversation) -> None:
        """Put the conversation inside TLS."""
        try:
            self.layer = TlsConversation(inner, self.binding, tls_settings(self.binding, kind.alpn))
        except ValueError as error:
            self.conversation, self.fault = None, inconclusive(Reason.LOCAL_ERROR, str(error))
        else:
            preamble: Preamble | None = getattr(inner, "preamble", None)
            self.conversation = self.layer if preamble is None else StartTlsConversation(preamble, self.layer)

    @property
    def schedulable(self) -> bool:
        """Whether it is due here at all; otherwise the row only stays in the table (C-5)."""
        return self.owned and self.probing
