"""What comes out of the fold of one service: a closed set of facts, for the agent to carry out.

Rule: the fold never does anything; it says what is now so. `Publish` goes to `service-states` (it is the SSS), `Remove`
is its tombstone, `Transition` goes to `service-transitions`, `Alert` is for people, `Refuse` is counted and logged and
changes nothing, `Late` asks to be looked at again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from schemas.identifiers import EntityId
from schemas.states import ServiceState, ServiceTransition


@dataclass(frozen=True, slots=True)
class Publish:
    """The state to be told to everyone; its (view id, sequence) is above every earlier one of the service."""

    state: ServiceState


@dataclass(frozen=True, slots=True)
class Remove:
    """The service is gone: a tombstone."""

    entity_id: EntityId


@dataclass(frozen=True, slots=True)
class Transition:
    """The state changed: one line of history."""

    transition: ServiceTransition


class AlertKind(Enum):
    """What an operator asked to be told of; in brackets, NetScaler's trap of the same meaning."""

    PROBES_FAILED = "PROBES_FAILED"
    """`alert_retries` probes failed in a row (monProbeFailed)."""
    RESPONSE_SLOW = "RESPONSE_SLOW"
    """A response came after `response_timeout_threshold` (monRespTimeoutAboveThresh)."""
    RESPONSE_IN_TIME = "RESPONSE_IN_TIME"
    """The first one that came before it again (monRespTimeoutBelowThresh)."""


BAD_NEWS = frozenset({AlertKind.PROBES_FAILED, AlertKind.RESPONSE_SLOW})
"""Those that a DOWN further down explains."""


@dataclass(frozen=True, slots=True)
class Alert:
    """Something about one binding that people are to hear of, whatever the state. Told once; after a crash, perhaps
    twice.
    """

    entity_id: EntityId
    monitor_id: EntityId
    kind: AlertKind
    text: str
    at_ms: int


class Refusal(Enum):
    """Why a report or a claim was not taken. The first two are the fence (F3, F5); none of them is an error of ours."""

    NOT_OWNER = "NOT_OWNER"
    OBSOLETE_VIEW = "OBSOLETE_VIEW"
    NO_OWNER = "NO_OWNER"
    """No node owns the service under the sender's view, or that view has not been read here yet."""
    DUPLICATE = "DUPLICATE"
    UNKNOWN_SERVICE = "UNKNOWN_SERVICE"
    UNKNOWN_BINDING = "UNKNOWN_BINDING"
    OTHER_ADDRESS = "OTHER_ADDRESS"
    """Of a domain-based service: another name, or an address neither in use nor the one that DNS gives now."""
    NOT_ASKED = "NOT_ASKED"
    """A second opinion that nobody asked of the sender, or asks for no more."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not taken, why, and a line for people."""

    entity_id: EntityId
    reason: Refusal
    text: str


@dataclass(frozen=True, slots=True)
class Late:
    """A response time that somebody chooses by has moved sooner after the last record than it may be told (L-3)."""

    entity_id: EntityId


Fact = Publish | Remove | Transition | Alert | Refuse | Late
