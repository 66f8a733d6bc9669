"""Step 7 at work: what the fold of one service holds, and how a record is made of it.

Rule: whatever is told goes through `_publish`, so that each record's sequence is above the one before, and a change of
state always has its line of history. What the fold does with events is in `service`; here is nothing that an event
decides. Why two classes: what is held and told is the same for every event, and the events are many.
"""

from __future__ import annotations

from schemas.identifiers import EntityId
from schemas.probes import Link
from schemas.states import Cause, CauseKind, ServiceState, State
from streams.folding.binding import BindingFold
from streams.folding.doubt import Opinion
from streams.folding.events import NOT_REPORTED, Reach, Sender, ServiceConfig, Source
from streams.folding.facts import Fact, Publish, Transition
from streams.folding.record import (
    Declared,
    cause_of,
    declared_in,
    next_record,
    ownership_text,
    says,
    shows,
    transition_of,
)
from streams.folding.server import NO_SERVER, Secondary
from streams.folding.settling import Settled, settle, settled_text


class Working:
    """The working state of one service, and the records it makes."""

    __slots__ = (
        "bindings",
        "config",
        "decided",
        "doubt",
        "due_at_ms",
        "entity_id",
        "flaps",
        "link",
        "opinion",
        "reach",
        "record",
        "secondary",
        "server",
        "untold",
    )

    def __init__(self, entity_id: EntityId, record: ServiceState | None = None) -> None:
        self.entity_id = entity_id
        self.record = record
        self.config: ServiceConfig | None = None
        self.bindings: dict[EntityId, BindingFold] = {}
        self.server = NO_SERVER
        self.secondary: Secondary | None = None
        """The address that DNS gives, while it has no verdict yet (D-1)."""
        self.untold: EntityId | None = None
        """The binding with a verdict or reason that the last record does not show."""
        self.decided = record.state if record else State.UNKNOWN
        """What the bindings ask for, which is not what is shown while the service is held DOWN."""
        self.due_at_ms = record.due_at_ms if record else None
        """Until then an enabled service is held DOWN, and a disabled one goes out of service; None: neither."""
        self.flaps = record.flaps if record else ()
        self.doubt = record.doubt if record else None
        """Whom a second opinion is asked of, while it is (U-8)."""
        self.link: Link | None = None
        """What the owner learnt of the link since this fold was made (S-1)."""
        self.opinion: Opinion | None = None
        """What that node has found so far, since this fold was made."""
        self.reach = Reach(record.path_state) if record else NOT_REPORTED
        """What the nodes' paths come to."""

    def is_told(self) -> bool:
        """Whether a fold made anew from the record would go on as this one: nothing waits to be told or judged."""
        record = self.record
        if record is None or self.untold is not None or self.doubt is not None or self.secondary is not None:
            return False
        bindings = self.bindings
        return len(bindings) == len(record.bindings) and all(
            held.monitor_id in bindings and bindings[held.monitor_id].is_told(held) for held in record.bindings
        )

    def _settle(self) -> Settled:
        """What is so now; what the bindings ask for is noted. A doubt ends with the DOWN that was doubted."""
        settled = settle(self)
        self.decided = settled.decided
        if self.doubt is not None and settled.decided is not State.DOWN:
            self.doubt = self.opinion = None
        return settled

    def _ownership(self, sender: Sender) -> Cause:
        return cause_of(CauseKind.OWNERSHIP, ownership_text(sender) + settled_text(self), sender.source)

    def _probe_cause(self, binding: BindingFold, up_weight: int, source: Source) -> Cause | None:
        """What a binding's news makes the cause; one that decides nothing leaves it as it is (None: none yet)."""
        if binding.config.counts and self.config is not None and self.config.enabled:
            return cause_of(CauseKind.PROBE, self._cause_text(binding, up_weight), source)
        return self.record.cause if self.record is not None else None

    def _cause_text(self, binding: BindingFold, up_weight: int) -> str:
        config = self.config
        weighed = f"; weight {up_weight} of {config.threshold}" if config and config.threshold > 0 else ""
        return binding.cause_text() + weighed + settled_text(self)

    def _untold_cause(self, record: ServiceState, source: Source) -> Cause:
        """The cause with the news below a judgement that the last record does not show, if there is any."""
        binding = self.bindings.get(self.untold) if self.untold is not None else None
        return (self._probe_cause(binding, record.up_weight, source) if binding else None) or record.cause

    def _retell(self, record: ServiceState, cause: Cause, now_ms: int) -> list[Fact]:
        """The next record, under the owner that the last one names."""
        return self._publish(declared_in(record), self._settle(), cause, now_ms, now_ms)

    def _publish(self, declared: Declared, settled: Settled, cause: Cause, at_ms: int, now_ms: int) -> list[Fact]:
        before = self.record
        record = next_record(self, declared, settled, cause, at_ms, now_ms)
        self.record, self.untold = record, None
        facts: list[Fact] = [Publish(record)]
        was = before.state if before else State.UNKNOWN
        if was is not record.state:
            facts.append(Transition(transition_of(was, record)))
        return facts

    def _shows(self, record: ServiceState, config: ServiceConfig) -> bool:
        """Whether a record already says all that this configuration makes of the service."""
        timed = (record.due_at_ms, record.flaps) == (self.due_at_ms, self.flaps)
        return timed and says(record, config, self.server) and self._shows_state(record)

    def _shows_state(self, record: ServiceState) -> bool:
        """Whether its state, and what it has of the bindings, are what is now so. A doubt may end by asking."""
        settled = self._settle()
        undoubted = (record.doubt is None) is (self.doubt is None)
        return undoubted and shows(record, settled, self.bindings)
