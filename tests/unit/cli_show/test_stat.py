"""The cluster in numbers: each number from the same sample that `show` is tested with."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.config import BoundTo, ConfigEntity, Kind
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.inventory.entities import Entities
from schemas.inventory.services import services
from schemas.states import BindingVerdict, Cause, CauseKind, ServiceTransition, State
from streams.cli.show_rates import due_per_s, service_rate
from streams.cli.stat import stat_of
from streams.cli.stat_tables import print_stat
from tests.unit.cli_show.samples import API, HTTP, NOW_MS, WEB, entities, knowledge, state

MINUTE_MS = 60_000


def transition(entity_id: EntityId = WEB, sequence: int = 1, age_ms: int = 1_000) -> ServiceTransition:
    return ServiceTransition(
        view_id=ViewId(1),
        sequence=sequence,
        entity_id=entity_id,
        name={WEB: "web", API: "api"}[entity_id],
        owner=NodeId("b0"),
        before=State.UP,
        after=State.DOWN,
        up_weight=0,
        threshold=0,
        cause=Cause(CauseKind.PROBE, "refused"),
        at_ms=NOW_MS - age_ms,
    )


def test_services_are_counted_by_state_and_one_without_a_state_is_unknown() -> None:
    told = stat_of(knowledge(), [], MINUTE_MS)
    assert told["services"]["total"] == 3
    expected = {"UP": 1, "DOWN": 1, "UNKNOWN": 1, "OUT_OF_SERVICE": 0, "GOING_OUT_OF_SERVICE": 0}
    assert told["services"]["by_state"] == expected


def test_a_state_of_a_service_that_was_removed_is_not_counted() -> None:
    known = knowledge()
    gone = EntityId("9-9")
    known = replace(known, states={**known.states, gone: state(State.DOWN, "b1", gone, "gone")})
    told = stat_of(known, [], MINUTE_MS)
    assert (told["services"]["total"], told["services"]["by_state"]["DOWN"]) == (3, 1)
    assert [one["by_state"]["DOWN"] for one in told["nodes"]] == [0, 1]


def test_each_node_has_what_it_told_its_lag_and_its_share_of_the_probes() -> None:
    told = stat_of(knowledge(), [], MINUTE_MS)
    b0, b1 = told["nodes"]
    assert (b0["node_id"], b0["by_state"]["UP"], b1["by_state"]["DOWN"]) == ("b0", 1, 1)
    assert (b0["behind_records"], b1["behind_records"], b0["stale"], b1["stale"]) == (0, 3, False, True)
    assert told["probes_due_per_s"] == pytest.approx(sum(one["probes_due_per_s"] for one in told["nodes"]), abs=0.11)
    assert sum(one["owned"] for one in told["nodes"]) == 3


def test_changes_are_counted_once_within_the_window_and_the_busiest_first() -> None:
    told = [transition(), transition(), transition(sequence=2), transition(API), transition(API, 9, age_ms=61_000)]
    changes = stat_of(knowledge(), told, MINUTE_MS)["transitions"]
    assert (changes["count"], changes["per_minute"]) == (3, 3.0)
    assert [(one["name"], one["count"]) for one in changes["busiest"]] == [("web", 2), ("api", 1)]
    assert stat_of(knowledge(), told, 2 * MINUTE_MS)["transitions"]["per_minute"] == 2.0


def rate(now: State = State.UP, down_time_ms: int = 5_000) -> float:
    monitor = {"type": "HTTP", "interval_ms": 500, "down_time_ms": down_time_ms}
    bound = (BoundTo(Kind.MONITOR, HTTP, 1, True),)
    made = [
        ConfigEntity(HTTP, Kind.MONITOR, "http", 0, True, monitor, ()),
        ConfigEntity(WEB, Kind.SERVICE, "web", 1, True, {"address": "10.0.0.1", "port": 80}, bound),
    ]
    (service,) = services(Entities().updated(made))
    return service_rate(service, state(now))


def test_a_service_is_due_by_its_intervals_and_when_down_once_in_its_down_time() -> None:
    assert state(State.DOWN).bindings[0].state is BindingVerdict.DOWN
    assert (rate(), rate(State.DOWN)) == (2.0, 0.2)
    assert rate(State.DOWN, 100) == 2.0


def test_who_is_probed_by_nobody_is_due_never() -> None:
    (web,) = (one for one in services(entities()) if one.entity_id == WEB)
    assert service_rate(web, None) == 0.4
    for spared in (
        replace(web, enabled=False),
        replace(web, health_monitor=False),
        replace(web, bindings=tuple(replace(one, enabled=False) for one in web.bindings)),
        replace(web, bindings=tuple(replace(one, type="HTTP-INLINE") for one in web.bindings)),
    ):
        assert service_rate(spared, None) == 0.0


def test_O11_an_internal_service_is_due_on_every_node_that_has_it() -> None:
    known = knowledge()
    (web,) = (one for one in services(known.entities) if one.entity_id == WEB)
    assert due_per_s(known, [replace(web, internal=True)]) == dict.fromkeys(known.view.nodes, 0.4)
    assert sum(due_per_s(known, [web]).values()) == 0.4


def test_the_screen_fits_eighty_columns_and_says_what_the_data_says(capsys: pytest.CaptureFixture[str]) -> None:
    print_stat(stat_of(knowledge(), [transition()], 5 * MINUTE_MS))
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "services    3" in out
    assert "changes     1 in 5min, 0.2 a minute" in out
    assert "SERVING, stale" in out
    assert "changed most" in out
