"""What comes out of the fold of one service: a closed set of facts, for the agent to carry out.

Rule: the fold never does anything; it says what is now so. `Publish` goes to `service-states` (it is the SSS), `Remove`
is its tombstone, `Transition` goes to `service-transitions`, `Refuse` is counted and logged and changes nothing.
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


class Refusal(Enum):
    """Why a report or a claim was not taken. The first two are the fence (F3, F5); none of them is an error of ours."""

    NOT_OWNER = "NOT_OWNER"
    OBSOLETE_VIEW = "OBSOLETE_VIEW"
    NO_OWNER = "NO_OWNER"
    """No node owns the service under the sender's view, or that view has not been read here yet."""
    DUPLICATE = "DUPLICATE"
    UNKNOWN_SERVICE = "UNKNOWN_SERVICE"
    UNKNOWN_BINDING = "UNKNOWN_BINDING"


@dataclass(frozen=True, slots=True)
class Refuse:
    """Not taken, why, and a line for people."""

    entity_id: EntityId
    reason: Refusal
    text: str


Fact = Publish | Remove | Transition | Refuse
