"""Step 7: the fold of one service, from reports, claims and configuration to its state (SSS) and its history.

Rule (the fence): a report or claim is taken only from the service's owner under the sender's view, and only if that
view is not below the view of the last record. The first one taken under a newer view or of another incarnation makes a
record even if nothing changed (V-4); after that only news does: another state or judgement at once, the rest as
`pacing` says. So traffic does not grow with probes. Each record's (view id, sequence) is above the one before (S-10).

`ServiceFold` is a working object, for speed; each method is a function of the object, the event and `now_ms` alone, and
`apply` below is the same as a pure function, for what-if, back-tests and replays. What the object holds beyond its last
record (counts, verdicts not yet told) is lost with the process, and comes back with the next report, which carries its
run's whole count; only a finished run too short to change a judgement, and not yet told, can be forgotten so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy

from schemas.identifiers import EntityId, NodeId
from schemas.probes import ProbeRun, Resolution
from schemas.states import BindingVerdict, Cause, CauseKind, ServiceState, State
from streams.folding import pacing
from streams.folding.binding import COUNTED, DUPLICATE, JUDGED, SHOWN, BindingFold, new_bindings
from streams.folding.damping import is_flap, note_flap
from streams.folding.events import NO_SOURCE, Claimed, Due, Event, Reported, Resolved, Sender, ServiceConfig, Source
from streams.folding.facts import Fact, Publish, Refusal, Refuse, Remove, Transition
from streams.folding.fence import refusal
from streams.folding.leaving import leave_until, was_out
from streams.folding.load import is_load_news, load_of
from streams.folding.record import (
    Declared,
    cause_of,
    config_changes,
    declared_by,
    declared_in,
    delay_over_text,
    mean_response_us,
    next_record,
    says,
    transition_of,
)
from streams.folding.server import (
    NO_SERVER,
    Secondary,
    has_verdict,
    is_news,
    resolution_text,
    secondary_after,
    server_of,
    show_unresolved,
    takeover_text,
)
from streams.folding.settling import Settled, settle, settled_text

AGREEING = {
    BindingVerdict.UP: State.UP,
    BindingVerdict.DOWN: State.DOWN,
    BindingVerdict.MAINTENANCE: State.GOING_OUT_OF_SERVICE,
}
"""The state that a judgement speaks for."""


class ServiceFold:
    """The working state of one service.

    `record` is the last ServiceState published or taken over (None before the first), `config` None before the first
    `configured` and after the removal. Give a fold its held record first, and its configuration next: if the two
    differ, the difference is published then.
    """

    __slots__ = (
        "bindings",
        "config",
        "decided",
        "due_at_ms",
        "entity_id",
        "flaps",
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

    def apply(self, event: Event, now_ms: int) -> Sequence[Fact]:
        """Fold any event, and answer what is now so. `now_ms` is epoch milliseconds."""
        if isinstance(event, Reported):
            return self.reported(event.sender, event.owner_in_view, event.runs, now_ms)
        if isinstance(event, Claimed):
            return self.claimed(event.sender, event.owner_in_view, now_ms)
        if isinstance(event, Due):
            return self.due(now_ms)
        if isinstance(event, Resolved):
            return self.resolved(event.sender, event.owner_in_view, event.resolution, now_ms)
        return self.configured(event.config, event.source, now_ms)

    def reported(
        self, sender: Sender, owner_in_view: NodeId | None, runs: Iterable[ProbeRun], now_ms: int
    ) -> Sequence[Fact]:
        """Fold runs of this service's bindings. The hot path: in quiet times it answers () and builds nothing."""
        refused = self._refusal(sender, owner_in_view)
        if refused is not None:
            return (refused,)
        adopted = self._adopt(sender)
        facts: list[Fact] = []
        judged: list[BindingFold] = []
        taken = measured = False
        for run in runs:
            if run.ip_address and run.ip_address != self.server.ip_address:
                facts += self._take_secondary(sender, run, now_ms)
                judged = [] if self.server.ip_address == run.ip_address else judged
                continue
            binding = self.bindings.get(run.monitor_id)
            if binding is None:
                facts.append(self._refuse(Refusal.UNKNOWN_BINDING, f"{run.monitor_id} is not bound here"))
                continue
            change = binding.take(run)
            if change == DUPLICATE:
                facts.append(self._refuse(Refusal.DUPLICATE, f"{run.monitor_id}: {run.sequence} was taken before"))
                continue
            taken = True
            if run.load is not None:
                measured = True
            if change == COUNTED:
                continue
            if change == SHOWN:
                self.untold = run.monitor_id
            else:
                judged.append(binding)
            if binding.alert is not None:
                facts += binding.alerts(self.entity_id)
        if judged:
            facts += self._publish_judged(sender, judged, now_ms)
        elif adopted:
            facts += self._publish_ownership(sender, now_ms)
        elif taken:
            facts += self._publish_paced(sender.source, now_ms, measured)
        return facts

    def claimed(self, sender: Sender, owner_in_view: NodeId | None, now_ms: int) -> Sequence[Fact]:
        """The owner declares itself under a view (V-4); the same claim again changes nothing."""
        refused = self._refusal(sender, owner_in_view)
        if refused is not None:
            return (refused,)
        return self._publish_ownership(sender, now_ms) if self._adopt(sender) else ()

    def resolved(self, sender: Sender, owner_in_view: NodeId | None, said: Resolution, now_ms: int) -> Sequence[Fact]:
        """What the owner holds of the service's name (D-3, D-4); the same again changes nothing."""
        refused = self._refusal(sender, owner_in_view)
        if refused is not None:
            return (refused,)
        config = self.config
        if config is None or said.domain != config.domain:
            return (self._refuse(Refusal.OTHER_ADDRESS, f"{said.domain} is not its name"),)
        adopted = self._adopt(sender)
        before, self.server = self.server, self.server.after(said)
        self.secondary = secondary_after(self.secondary, self.server, said, config.bindings)
        show_unresolved(self.bindings.values(), self.server, now_ms)
        taken_over = self._take_over(sender, None, now_ms)
        if taken_over:
            return taken_over
        if is_news(before.domain, self.server.domain):
            cause = cause_of(CauseKind.RESOLUTION, resolution_text(self.server), sender.source)
            return self._publish(declared_by(sender), self._settle(), cause, now_ms, now_ms)
        return self._publish_ownership(sender, now_ms) if adopted else ()

    def configured(self, config: ServiceConfig | None, source: Source, now_ms: int) -> Sequence[Fact]:
        """The service as configured from now on. Without a record nothing is told before the first claim or report."""
        if config is None:
            return self._remove()
        before, record = self.config, self.record
        reenabled = record is not None and config.enabled and was_out(record, before)
        held = {binding.monitor_id: binding for binding in record.bindings} if record else {}
        self.bindings = new_bindings(config.bindings, self.bindings, held)
        self.config = config
        self._set_time(before, config, reenabled, now_ms)
        self.server = server_of(config, self.server, record)
        if self.secondary is not None:
            self.secondary = self.secondary.configured(config, before)
        for binding in self.bindings.values():
            if reenabled:
                binding.forget()
            elif record is not None and (record.ip_address, record.port) != (self.server.ip_address, config.port):
                binding.forget_outcomes()
            binding.judge_again()
        if record is None or self._shows(record, config):
            return ()
        cause = cause_of(CauseKind.CONFIG, config_changes(record, before, config), source)
        return self._publish(declared_in(record), self._settle(), cause, now_ms, now_ms)

    def due(self, now_ms: int) -> Sequence[Fact]:
        """Time has passed: the end of a hold or of a graceful disable's delay, if it has come.

        An end that is further away than the whole would last was set by a clock that was ahead: it is set anew.
        """
        config, record = self.config, self.record
        if config is None or record is None or self.due_at_ms is None:
            return ()
        whole_ms = config.flap_window_ms if config.enabled else config.leave_ms
        if now_ms < self.due_at_ms:
            if self.due_at_ms - now_ms <= whole_ms:
                return ()
            self.due_at_ms = now_ms + whole_ms
            return self._publish(declared_in(record), self._settle(), record.cause, now_ms, now_ms)
        self.due_at_ms, self.flaps = None, ()
        kind = CauseKind.PROBE if config.enabled else CauseKind.CONFIG
        cause = cause_of(kind, delay_over_text(config), NO_SOURCE)
        return self._publish(declared_in(record), self._settle(), cause, now_ms, now_ms)

    def copy(self) -> ServiceFold:
        """The same fold, to try something on."""
        twin = copy(self)
        twin.bindings = {monitor_id: copy(binding) for monitor_id, binding in self.bindings.items()}
        twin.secondary = self.secondary.copy() if self.secondary else None
        return twin

    def _refusal(self, sender: Sender, owner_in_view: NodeId | None) -> Refuse | None:
        return refusal(self.entity_id, self.config, self.record, sender, owner_in_view)

    def _refuse(self, reason: Refusal, text: str) -> Refuse:
        return Refuse(self.entity_id, reason, text)

    def _adopt(self, sender: Sender) -> bool:
        """Whether this sender is news as an owner; if it is another incarnation, its numbers start anew."""
        record = self.record
        if record is not None and record.incarnation == sender.incarnation:
            return record.view_id != sender.view_id
        for binding in self.bindings.values():
            binding.meet_incarnation()
        self.secondary = None
        return True

    def _take_secondary(self, sender: Sender, run: ProbeRun, now_ms: int) -> Sequence[Fact]:
        """A run at an address that is not in use (yet)."""
        binding = self.secondary.binding_of(run) if self.secondary else None
        if binding is None:
            return (self._refuse(Refusal.OTHER_ADDRESS, f"{run.ip_address} is neither in use nor wanted"),)
        return self._take_over(sender, binding, now_ms) if binding.take(run) == JUDGED else ()

    def _take_over(self, sender: Sender, judged: BindingFold | None, now_ms: int) -> Sequence[Fact]:
        """The secondary bindings become the primary ones once they have a verdict: address and state in one (D-3)."""
        config, secondary, before = self.config, self.secondary, self.server
        if config is None or secondary is None:
            return ()
        merged = secondary.merged(self.bindings)
        if not has_verdict(config, merged.values()):
            return ()
        self.bindings, self.server, self.secondary = merged, secondary.server, None
        cause = cause_of(CauseKind.RESOLUTION, takeover_text(before, self.server, judged), sender.source)
        at_ms = judged.last_at_ms if judged else now_ms
        return self._publish(declared_by(sender), self._settle(), cause, at_ms, now_ms)

    def _publish_judged(self, sender: Sender, judged: list[BindingFold], now_ms: int) -> list[Fact]:
        """Some judgements changed; the cause is the last one that agrees with the state, else the last."""
        before, settled = self.decided, self._settle()
        if self._flapped(before, now_ms):
            settled = self._settle()
        counting = [binding for binding in judged if binding.config.counts]
        agreeing = [binding for binding in counting if AGREEING.get(binding.state) is settled.state]
        binding = (agreeing or counting or judged)[-1]
        cause = self._probe_cause(binding, settled.up_weight, sender.source) or self._ownership(sender)
        return self._publish(declared_by(sender), settled, cause, binding.last_at_ms, now_ms)

    def _flapped(self, before: State, now_ms: int) -> bool:
        """Whether the bindings ask for a change that counts towards a hold; if so it is noted (M-20)."""
        config = self.config
        if config is None or not config.flap_changes or not is_flap(before, self.decided):
            return False
        held, window_ms = self.due_at_ms is not None, config.flap_window_ms
        self.flaps, self.due_at_ms = note_flap(self.flaps, held, config.flap_changes, window_ms, now_ms)
        return True

    def _settle(self) -> Settled:
        """What is so now; what the bindings ask for is noted."""
        settled = settle(self)
        self.decided = settled.decided
        return settled

    def _set_time(self, before: ServiceConfig | None, config: ServiceConfig, reenabled: bool, now_ms: int) -> None:
        """A disable's delay begins or goes on; a hold ends with it, and where nothing is to be held any more."""
        if not config.enabled:
            self.due_at_ms, self.flaps = leave_until(before, config, self.record, self.due_at_ms, now_ms), ()
        elif reenabled or not (config.flap_changes and config.monitored):
            self.due_at_ms, self.flaps = None, ()

    def _publish_ownership(self, sender: Sender, now_ms: int) -> list[Fact]:
        return self._publish(declared_by(sender), self._settle(), self._ownership(sender), now_ms, now_ms)

    def _ownership(self, sender: Sender) -> Cause:
        text = f"monitored by {sender.node_id} under view {sender.view_id}{settled_text(self)}"
        return cause_of(CauseKind.OWNERSHIP, text, sender.source)

    def _publish_paced(self, source: Source, now_ms: int, measured: bool) -> Sequence[Fact]:
        """No judgement changed: a moved load at once, untold news or a moved response time if it is time for them."""
        record = self.record
        assert record is not None, "a sender was adopted before, and that made a record"
        if measured and is_load_news(record.load, load_of(self.bindings.values())):
            return self._publish(declared_in(record), self._settle(), record.cause, now_ms, now_ms)
        quiet_ms = pacing.elapsed_ms(record.updated_at_ms, now_ms)
        if quiet_ms < pacing.NEWS_INTERVAL_MS:
            return ()
        binding = self.bindings.get(self.untold) if self.untold is not None else None
        if binding is not None:
            cause = self._probe_cause(binding, record.up_weight, source) or record.cause
            return self._publish(declared_in(record), self._settle(), cause, binding.last_at_ms, now_ms)
        if quiet_ms < pacing.SUMMARY_INTERVAL_MS:
            return ()
        if pacing.moved(record.response_time_us, mean_response_us(self.bindings.values())):
            return self._publish(declared_in(record), self._settle(), record.cause, now_ms, now_ms)
        return ()

    def _probe_cause(self, binding: BindingFold, up_weight: int, source: Source) -> Cause | None:
        """What a binding's news makes the cause; one that decides nothing leaves it as it is (None: none yet)."""
        if binding.config.counts and self.config is not None and self.config.enabled:
            return cause_of(CauseKind.PROBE, self._cause_text(binding, up_weight), source)
        return self.record.cause if self.record is not None else None

    def _cause_text(self, binding: BindingFold, up_weight: int) -> str:
        config = self.config
        weighed = f"; weight {up_weight} of {config.threshold}" if config and config.threshold > 0 else ""
        return binding.cause_text() + weighed + settled_text(self)

    def _publish(self, declared: Declared, settled: Settled, cause: Cause, at_ms: int, now_ms: int) -> list[Fact]:
        before, config = self.record, self.config
        assert config is not None, "a service is published only while it is configured"
        bindings, due_at_ms = self.bindings.values(), self.due_at_ms
        record = next_record(
            before, config, self.server, declared, settled, bindings, cause, at_ms, now_ms, due_at_ms, self.flaps
        )
        self.record, self.untold = record, None
        facts: list[Fact] = [Publish(record)]
        was = before.state if before else State.UNKNOWN
        if was is not record.state:
            facts.append(Transition(transition_of(was, record)))
        return facts

    def _remove(self) -> Sequence[Fact]:
        if self.config is None and self.record is None:
            return ()
        self.config = self.record = self.untold = self.secondary = None
        self.server = NO_SERVER
        self.bindings = {}
        self.decided, self.due_at_ms, self.flaps = State.UNKNOWN, None, ()
        return (Remove(self.entity_id),)

    def _shows(self, record: ServiceState, config: ServiceConfig) -> bool:
        """Whether a record already says all that this configuration makes of the service."""
        if (record.due_at_ms, record.flaps) != (self.due_at_ms, self.flaps) or not says(record, config, self.server):
            return False
        settled = self._settle()
        if (record.state, record.up_weight) != (settled.state, settled.up_weight):
            return False
        if (record.load is None) is not (load_of(self.bindings.values()) is None):
            return False
        return {binding.monitor_id: binding.state for binding in record.bindings} == {
            monitor_id: binding.state for monitor_id, binding in self.bindings.items()
        }


def apply(fold: ServiceFold, event: Event, now_ms: int) -> tuple[ServiceFold, Sequence[Fact]]:
    """The fold after the event, and what is now so; the given fold stays as it is."""
    after = fold.copy()
    facts = after.apply(event, now_ms)
    return after, facts
