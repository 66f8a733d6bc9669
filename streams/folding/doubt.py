"""Step 7h: the second opinion (U-8). A DOWN that an owner tells which doubts itself waits for another node's word.

Rule: only what would turn a serving service DOWN is withheld, and only while the owner says that it is suspect. The
record names the node that is asked. One failing probe of that node confirms the DOWN, for the owner has retried
already; if it reaches the service, the last state stays, until its own probes fail through the retries. Without an
answer by `until_ms` the owner's word counts. A doubt ends with the DOWN that was doubted, and is begun anew by the next
view. Why not a majority: one other node tells a broken network card from a dead server, and more only take longer.
Lifeguard (Dadgar et al., 2018) found the same: most false alarms go away when the one that raises them doubts itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Protocol

from schemas.identifiers import EntityId, NodeId
from schemas.probes import ProbeRun
from schemas.states import BindingVerdict, Doubt, ServiceState, State
from streams.folding.binding import DUPLICATE, FAILED, BindingFold
from streams.folding.events import ServiceConfig
from streams.folding.facts import Refusal, Refuse
from streams.folding.weights import SERVING, decide

UP, DOWN, UNKNOWN = BindingVerdict.UP, BindingVerdict.DOWN, BindingVerdict.UNKNOWN

GRACE_MS = 2_000
"""What an opinion may take besides the probe: the record to the node asked, its first probe, and the way back."""


class Doubted(Protocol):
    """What a doubt rests on: the working fold of one service."""

    record: ServiceState | None
    doubt: Doubt | None


class Timed(Protocol):
    """What time alone may change: a fold, or a record."""

    @property
    def due_at_ms(self) -> int | None: ...
    @property
    def doubt(self) -> Doubt | None: ...


def is_doubtful(grounds: Doubted, state: State) -> bool:
    """Whether this state would turn a serving service DOWN."""
    record = grounds.record
    return state is State.DOWN and record is not None and record.state in SERVING


def doubt_of(ask: NodeId, config: ServiceConfig, now_ms: int) -> Doubt:
    """The doubt that begins now: there is time for the slowest binding's probe."""
    slowest_ms = max((binding.timeout_ms for binding in config.bindings if binding.counts), default=0)
    return Doubt(ask, now_ms, now_ms + slowest_ms + GRACE_MS)


def withheld(grounds: Doubted, state: State) -> State:
    """U-8: while a DOWN is doubted, the last state stays."""
    record = grounds.record
    if grounds.doubt is None or state is not State.DOWN or record is None:
        return state
    return record.state if record.state in SERVING else State.UP  # not what a path has made of it meanwhile


def is_unanswered(doubt: Doubt, now_ms: int) -> bool:
    """Whether an opinion is overdue."""
    return doubt.until_ms is not None and now_ms >= doubt.until_ms


def wakes_at_ms(timed: Timed) -> int | None:
    """When time alone changes something next; None: never."""
    due_at_ms, until_ms = timed.due_at_ms, timed.doubt.until_ms if timed.doubt is not None else None
    if due_at_ms is None or until_ms is None:
        return until_ms if due_at_ms is None else due_at_ms
    return min(due_at_ms, until_ms)


class Opinion:
    """What the node asked has found so far of a service's bindings. A working object, as those of the fold are."""

    __slots__ = ("_reached", "_voices")

    def __init__(self, doubt: Doubt) -> None:
        self._voices: dict[EntityId, BindingFold] = {}
        self._reached = doubt.until_ms is None
        """It has reached the service, as the record says that this fold was made from."""

    def hear(
        self, service: EntityId, bindings: Mapping[EntityId, BindingFold], ip_address: str, runs: Iterable[ProbeRun]
    ) -> tuple[BindingFold | None, list[Refuse]]:
        """Take its runs; the last voice that said something new, and what could not be taken."""
        heard: BindingFold | None = None
        refused: list[Refuse] = []
        for run in runs:
            bound = bindings.get(run.monitor_id)
            if bound is None:
                refused.append(Refuse(service, Refusal.UNKNOWN_BINDING, f"{run.monitor_id} is not bound here"))
            elif run.ip_address and run.ip_address != ip_address:
                refused.append(Refuse(service, Refusal.OTHER_ADDRESS, f"{run.ip_address} is not in use"))
            elif self._voice(bound).take(run) != DUPLICATE:
                heard = self._voices[run.monitor_id]
        return heard, refused

    def says(self, config: ServiceConfig, bindings: Mapping[EntityId, BindingFold]) -> State:
        """What the service is by the owner's word where that is not DOWN, and by this node's where it is.

        UNKNOWN while it has not yet said enough.
        """
        counting = [
            (self._of(binding), binding.config.weight) for binding in bindings.values() if binding.config.counts
        ]
        return decide(State.UNKNOWN, counting, config.threshold)[0]

    def copy(self) -> Opinion:
        """The same, to try something on."""
        twin = copy(self)
        twin._voices = {monitor_id: copy(voice) for monitor_id, voice in self._voices.items()}
        return twin

    def _voice(self, bound: BindingFold) -> BindingFold:
        voice = self._voices.get(bound.config.monitor_id)
        if voice is None:
            voice = self._voices[bound.config.monitor_id] = BindingFold(bound.config, None)
            voice.state = UP if self._reached else UNKNOWN
        return voice

    def _of(self, bound: BindingFold) -> BindingVerdict:
        if bound.state is not DOWN:
            return bound.state
        voice = self._voices.get(bound.config.monitor_id)
        if voice is None:
            return UP if self._reached else UNKNOWN
        return DOWN if voice.state is UNKNOWN and voice.verdict is FAILED else voice.state


def failing_text(bindings: Mapping[EntityId, BindingFold]) -> str:
    """What the owner says: the first of its bindings that counts and is DOWN."""
    failing = (each.cause_text() for each in bindings.values() if each.config.counts and each.state is DOWN)
    return next(failing, "its owner calls it DOWN")


def doubt_text(grounds: Doubted) -> str:
    """What a cause says while a doubt stands."""
    doubt = grounds.doubt
    if doubt is None:
        return ""
    if doubt.until_ms is None:
        return f"; its owner cannot reach it, {doubt.asked} can"
    return f"; doubted until {doubt.asked} has probed it too"


def confirmed_text(owners: str, doubt: Doubt, voice: BindingFold) -> str:
    """What a cause says of a DOWN that two nodes have found."""
    return f"{owners}; second opinion of {doubt.asked}: {voice.cause_text()}"


def unanswered_text(owners: str, doubt: Doubt) -> str:
    """What a cause says of a DOWN that was doubted in vain."""
    return f"{owners}; doubted, but no second opinion came from {doubt.asked}"
