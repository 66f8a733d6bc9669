"""What holds of the fold whatever happens: order (S-10), duplicates, crashes (F8), no more records than news (F12)."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from schemas.codec import decode, encode
from schemas.probes import ProbeResults
from schemas.states import ServiceState, State
from streams.folding import pacing
from streams.folding.batch import fold_results
from streams.folding.events import Reported, ServiceConfig
from streams.folding.facts import Refuse, Transition
from streams.folding.service import ServiceFold, apply
from tests.property.folding.worlds import SERVICE, Timed, configured, published, run, working, worlds

World = tuple[ServiceConfig, list[Timed]]


@given(worlds())
def test_S10_published_order_strictly_increases_whatever_overtakes(world: World) -> None:
    config, events = world
    orders = [(fact.state.view_id, fact.state.sequence) for fact in published(run(configured(config), events))]
    assert orders == sorted(set(orders))
    assert len({sequence for _, sequence in orders}) == len(orders), "sequences go on through the views"


@given(worlds())
def test_V4_each_record_is_of_the_owner_of_its_view(world: World) -> None:
    config, events = world
    owners = {timed.event.sender.view_id: timed.event.sender.node_id for timed in events}
    for fact in published(run(configured(config), events)):
        assert owners[fact.state.view_id] == fact.state.owner


@given(worlds())
def test_V4_each_view_that_is_taken_makes_a_record(world: World) -> None:
    config, events = world
    fold, newest = configured(config), -1
    for timed in events:
        facts = fold.apply(timed.event, timed.now_ms)
        if timed.event.sender.view_id > newest:
            newest = timed.event.sender.view_id
            assert [fact.state.view_id for fact in published(facts)] == [newest]


@given(worlds(), st.data())
def test_F8_a_suffix_delivered_again_changes_nothing(world: World, data: st.DataObject) -> None:
    config, events = world
    fold = configured(config)
    end = data.draw(st.integers(0, len(events)))
    run(fold, events[:end])
    before, now_ms = working(fold), 10_000_000
    again = [Timed(timed.event, now_ms) for timed in events[data.draw(st.integers(0, end)) : end]]
    assert all(isinstance(fact, Refuse) for fact in run(fold, again))
    assert working(fold) == before


@given(worlds(), st.data())
def test_F8_replay_from_the_compacted_state_equals_full_replay(world: World, data: st.DataObject) -> None:
    """A new fold takes the last record from the topic and every result from its cause, or from any earlier one, on."""
    config, events = world
    crash = data.draw(st.integers(0, len(events)))
    fold, compacted, told_at = configured(config), None, 0
    for index, timed in enumerate(events[:crash]):
        for fact in published(fold.apply(timed.event, timed.now_ms)):
            compacted, told_at = decode(ServiceState, encode(fact.state)), index + 1
    successor = configured(config, ServiceFold(SERVICE, compacted))
    run(successor, events[data.draw(st.integers(0, told_at)) :])
    whole = configured(config)
    run(whole, events)
    assert working(successor) == working(whole)


@given(worlds(), st.data())
def test_F8_a_crash_after_untold_results_forgets_no_judgement(world: World, data: st.DataObject) -> None:
    """The documented limit: results after the last record may be lost, but what was judged never is."""
    config, events = world
    fold = configured(config)
    run(fold, events[: data.draw(st.integers(0, len(events)))])
    successor = configured(config, ServiceFold(SERVICE, fold.record))
    assert successor.record == fold.record, "taking over tells nothing new"
    if fold.record is not None:
        judged = {binding.config.monitor_id: binding.state for binding in fold.bindings.values()}
        assert judged == {binding.config.monitor_id: binding.state for binding in successor.bindings.values()}


@given(worlds())
def test_F12_no_more_records_than_news(world: World) -> None:
    """Without another owner or judgement, at most one record in each interval.

    (A judgement may change and change back within one event: that is news too, and is left out here.)
    """
    config, events = world
    fold = configured(config)
    for timed in events:
        if isinstance(timed.event, Reported) and len({run.monitor_id for run in timed.event.runs}) < len(
            timed.event.runs
        ):
            fold.apply(timed.event, timed.now_ms)
            continue
        before, judged = fold.record, judgements(fold.record)
        for fact in published(fold.apply(timed.event, timed.now_ms)):
            same_owner = before is not None and (before.view_id, before.incarnation) == (
                fact.state.view_id,
                fact.state.incarnation,
            )
            if same_owner and judgements(fact.state) == judged:
                interval_ms = pacing.RESPONSE_INTERVAL_MS if config.least_response else pacing.NEWS_INTERVAL_MS
                assert timed.now_ms - before.updated_at_ms >= interval_ms


@given(worlds())
def test_U4_transitions_are_a_chain(world: World) -> None:
    config, events = world
    state = State.UNKNOWN
    for fact in run(configured(config), events):
        if isinstance(fact, Transition):
            assert fact.transition.before is state
            assert fact.transition.after is not state
            state = fact.transition.after


@given(worlds())
def test_what_if_leaves_the_fold_as_it_is(world: World) -> None:
    """U-3: `apply` is pure, and gives what the working object gives."""
    config, events = world
    fold = configured(config)
    for timed in events:
        before = working(fold)
        after, facts = apply(fold, timed.event, timed.now_ms)
        assert working(fold) == before
        assert list(facts) == list(fold.apply(timed.event, timed.now_ms))
        assert working(after) == working(fold)


@given(worlds())
def test_a_batch_folds_like_its_reports(world: World) -> None:
    config, events = world
    one_by_one, batched = configured(config), configured(config)
    for timed in events:
        sender = timed.event.sender
        runs = timed.event.runs if isinstance(timed.event, Reported) else ()
        claims = () if runs else (SERVICE,)
        owner, ask = timed.event.owner_in_view, timed.event.ask
        suspect = ask is not None
        results = ProbeResults(sender.node_id, sender.incarnation, sender.view_id, 0, claims, runs, suspect=suspect)
        facts = fold_results(
            {SERVICE: batched},
            results,
            sender.source,
            lambda _, __, owner=owner: owner,
            timed.now_ms,
            lambda _, __, ask=ask: ask,
        )
        assert facts == list(one_by_one.apply(timed.event, timed.now_ms))
    assert working(batched) == working(one_by_one)


@given(worlds())
def test_reports_within_a_run_may_be_missed(world: World) -> None:
    """Only the last report of each run in each batch: the same judgements, because counts are cumulative."""
    config, events = world
    whole, thinned = configured(config), configured(config)
    for timed in events:
        event: Any = timed.event
        whole.apply(event, timed.now_ms)
        if isinstance(event, Reported):
            last = {(run.monitor_id, run.run): run for run in event.runs}
            event = Reported(event.sender, event.owner_in_view, tuple(last.values()))
        thinned.apply(event, timed.now_ms)
    assert [binding.view() for binding in whole.bindings.values()] == [
        binding.view() for binding in thinned.bindings.values()
    ]


def judgements(record: ServiceState | None) -> object:
    """What a record says that may not wait."""
    return record and (record.state, {binding.monitor_id: binding.state for binding in record.bindings})
