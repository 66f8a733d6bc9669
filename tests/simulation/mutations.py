"""Each rule of the product taken away by itself, to see that the checkers miss it.

Rule: a mutation is rows of (owner, name, what stands there instead), and says which breaches it is to be found by. One
that is found by an exception or by another rule alone shows nothing. Three rules each keep what a node had waiting when
it was replaced from going out (the folds end at the view, the outbox asks the view, and the log): nothing is missed
while one of them is left, so they are taken away together; tests/unit has each by itself.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from connectors.replica import state_map
from connectors.replica.state_map import StateMap, Verdict
from streams.agents.folds import Folds
from streams.folding import service as service_module
from streams.folding.facts import Refusal
from streams.folding.fence import refusal
from streams.folding.service import ServiceFold
from streams.node import joining, views, watches
from streams.node.folding import Folding
from streams.node.lease import Lease
from streams.node.own_health import OwnHealth
from streams.node.results import ResultPublisher
from streams.ownership.handover import RESTING, Duty, hand_over
from streams.ownership.view import ProposedView, RefusalReason, Refused, View, accept
from streams.tables.outbox import Outbox
from tests.simulation.schedule import DEAF_FROM, DOUBTED_FROM, WOKEN_FROM

Row = tuple[Any, str, Any]


def accept_everything(held: View, proposed: ProposedView, offset: int) -> View | Refused:
    """Whatever it was built upon."""
    outcome = accept(held, proposed, offset)
    if isinstance(outcome, Refused) and outcome.reason in (RefusalReason.LOST_RACE, RefusalReason.BUILT_ON_UNKNOWN):
        return accept(
            held, ProposedView(held.view_id, proposed.generation, proposed.members, proposed.proposer), offset
        )
    return outcome


async def no_wait(*_: Any) -> None:
    """The replay is not waited for."""


def last_offset_wins(self: StateMap, record: Any, key: Any, value: Any, stale: Any, order: Any = None) -> Verdict:
    """No precedence: what comes last stands."""
    if value is None:
        return self._remove(key)
    state_map.peek_order(value)
    self.values[key] = value
    self.removed.pop(key, None)
    return Verdict.TAKEN


def break_before_make(*arguments: Any) -> Any:
    """An old owner stops at the view."""
    watch = hand_over(*arguments)
    return RESTING if watch.duty is Duty.HOLD else watch


def without(reason: Refusal) -> Callable[..., Any]:
    """The fence with a hole."""

    def holed(*arguments: Any) -> Any:
        refused = refusal(*arguments)
        return None if refused is not None and refused.reason is reason else refused

    return holed


_outbox_init = Outbox.__init__


def every_partition_is_ours(self: Outbox, *arguments: Any) -> None:
    """The outbox asks the lease alone."""
    _outbox_init(self, *arguments[:5])


@dataclass(frozen=True, slots=True)
class Mutation:
    """What is taken away, and the breaches of which one must find it.

    `first`: the seed to begin at. A rule that few schedules miss is looked for where it was missed last.
    """

    rows: tuple[Row, ...]
    found_by: frozenset[str]
    first: int = 0


def _mutation(owner: Any, name: str, instead: Any, *found_by: str, first: int = 0) -> Mutation:
    return Mutation(((owner, name, instead),), frozenset(found_by), first)


_drop_except = Outbox.drop_except


def drop_history_as_well(self: Outbox, partitions: Any) -> int:
    """Whatever became of the states whose lines they are."""
    dropped = _drop_except(self, partitions)
    self._history.clear()
    return dropped


_adopt = ServiceFold._adopt


def adopt_in_silence(self: ServiceFold, *arguments: Any) -> bool:
    """A new owner is nothing to tell of, once there is a record."""
    return _adopt(self, *arguments) and self.record is None


MUTATIONS: dict[str, Mutation] = {
    "view check off": _mutation(views, "accept", accept_everything, "V-1"),
    "owner fence off": _mutation(service_module, "refusal", without(Refusal.NOT_OWNER), "STALE_LAST", "O-4", "truth"),
    "obsolete view fence off": _mutation(
        service_module,
        "refusal",
        without(Refusal.OBSOLETE_VIEW),
        "VIEW_WENT_BACK",
        "STALE_LAST",
        "TOLD_OLD",
        "HISTORY_GAP",
    ),
    "lease off": _mutation(Lease, "holds", lambda _: True, "VIEW_WENT_BACK", "FORKED", first=110),
    "nobody doubts itself": _mutation(OwnHealth, "suspect", lambda _: False, "FALSE_DOWN", first=DOUBTED_FROM),
    "group not asked": _mutation(Lease, "_is_counted_in", lambda _: True, "F5", first=DEAF_FROM),
    "what waits goes out after a loss": Mutation(
        (
            (Folding, "view_accepted", lambda *_: None),
            (Outbox, "__init__", every_partition_is_ours),
            (Folding, "is_superseded", lambda *_: False),
        ),
        frozenset({"FORKED", "VIEW_WENT_BACK", "SEQUENCE_WENT_BACK"}),
        first=500,
    ),
    "read repair off": _mutation(Folds, "repair", lambda *_: 0, "STALE_LAST", "U-5"),
    "join gate off": _mutation(joining, "_wait_ready", no_wait, "V-9"),
    "precedence off": _mutation(StateMap, "apply", last_offset_wins, "S-10", "U-5"),
    "break before make": Mutation(
        (
            (watches, "hand_over", break_before_make),
            (watches.Watches, "_hold_own", lambda _, services, *__: services),
        ),
        frozenset({"T5"}),
    ),
    "owners declare nothing": _mutation(ServiceFold, "_adopt", adopt_in_silence, "LATE_OWNER", "O-4"),
    "what was found before a loss is told after it": _mutation(
        ResultPublisher, "forget", lambda *_: None, "TOLD_OLD", first=WOKEN_FROM + 60
    ),
    "history goes with what may have arrived": _mutation(
        Outbox, "drop_except", drop_history_as_well, "HISTORY_GAP", first=WOKEN_FROM + 600
    ),
    "drop at loss off": _mutation(Outbox, "drop_except", lambda *_: 0, "FORKED", "VIEW_WENT_BACK", first=500),
}
