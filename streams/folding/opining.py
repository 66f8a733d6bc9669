"""Step 7h at work: how the fold of one service asks for a second opinion, hears it, and waits for it (U-8).

Rule: `doubt` says what is withheld and what an opinion means; here is when. A doubt begins with the word of an owner
that doubts itself, and ends with the opinion, the owner's own success, or the time. The rest of the fold knows of it
only that a decision may have to wait.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from schemas.identifiers import NodeId
from schemas.probes import ProbeRun
from schemas.states import CauseKind, State
from streams.folding.doubt import (
    Opinion,
    confirmed_text,
    doubt_of,
    failing_text,
    is_doubtful,
    is_unanswered,
    unanswered_text,
)
from streams.folding.events import NO_SOURCE, Sender
from streams.folding.facts import Fact
from streams.folding.fence import opinion_refusal
from streams.folding.record import cause_of, declared_in
from streams.folding.settling import Settled, settled_text
from streams.folding.weights import SERVING
from streams.folding.working import Working


class Opining(Working):
    """The working state of one service, whose DOWN may be doubted."""

    __slots__ = ()

    def opined(
        self, sender: Sender, runs: Iterable[ProbeRun], now_ms: int, ask: NodeId | None = None
    ) -> Sequence[Fact]:
        """The node that was asked has probed (U-8): it confirms the DOWN, or finds that the owner is wrong.

        If it doubts itself, its DOWN confirms nothing while there is another to `ask`.
        """
        refused = opinion_refusal(self.entity_id, self.config, self.record, self.doubt, sender)
        if refused is not None:
            return (refused,)
        config, record, doubt = self.config, self.record, self.doubt
        assert config is not None, "the fence lets nobody speak of what is not configured"
        assert record is not None, "nor of what has no record"
        assert doubt is not None, "nor unasked"
        if self.opinion is None:
            self.opinion = Opinion(doubt)
        voice, refusals = self.opinion.hear(self.entity_id, self.bindings, self.server.ip_address, runs)
        said = self.opinion.says(config, self.bindings)
        if voice is None or said is State.UNKNOWN or (said in SERVING and doubt.until_ms is None):
            return refusals
        owners = failing_text(self.bindings)
        if said is State.DOWN and ask is not None and ask != sender.node_id:
            self.doubt, self.opinion = doubt_of(ask, config, now_ms), None
            text = owners
        elif said is State.DOWN:
            self.doubt = self.opinion = None
            text = confirmed_text(owners, doubt, voice)
        else:
            self.doubt = replace(doubt, until_ms=None)
            text = owners
        settled = self._settle()
        cause = cause_of(CauseKind.PROBE, text + settled_text(self), sender.source)
        return [*refusals, *self._publish(declared_in(record), settled, cause, voice.last_at_ms, now_ms)]

    def look_at_doubt(self, now_ms: int) -> Sequence[Fact]:
        """Time has passed: without an answer the owner's word counts. A clock that was set back asks anew."""
        config, record, doubt = self.config, self.record, self.doubt
        if config is None or record is None or doubt is None:
            return ()
        if now_ms < doubt.since_ms and doubt.until_ms is not None:
            self.doubt = doubt_of(doubt.asked, config, now_ms)
        elif is_unanswered(doubt, now_ms):
            text = unanswered_text(failing_text(self.bindings), doubt)
            self.doubt = self.opinion = None
            cause = cause_of(CauseKind.PROBE, text, NO_SOURCE)
            return self._publish(declared_in(record), self._settle(), cause, now_ms, now_ms)
        return ()

    def _weigh(self, ask: NodeId | None, now_ms: int) -> Settled:
        """What is so now on the word of an owner; if it doubts itself, a DOWN waits for `ask` (U-8)."""
        settled = self._settle()
        if ask is None or not is_doubtful(self, settled.state):
            return settled
        assert self.config is not None, "a service is decided only while it is configured"
        self.doubt = doubt_of(ask, self.config, now_ms)
        return self._settle()
