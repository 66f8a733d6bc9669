"""U-8: the fold with a second opinion against a dumb second implementation, which keeps lists and asks no questions."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode, encode
from schemas.identifiers import ViewId
from schemas.probes import Verdict
from schemas.states import BindingVerdict, Doubt, ServiceState, State
from streams.folding.events import Sender
from streams.folding.history import Rule, rule_of
from streams.folding.service import ServiceFold
from tests.property.folding.dumb_history import DumbHistory
from tests.unit.folding.builders import B0, B1, CONFIG, HTTP_BOUND, new_fold, probed

WAIT_MS = 4_000
STEPS = st.lists(
    st.tuples(st.sampled_from([0, 100, 1_500, 5_000]), st.sampled_from("UUDDssffVCP"), st.booleans()), max_size=40
)
"""(pause before, what, whether the owner doubts itself): U and D the owner's probes, s and f those of the node asked, V
a view change with a claim, C a crash of the fold's node, P only time that passes."""


class Dumb:
    """One service with one binding."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.owner, self.opinion = DumbHistory(), DumbHistory()
        self.shown: State | None = None
        self.in_doubt = False
        self.until_ms: int | None = None

    def ask(self, now_ms: int) -> None:
        self.in_doubt, self.until_ms, self.opinion = True, now_ms + WAIT_MS, DumbHistory()

    def down(self) -> None:
        self.in_doubt, self.until_ms, self.shown = False, None, State.DOWN

    def probe(self, failed: bool, suspect: bool, now_ms: int) -> None:
        before = self.owner.state
        self.owner.push(self.rule, failed)
        if self.owner.state is BindingVerdict.UP:
            self.in_doubt, self.until_ms, self.shown = False, None, State.UP
        elif self.owner.state is BindingVerdict.UNKNOWN:
            self.shown = State.UNKNOWN
        elif self.in_doubt:
            if failed and not suspect:
                self.down()
        elif suspect and self.shown is State.UP and before is not BindingVerdict.DOWN:
            self.ask(now_ms)
        else:
            self.down()

    def opine(self, failed: bool) -> None:
        if not self.in_doubt:
            return
        first = self.opinion.state is BindingVerdict.UNKNOWN
        self.opinion.push(self.rule, failed)
        if self.opinion.state is BindingVerdict.DOWN or (failed and first):
            self.down()
        elif self.opinion.state is BindingVerdict.UP:
            self.until_ms = None

    def pass_time(self, now_ms: int) -> None:
        if self.in_doubt and self.until_ms is not None and now_ms >= self.until_ms:
            self.down()

    def view(self, now_ms: int) -> None:
        if self.in_doubt:
            self.ask(now_ms)

    def crash(self) -> None:
        reached, self.opinion = self.in_doubt and self.until_ms is None, DumbHistory()
        if reached:
            self.opinion.state = BindingVerdict.UP


@given(st.sampled_from([1, 2]), STEPS)
def test_U8_shown_is_what_the_dumb_one_shows(retries: int, steps: list[tuple[int, str, bool]]) -> None:
    config = replace(CONFIG, bindings=(replace(HTTP_BOUND, retries=retries),))
    fold, dumb, now_ms, view = new_fold(config), Dumb(rule_of(retries, 0, 1)), 1_000, 3
    for number, (pause_ms, step, suspect) in enumerate(steps, 1):
        now_ms += pause_ms
        fold.due(now_ms)
        dumb.pass_time(now_ms)
        owner, asked = Sender(B0, "b0-run", ViewId(view)), Sender(B1, "b1-run", ViewId(view))
        ask = B1 if suspect else None
        if step in "UD":
            run = probed(number, Verdict.UP if step == "U" else Verdict.DOWN, number)
            fold.reported(owner, B0, [run], now_ms, ask)
            dumb.probe(step == "D", suspect, now_ms)
        elif step in "sf":
            fold.opined(asked, [probed(number, Verdict.UP if step == "s" else Verdict.DOWN, number)], now_ms)
            dumb.opine(step == "f")
        elif step == "V" and fold.record is not None:
            view += 1
            fold.claimed(replace(owner, view_id=ViewId(view)), B0, now_ms, B1)
            dumb.view(now_ms)
        elif step == "C" and retries == 1 and fold.record is not None:
            fold = new_fold(config, ServiceFold(config.entity_id, decode(ServiceState, encode(fold.record))).record)
            dumb.crash()
        check(fold, dumb)


def check(fold: ServiceFold, dumb: Dumb) -> None:
    assert (fold.record.state if fold.record else None) is dumb.shown
    doubt: Doubt | None = fold.record.doubt if fold.record else None
    assert (doubt is not None) is dumb.in_doubt
    assert doubt == fold.doubt
    if doubt is not None:
        assert (doubt.asked, doubt.until_ms) == (B1, dumb.until_ms)
