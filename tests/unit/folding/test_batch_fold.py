"""Step 7, a whole batch: claims and runs of many services."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.identifiers import EntityId, NodeId, Partition, ViewId, partition_of
from schemas.probes import ProbeResults, ProbeRun, Verdict
from schemas.states import CauseKind, State
from streams.folding.batch import fold_results
from streams.folding.events import BindingConfig
from streams.folding.facts import Refusal
from streams.folding.service import ServiceFold
from tests.unit.folding.builders import B0, B1, CONFIG, HTTP_BOUND, SOURCE, TCP, WEB, new_fold, probed, refusals, states

MAIL = EntityId("5-1")


def batch(claims: tuple[EntityId, ...] = (), runs: tuple[ProbeRun, ...] = ()) -> ProbeResults:
    return ProbeResults(B0, "b0-first", ViewId(3), 1_000, claims, runs)


def folds() -> dict[EntityId, ServiceFold]:
    return {WEB: new_fold(), MAIL: new_fold(replace(CONFIG, entity_id=MAIL, name="mail"))}


def b0_owns(service: EntityId, view: ViewId) -> NodeId:
    return B0


def test_claims_come_before_runs() -> None:
    facts = fold_results(folds(), batch((WEB,), (probed(1),)), SOURCE, b0_owns, 1_000)
    assert [state.cause.kind for state in states(facts)] == [CauseKind.OWNERSHIP, CauseKind.PROBE]


def test_services_are_folded_in_order() -> None:
    facts = fold_results(folds(), batch((), (probed(1, service=MAIL), probed(2))), SOURCE, b0_owns, 1_000)
    assert [state.name for state in states(facts)] == ["mail", "web"]
    assert {state.cause.offset for state in states(facts)} == {SOURCE.offset}


def test_neighbouring_runs_of_one_service_make_one_record() -> None:
    both = {WEB: new_fold(replace(CONFIG, bindings=(HTTP_BOUND, BindingConfig(TCP))))}
    facts = fold_results(both, batch((), (probed(1), probed(2, monitor=TCP))), SOURCE, b0_owns, 1_000)
    assert [state.up_weight for state in states(facts)] == [2]


def test_a_service_not_folded_here_refuses_and_its_neighbours_are_folded() -> None:
    ghost = EntityId("9-9")
    facts = fold_results(folds(), batch((ghost, WEB), (probed(1, service=ghost), probed(2))), SOURCE, b0_owns, 1_000)
    assert refusals(facts) == [Refusal.UNKNOWN_SERVICE, Refusal.UNKNOWN_SERVICE]
    assert len(states(facts)) == 2


@pytest.mark.parametrize(
    ("of_one_folder", "owners", "incarnation", "told"),
    [
        ((4, 5), {}, "b0-first", False),
        ((), {}, "b0-first", True),
        ((4, 5), {4: B1}, "b0-first", True),
        ((4, 5), {}, "b0-second", True),
    ],
    ids=["the same all along", "another writer", "another owner in between", "another run"],
)
def test_V4_a_newer_view_alone_is_told_unless_owner_and_writer_were_the_same_in_every_view(
    of_one_folder: tuple[int, ...], owners: dict[int, NodeId], incarnation: str, told: bool
) -> None:
    """What a former writer may have on its way still is below the record that is made then."""
    both, asked = folds(), []

    def one_folder(partition: Partition, since: ViewId, until: ViewId) -> list[ViewId]:
        asked.append((partition, since, until))
        return [ViewId(view) for view in of_one_folder]

    def owner_of(_service: EntityId, view: ViewId) -> NodeId:
        return owners.get(view, B0)

    fold_results(both, batch((), (probed(1),)), SOURCE, b0_owns, 1_000)
    later = replace(batch((), (probed(2, count=2),)), view_id=ViewId(5), incarnation=incarnation)
    facts = fold_results(both, later, SOURCE, owner_of, 2_000, of_one_folder=one_folder)
    assert [state.view_id for state in states(facts)] == [5] * told
    assert set(asked) <= {(partition_of(WEB), 3, 5)}


def test_an_empty_batch_says_nothing() -> None:
    assert fold_results(folds(), batch(), SOURCE, b0_owns, 1_000) == []


def test_U8_of_a_suspect_node_a_second_opinion_is_asked_and_of_any_other_not() -> None:
    for suspect, state in ((False, State.DOWN), (True, State.UP)):
        both = folds()
        fold_results(both, batch((), (probed(1),)), SOURCE, b0_owns, 1_000)
        failing = replace(batch((), (probed(2, Verdict.DOWN, run=2, count=3),)), suspect=suspect)
        facts = fold_results(both, failing, SOURCE, b0_owns, 2_000, lambda service, view: B1)
        assert [told.state for told in states(facts)] == [state]
        opinion = replace(batch((), (probed(1, Verdict.DOWN), probed(2, service=MAIL))), node_id=B1, opinion=True)
        told = fold_results(both, opinion, SOURCE, b0_owns, 3_000)
        assert refusals(told) == [Refusal.NOT_ASKED] * (1 if suspect else 2)
        assert [each.state for each in states(told)] == ([State.DOWN] if suspect else [])
