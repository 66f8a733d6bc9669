"""An incident's file: it comes back as it was written, and folds to what it holds, or says that it does not."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from schemas.identifiers import NodeId
from schemas.inventory.services import service
from schemas.probes import Verdict
from schemas.states import ServiceState, State
from schemas.topics import PROBE_RESULTS, SERVICE_STATES, VIEWS
from streams.answers.incident import (
    FORMAT,
    ConfigStep,
    Incident,
    NoIncident,
    closure,
    incident_from,
    lines_of,
)
from streams.answers.placed import Kept, Placed
from streams.answers.refold import refold
from streams.answers.replay import Outcome
from streams.answers.views_then import elected, views_then
from streams.folding.batch import fold_results
from streams.folding.configured import service_config
from streams.folding.events import Source
from streams.folding.facts import Publish
from streams.folding.service import ServiceFold
from tests.unit.answers.records import PARTITION, WEB, batch, configuration, kept, run, view_change

UP, DOWN = Verdict.UP, Verdict.DOWN


def happened() -> tuple[Incident, list[ServiceState]]:
    """The service comes UP and goes DOWN after three failures; what a fold told of it."""
    config = configuration()
    views = views_then([view_change(0, 100, -1, ("b0",))])
    owner = NodeId("b0")
    known = service(config.entities, WEB)
    assert known is not None
    assert elected(known, views.views[-1], None) == owner
    batches = [
        batch(0, 1_000, run(1, UP, 1, 1)),
        *(batch(count, 1_000 + 1_000 * count, run(1 + count, DOWN, count, 2)) for count in (1, 2, 3)),
    ]
    fold, told = ServiceFold(WEB), []
    fold.configured(service_config(known), Source("c.config-commands", 0, 1), 20)
    for placed in batches:
        where = placed.where
        source = Source(where.topic, where.partition, where.offset)
        facts = fold_results({WEB: fold}, placed.record, source, lambda *_: owner, where.at_ms + 15)
        told += [fact.state for fact in facts if isinstance(fact, Publish)]
    step = ConfigStep(config.command_of(WEB), closure(config.entities, WEB), None)
    return Incident("c", "web", WEB, 500, 9_000, False, (step,), tuple(records(batches, told))), told


def records(batches: list[Placed], told: list[ServiceState]) -> list[Kept]:
    """The records as they stand in Kafka."""
    change = view_change(0, 100, -1, ("b0",))
    return [
        kept(VIEWS.name, 0, 100, "", change.record, 0),
        *(kept(PROBE_RESULTS.name, one.where.offset, one.where.at_ms, "b0", one.record) for one in batches),
        *(kept(SERVICE_STATES.name, place, one.updated_at_ms + 2, WEB, one) for place, one in enumerate(told)),
    ]


def test_U1_an_incident_comes_back_from_its_file() -> None:
    incident, _ = happened()
    assert incident_from(lines_of(incident)) == incident
    assert {entity.name for entity in incident.configs[0].entities} == {"web", "tcp"}
    assert json.loads(next(lines_of(incident)))["format"] == FORMAT


def test_U1_an_incident_folds_to_the_recorded_states() -> None:
    incident, told = happened()
    answer = refold(incident_from(lines_of(incident)))
    assert [one.made for one in answer.replayed] == told
    assert {one.outcome for one in answer.replayed} == {Outcome.EQUAL}
    assert (answer.faithful, told[-1].state) == (True, State.DOWN)


def test_U1_a_state_that_does_not_follow_from_the_file_is_found() -> None:
    incident, told = happened()
    changed = [replace(told[0]), replace(told[-1], state=State.UP)]
    others = [one for one in incident.records if not one.where.topic.endswith(SERVICE_STATES.name)]
    states = [kept(SERVICE_STATES.name, place, one.updated_at_ms + 2, WEB, one) for place, one in enumerate(changed)]
    answer = refold(replace(incident, records=(*others, *states)))
    assert not answer.faithful


def test_U1_a_file_without_its_probes_is_not_faithful() -> None:
    incident, _ = happened()
    left = tuple(one for one in incident.records if not one.where.topic.endswith(PROBE_RESULTS.name))
    answer = refold(replace(incident, records=left))
    assert answer.counts[Outcome.DIFFERENT] == len(answer.replayed)
    assert PARTITION >= 0


def test_U1_what_compaction_took_is_counted_apart() -> None:
    incident, told = happened()
    states = [kept(SERVICE_STATES.name, place, one.updated_at_ms + 2, WEB, one) for place, one in enumerate(told)]
    others = [one for one in incident.records if not one.where.topic.endswith(SERVICE_STATES.name)]
    gone = replace(told[-1], sequence=told[-1].sequence + 5, threshold=7)
    answer = refold(replace(incident, compacted=True, records=(*others, *states[:1], *states[2:], later(gone))))
    assert answer.counts[Outcome.GAP] >= 1
    assert answer.faithful


def later(record: ServiceState) -> Kept:
    """A state record behind all others."""
    return kept(SERVICE_STATES.name, 99, record.updated_at_ms + 900, WEB, record)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ([], "empty"),
        (['{"format": "other"}'], "line 1"),
        (["{"], "line 1"),
        ([f'{{"format": "{FORMAT}"}}', '{"record": ["t", 0, 0, 0], "key": "?", "value": null}'], "line 2"),
    ],
)
def test_U1_a_file_that_is_none_is_refused_with_its_line(lines: list[str], message: str) -> None:
    with pytest.raises(NoIncident, match=message):
        incident_from(lines)
