"""Custom load in the fold (CL-1 to CL-5): what is told of it, when, and that it never decides a state."""

from __future__ import annotations

from dataclasses import replace

from schemas.codec import decode, encode
from schemas.identifiers import EntityId
from schemas.probes import MeasuredLoad, ProbeRun, Verdict
from schemas.states import BindingVerdict, LoadInfo, ServiceState, State
from streams.folding.events import BindingConfig
from streams.folding.service import ServiceFold
from tests.unit.folding.builders import (
    B0,
    B1,
    CONFIG,
    CONFIG_SOURCE,
    HTTP_BOUND,
    new_fold,
    probed,
    sender,
    states,
    transitions,
    up_fold,
)

SNMP, OTHER = EntityId("7-0"), EntityId("7-1")
LOAD_BOUND = BindingConfig(SNMP, counts=False, monitor_name="snmp", measures=True)
LOADED = replace(CONFIG, bindings=(HTTP_BOUND, LOAD_BOUND))


def measured(
    sequence: int, load: int, reached: bool = False, verdict: Verdict = Verdict.UP, monitor: EntityId = SNMP
) -> ProbeRun:
    run = probed(sequence, verdict, run=1 if verdict is Verdict.UP else 2, count=sequence, monitor=monitor)
    return replace(run, load=MeasuredLoad(load, reached)) if verdict is Verdict.UP else run


def loaded_fold() -> ServiceFold:
    """UP under view 3 of b0 since 1 s, with a load of 100 told."""
    fold = new_fold(LOADED)
    fold.reported(sender(), B0, [probed(1), measured(2, 100)], 1_000)
    return fold


def told(fold: ServiceFold, run: ProbeRun, now_ms: int) -> list[LoadInfo | None]:
    return [state.load for state in states(fold.reported(sender(), B0, [run], now_ms))]


def test_CL1_the_load_is_in_the_record_and_stays_there() -> None:
    fold = loaded_fold()
    record = fold.record
    assert record is not None
    assert record.load == LoadInfo(False, 100, None)
    assert decode(ServiceState, encode(record)) == record
    later = ServiceFold(record.entity_id, record)
    assert later.configured(LOADED, CONFIG_SOURCE, 2_000) == ()
    (state,) = states(later.claimed(sender(4, B1), B1, 2_000))
    assert state.load == LoadInfo(False, 100)


def test_CL2_it_goes_out_with_or_after_the_first_record_of_its_owner() -> None:
    fold = new_fold(LOADED)
    (first,) = states(fold.reported(sender(), B0, [measured(1, 40)], 1_000))
    assert (first.sequence, first.owner, first.load) == (1, B0, LoadInfo(False, 40))
    assert states(fold.reported(sender(3, B1), B0, [measured(9, 90)], 1_100)) == []


def test_CL3_5_percent_or_the_flag() -> None:
    fold = loaded_fold()
    assert told(fold, measured(3, 104), 1_100) == []
    assert told(fold, measured(4, 105), 1_200) == [LoadInfo(False, 105)]
    assert told(fold, measured(5, 100), 1_300) == []
    assert told(fold, measured(6, 100, reached=True), 1_400) == [LoadInfo(True, 100)]
    assert told(fold, measured(7, 100, reached=False), 1_500) == [LoadInfo(False, 100)]


def test_CL4_only_while_a_load_monitor_measures() -> None:
    assert up_fold().reported(sender(), B0, [replace(probed(2), load=MeasuredLoad(5, True))], 1_100) == []
    fold = loaded_fold()
    (state,) = states(fold.configured(CONFIG, CONFIG_SOURCE, 2_000))
    assert state.load is None
    fold = loaded_fold()
    off = replace(LOADED, bindings=(HTTP_BOUND, replace(LOAD_BOUND, measures=False)))
    (state,) = states(fold.configured(off, CONFIG_SOURCE, 2_000))
    assert (state.load, state.state) == (None, State.UP)


def test_a_load_never_sets_the_state() -> None:
    fold = loaded_fold()
    facts = fold.reported(sender(), B0, [measured(3, 900, reached=True)], 1_100)
    assert [state.state for state in states(facts)] == [State.UP]
    only = new_fold(replace(CONFIG, bindings=(LOAD_BOUND,)))
    (state,) = states(only.reported(sender(), B0, [measured(1, 900, reached=True)], 1_000))
    assert state.state is State.UNKNOWN


def test_an_agent_that_is_silent_has_no_load_and_its_service_stays_up() -> None:
    fold = loaded_fold()
    facts = fold.reported(sender(), B0, [measured(3, 0, verdict=Verdict.DOWN)], 1_100)
    (state,) = states(facts)
    assert (state.load, state.state, transitions(facts)) == (None, State.UP, [])
    assert [binding.state for binding in state.bindings] == [BindingVerdict.UP, BindingVerdict.DOWN]


def test_M4_several_monitors_are_weighed_and_one_flag_is_enough() -> None:
    heavy = BindingConfig(OTHER, weight=3, counts=False, measures=True)
    fold = new_fold(replace(CONFIG, bindings=(HTTP_BOUND, LOAD_BOUND, heavy)))
    runs = [probed(1), measured(2, 100, reached=True), measured(3, 20, monitor=OTHER)]
    fold.reported(sender(), B0, runs, 1_000)
    record = fold.record
    assert record is not None
    assert record.load == LoadInfo(True, 40)
