"""Step 7: the fold of one service, from reports, claims and configuration to its state (SSS) and its history.

Rule (the fence): a report or claim is taken only from the service's owner under the sender's view, and only if that
view is not below the view of the last record. The first one taken under a newer view or of another incarnation makes a
record even if nothing changed (V-4): it is above what a former writer of the partition may have on its way still. Where
all views since the last record's had the same owner and the same writer there is no such thing, and none is made. After
that only news makes one: another state or judgement at once, the rest as `pacing` says. So traffic does not grow with
probes. Each record's (view id, sequence) is above the one before (S-10).

`ServiceFold` is a working object, for speed; each method is a function of the object, the event and `now_ms` alone, and
`apply` below is the same as a pure function, for what-if, back-tests and replays. What the object holds beyond its last
record (counts, verdicts not yet told) is lost with the process, and comes back with the next report, which carries its
run's whole count; only a finished run too short to change a judgement, and not yet told, can be forgotten so.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from functools import partial

from schemas.identifiers import NodeId
from schemas.probes import Link, ProbeRun, Resolution, Verdict
from schemas.states import BindingVerdict, CauseKind, State
from streams.folding import pacing
from streams.folding.binding import COUNTED, DUPLICATE, JUDGED, SHOWN, BindingFold, new_bindings
from streams.folding.damping import is_flap, note_flap
from streams.folding.doubt import doubt_of
from streams.folding.events import (
    NO_SOURCE,
    NOT_REPORTED,
    Claimed,
    Due,
    Event,
    Opined,
    PathsChanged,
    Reach,
    Reported,
    Resolved,
    Sender,
    ServiceConfig,
    Source,
)
from streams.folding.facts import Fact, Late, Refusal, Refuse, Remove
from streams.folding.fence import refusal
from streams.folding.leaving import leave_until, was_out
from streams.folding.link import is_link_news
from streams.folding.load import is_load_news, load_of
from streams.folding.opining import Opining
from streams.folding.paths import cut_off_text, is_path_news, paths_text
from streams.folding.record import (
    cause_of,
    config_changes,
    declared_by,
    delay_over_text,
    mean_response_us,
)
from streams.folding.server import (
    NO_SERVER,
    has_verdict,
    is_news,
    resolution_text,
    secondary_after,
    server_of,
    show_unresolved,
    takeover_text,
)

AGREEING = {
    BindingVerdict.UP: State.UP,
    BindingVerdict.DOWN: State.DOWN,
    BindingVerdict.MAINTENANCE: State.GOING_OUT_OF_SERVICE,
}
"""The state that a judgement speaks for."""


class ServiceFold(Opining):
    """The working state of one service.

    `record` is the last ServiceState published or taken over (None before the first), `config` None before the first
    `configured` and after the removal. Give a fold its held record first, and its configuration next: if the two
    differ, the difference is published then.

    `ask` is the node whose second opinion a DOWN needs, because the sender doubts itself; None: its word is enough.
    """

    __slots__ = ()

    def apply(self, event: Event, now_ms: int) -> Sequence[Fact]:
        """Fold any event, and answer what is now so. `now_ms` is epoch milliseconds."""
        if isinstance(event, Reported):
            return self.reported(event.sender, event.owner_in_view, event.runs, now_ms, event.ask, event.goes_on)
        if isinstance(event, Claimed):
            return self.claimed(event.sender, event.owner_in_view, now_ms, event.ask)
        if isinstance(event, Opined):
            return self.opined(event.sender, event.runs, now_ms, event.ask)
        if isinstance(event, Due):
            return self.due(now_ms)
        if isinstance(event, Resolved):
            return self.resolved(event.sender, event.owner_in_view, event.resolution, now_ms, event.ask)
        if isinstance(event, PathsChanged):
            return self.paths_changed(event.reach, now_ms)
        return self.configured(event.config, event.source, now_ms)

    def reported(
        self,
        sender: Sender,
        owner_in_view: NodeId | None,
        runs: Iterable[ProbeRun],
        now_ms: int,
        ask: NodeId | None = None,
        goes_on: bool = False,
    ) -> Sequence[Fact]:
        """Fold runs of this service's bindings. The hot path: in quiet times it answers () and builds nothing."""
        refused = self._refusal(sender, owner_in_view)
        if refused is not None:
            return (refused,)
        undoubted = self.doubt is None
        adopted = self._adopt(sender, ask, now_ms) and not (goes_on and undoubted)
        facts: list[Fact] = []
        judged: list[BindingFold] = []
        taken: BindingFold | None = None
        measured = False
        for run in runs:
            if run.ip_address and run.ip_address != self.server.ip_address:
                facts += self._take_secondary(sender, run, now_ms, ask)
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
            taken = binding
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
        if self.doubt is not None and ask is None and taken is not None and taken.verdict is Verdict.DOWN:
            self.doubt = self.opinion = None  # its owner no longer doubts itself, and still finds it failing
            judged.append(taken)
        if judged:
            facts += self._publish_judged(sender, judged, now_ms, ask)
        elif adopted:
            facts += self._publish_ownership(sender, now_ms)
        elif taken is not None:
            facts += self._publish_paced(sender.source, now_ms, measured)
        return facts

    def claimed(
        self, sender: Sender, owner_in_view: NodeId | None, now_ms: int, ask: NodeId | None = None
    ) -> Sequence[Fact]:
        """The owner declares itself under a view (V-4); the same claim again changes nothing."""
        refused = self._refusal(sender, owner_in_view)
        if refused is not None:
            return (refused,)
        return self._publish_ownership(sender, now_ms) if self._adopt(sender, ask, now_ms) else ()

    def resolved(
        self,
        sender: Sender,
        owner_in_view: NodeId | None,
        said: Resolution,
        now_ms: int,
        ask: NodeId | None = None,
    ) -> Sequence[Fact]:
        """What the owner holds of the service's name (D-3, D-4); the same again changes nothing."""
        refused = self._refusal(sender, owner_in_view)
        if refused is not None:
            return (refused,)
        config = self.config
        if config is None or said.domain != config.domain:
            return (self._refuse(Refusal.OTHER_ADDRESS, f"{said.domain} is not its name"),)
        adopted = self._adopt(sender, ask, now_ms)
        before, self.server = self.server, self.server.after(said)
        self.secondary = secondary_after(self.secondary, self.server, said, config.bindings)
        show_unresolved(self.bindings.values(), self.server, now_ms)
        taken_over = self._take_over(sender, None, now_ms, ask)
        if taken_over:
            return taken_over
        if is_news(before.domain, self.server.domain):
            cause = cause_of(CauseKind.RESOLUTION, resolution_text(self.server), sender.source)
            return self._publish(declared_by(sender), self._settle(), cause, now_ms, now_ms)
        return self._publish_ownership(sender, now_ms) if adopted else ()

    def linked(self, sender: Sender, owner_in_view: NodeId | None, link: Link) -> None:
        """What the owner learnt of the link (S-1): told with the runs that come with it, or when it is time.

        Of another than the owner it is not taken; its runs say why.
        """
        if self._refusal(sender, owner_in_view) is None:
            self.link = link

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
        if record is not None and record.ip_address != self.server.ip_address:
            self.link = None
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
        cause = cause_of(CauseKind.CONFIG, config_changes(record, before, config) + cut_off_text(self), source)
        return self._retell(record, cause, now_ms)

    def due(self, now_ms: int) -> Sequence[Fact]:
        """Time has passed: the end of a doubt, of a hold or of a graceful disable's delay, if it has come.

        An end that is further away than the whole would last was set by a clock that was ahead: it is set anew.
        """
        config, record = self.config, self.record
        if config is None or record is None:
            return ()
        unanswered = self.look_at_doubt(now_ms)
        if unanswered:
            return unanswered
        if self.due_at_ms is None:
            return ()
        whole_ms = config.flap_window_ms if config.enabled else config.leave_ms
        if now_ms < self.due_at_ms:
            if self.due_at_ms - now_ms <= whole_ms:
                return ()
            self.due_at_ms = now_ms + whole_ms
            return self._retell(record, record.cause, now_ms)
        self.due_at_ms, self.flaps = None, ()
        kind = CauseKind.PROBE if config.enabled else CauseKind.CONFIG
        cause = cause_of(kind, delay_over_text(config), NO_SOURCE)
        return self._retell(record, cause, now_ms)

    def look_again(self, now_ms: int) -> Sequence[Fact]:
        """A second has passed after `Late` (L-3)."""
        return () if self.record is None or self.config is None else self._publish_paced(NO_SOURCE, now_ms)

    def told_anew(self, now_ms: int) -> Sequence[Fact]:
        """The same again, under the next sequence: another node told something under the last one too."""
        return (
            () if self.record is None or self.config is None else self._retell(self.record, self.record.cause, now_ms)
        )

    def paths_changed(self, reach: Reach, now_ms: int) -> Sequence[Fact]:
        """What the nodes' paths come to. News only where they decide together; else it is noted (P-10)."""
        self.reach, record = reach, self.record
        if record is None or not is_path_news(self.config, record, reach):
            return ()
        same = self._settle().state is record.state
        return self._retell(
            record, record.cause if same else cause_of(CauseKind.PATH, paths_text(reach), NO_SOURCE), now_ms
        )

    def copy(self) -> ServiceFold:
        """The same fold, to try something on."""
        twin = copy(self)
        twin.bindings = {monitor_id: copy(binding) for monitor_id, binding in self.bindings.items()}
        twin.secondary = self.secondary.copy() if self.secondary else None
        twin.opinion = self.opinion.copy() if self.opinion else None
        return twin

    def _refusal(self, sender: Sender, owner_in_view: NodeId | None) -> Refuse | None:
        return refusal(self.entity_id, self.config, self.record, sender, owner_in_view)

    def _refuse(self, reason: Refusal, text: str) -> Refuse:
        return Refuse(self.entity_id, reason, text)

    def _adopt(self, sender: Sender, ask: NodeId | None, now_ms: int) -> bool:
        """Whether this sender is news as an owner; if it is another incarnation, its numbers start anew.

        What is in doubt is asked anew: of another node, or of the owner itself, if it does not doubt itself.
        """
        record = self.record
        same_run = record is not None and record.incarnation == sender.incarnation
        if record is not None and same_run and record.view_id == sender.view_id:
            return False
        if self.doubt is not None and self.config is not None:
            self.doubt, self.opinion = doubt_of(ask or sender.node_id, self.config, now_ms), None
        if same_run:
            return True
        for binding in self.bindings.values():
            binding.meet_incarnation()
        self.secondary = None
        return True

    def _take_secondary(self, sender: Sender, run: ProbeRun, now_ms: int, ask: NodeId | None) -> Sequence[Fact]:
        """A run at an address that is not in use (yet)."""
        binding = self.secondary.binding_of(run) if self.secondary else None
        if binding is None:
            return (self._refuse(Refusal.OTHER_ADDRESS, f"{run.ip_address} is neither in use nor wanted"),)
        return self._take_over(sender, binding, now_ms, ask) if binding.take(run) == JUDGED else ()

    def _take_over(self, sender: Sender, judged: BindingFold | None, now_ms: int, ask: NodeId | None) -> Sequence[Fact]:
        """The secondary bindings become the primary ones once they have a verdict: address and state in one (D-3)."""
        config, secondary, before = self.config, self.secondary, self.server
        if config is None or secondary is None:
            return ()
        merged = secondary.merged(self.bindings)
        if not has_verdict(config, merged.values()):
            return ()
        self.bindings, self.server, self.secondary, self.link = merged, secondary.server, None, None
        cause = cause_of(CauseKind.RESOLUTION, takeover_text(before, self.server, judged), sender.source)
        at_ms = judged.last_at_ms if judged else now_ms
        return self._publish(declared_by(sender), self._weigh(ask, now_ms), cause, at_ms, now_ms)

    def _publish_judged(self, sender: Sender, judged: list[BindingFold], now_ms: int, ask: NodeId | None) -> list[Fact]:
        """Some judgements changed; the cause is the last one that agrees with the state, else the last."""
        before, was_doubted = self.decided, self.doubt is not None
        settled = self._weigh(ask, now_ms)
        there_and_back = self.due_at_ms is not None and len(set(judged)) < len(judged)
        if not was_doubted and self.doubt is None and self._flapped(before, there_and_back, now_ms):
            settled = self._settle()
        counting = [binding for binding in judged if binding.config.counts]
        agreeing = [binding for binding in counting if AGREEING.get(binding.state) is settled.state]
        binding = (agreeing or counting or judged)[-1]
        cause = self._probe_cause(binding, settled.up_weight, sender.source) or self._ownership(sender)
        return self._publish(declared_by(sender), settled, cause, binding.last_at_ms, now_ms)

    def _flapped(self, before: State, there_and_back: bool, now_ms: int) -> bool:
        """Whether the bindings ask for a change that counts towards a hold; if so it is noted (M-20).

        `there_and_back`: one was judged twice within one batch, as reports come of a service that is held.
        """
        config = self.config
        if config is None or not config.flap_changes or not (there_and_back or is_flap(before, self.decided)):
            return False
        held, window_ms = self.due_at_ms is not None, config.flap_window_ms
        self.flaps, self.due_at_ms = note_flap(self.flaps, held, config.flap_changes, window_ms, now_ms)
        return True

    def _set_time(self, before: ServiceConfig | None, config: ServiceConfig, reenabled: bool, now_ms: int) -> None:
        """A disable's delay begins or goes on; a hold ends with it, and where nothing is to be held any more."""
        if not config.enabled:
            self.due_at_ms, self.flaps = leave_until(before, config, self.record, self.due_at_ms, now_ms), ()
        elif reenabled or not (config.flap_changes and config.monitored):
            self.due_at_ms, self.flaps = None, ()
        elif self.due_at_ms is not None and before is not None and config.flap_window_ms < before.flap_window_ms:
            self.due_at_ms = min(self.due_at_ms, now_ms + config.flap_window_ms)

    def _publish_ownership(self, sender: Sender, now_ms: int) -> list[Fact]:
        return self._publish(declared_by(sender), self._settle(), self._ownership(sender), now_ms, now_ms)

    def _publish_paced(self, source: Source, now_ms: int, measured: bool = False) -> Sequence[Fact]:
        """No judgement changed: a moved load at once, untold news or a moved response time if it is time for them."""
        record, config = self.record, self.config
        assert record is not None, "a sender was adopted before, and that made a record"
        assert config is not None, "a sender is adopted only while it is configured"
        if measured and is_load_news(record.load, load_of(self.bindings.values())):
            return self._retell(record, self._untold_cause(record, source), now_ms)
        times = partial(mean_response_us, self.bindings.values())
        has_news = self.untold in self.bindings or is_link_news(record, self.link)
        timing = pacing.timing(record, has_news, config.least_response, times, now_ms)
        if timing is pacing.Timing.NOW:
            return self._retell(record, self._untold_cause(record, source), now_ms)
        return (Late(self.entity_id),) if timing is pacing.Timing.SOON else ()

    def _remove(self) -> Sequence[Fact]:
        if self.config is None and self.record is None:
            return ()
        self.config = self.record = self.untold = self.secondary = self.doubt = self.opinion = None
        self.server, self.reach = NO_SERVER, NOT_REPORTED
        self.bindings = {}
        self.decided, self.due_at_ms, self.flaps = State.UNKNOWN, None, ()
        return (Remove(self.entity_id),)


def apply(fold: ServiceFold, event: Event, now_ms: int) -> tuple[ServiceFold, Sequence[Fact]]:
    """The fold after the event, and what is now so; the given fold stays as it is."""
    after = fold.copy()
    facts = after.apply(event, now_ms)
    return after, facts
