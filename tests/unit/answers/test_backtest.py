"""Recorded probes through other retries and thresholds: what is avoided, what comes later, and how sure that is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.config import Kind
from schemas.config import Verb as Doing
from schemas.identifiers import EntityId, NodeId
from schemas.probes import Reason, Verdict
from streams.answers.backtest import Backtest, Configured, Outage, backtest
from streams.answers.config_then import lives
from streams.answers.placed import NOWHERE
from streams.answers.probes_then import Probe, probes_of
from streams.answers.trial import Refused, overrides, trial
from streams.cli.gather_runs import configured
from streams.folding.configured import service_config
from streams.folding.events import ServiceConfig
from tests.unit.answers.records import TCP, WEB, batch, bound, command, configuration, operation, run

UP, DOWN = Verdict.UP, Verdict.DOWN
B0 = NodeId("b0")
INTERVAL_MS = 1_000


def config(**settings: object) -> ServiceConfig:
    """The service under other settings, as the trial makes it."""
    known = configuration()
    service = known.service(WEB)
    assert service is not None
    tried = trial(known.entities, overrides(known.entities, service, settings), 9)  # type: ignore[arg-type]
    ((_, after),) = tried.services().values() if tried.changes else [(None, service)]
    assert after is not None
    return service_config(after)


def probes(outcomes: str) -> list[Probe]:
    """A probe a second: `.` for a success, `x` for a failure."""
    return [
        Probe(
            (place + 1) * INTERVAL_MS,
            TCP,
            DOWN if one == "x" else UP,
            Reason.REFUSED if one == "x" else Reason.OK,
            "",
            1,
            None,
            NOWHERE,
            False,
        )
        for place, one in enumerate(outcomes)
    ]


def replayed(outcomes: str, down_time_ms: int = 0, told: tuple[int, ...] = (), **settings: object) -> Backtest:
    """The back-test of these probes: recorded with retries 2."""
    pauses = {TCP: down_time_ms} if down_time_ms else {}
    ends = [Outage(at_ms, None) for at_ms in told]
    return backtest(probes(outcomes), [Configured(0, config(retries=2), config(**settings))], None, ends, pauses)


def test_U6_a_short_outage_is_not_noticed_with_more_retries() -> None:
    found = replayed("..xxx...", retries=5)
    assert [one.found for one in found.outages] == [None]
    assert found.outages[0].recorded == Outage(4_000, 6_000)
    assert (len(found.avoided), found.outages[0].sure) == (1, True)


def test_U6_a_long_outage_is_noticed_later_by_as_many_probes() -> None:
    (one,) = replayed("..xxxxxxx..", retries=5).outages
    assert (one.later_ms, one.found) == (3_000, Outage(7_000, 10_000))


def test_U6_fewer_retries_notice_sooner_and_add_outages() -> None:
    found = replayed(".x..xxx..", retries=1)
    assert [one.later_ms for one in found.outages] == [-1_000]
    assert found.added == (Outage(2_000, 3_000),)


def test_U6_what_was_not_probed_is_not_claimed() -> None:
    found = replayed("..xxx...", down_time_ms=30_000, retries=5)
    assert [one.sure for one in found.outages] == [False]
    assert [one.sure for one in replayed("..xxx...", down_time_ms=30_000, retries=2).outages] == [True]


def test_U6_the_replay_as_configured_is_held_against_what_was_told() -> None:
    found = replayed("..xxx...xx.", told=(4_000, 10_400), retries=5)
    assert (found.told, found.proven) == (2, 2)
    assert replayed("..xxx...", told=(4_000, 60_000), retries=5).proven == 1


def test_U6_a_threshold_is_replayed() -> None:
    assert replayed("..xxx...", threshold=1, retries=2).outages[0].later_ms == 0
    assert replayed("........", threshold=2).added[0].to_ms is None


def test_U6_M20_flap_damping_is_replayed_with_its_times() -> None:
    found = replayed("..xx..xx.......................", flap_changes=2, flap_window="5s", retries=2)
    assert [one.found for one in found.outages] == [Outage(4_000, 5_000), Outage(8_000, 14_000)]


def test_U6_a_setting_out_of_range_is_refused_as_in_a_command() -> None:
    with pytest.raises(Refused, match="retries"):
        config(retries=1_000)


def test_U6_probes_come_back_from_runs_with_their_times() -> None:
    batches = [
        batch(1, 100, replace(run(1, UP, 1, 1, 100))),
        batch(2, 200, replace(run(2, UP, 4, 1, 400), first_at_ms=100)),
        batch(3, 500, replace(run(3, DOWN, 1, 2, 500))),
        batch(4, 500, replace(run(3, DOWN, 1, 2, 500))),
        batch(5, 550, replace(run(9, DOWN, 1, 2, 550)), node="b1"),
    ]
    found = probes_of(batches, WEB, lambda _: B0)
    assert [(one.at_ms, one.verdict, one.placed) for one in found] == [
        (100, UP, False),
        (200, UP, True),
        (300, UP, True),
        (400, UP, False),
        (500, DOWN, False),
    ]


def test_U6_a_service_that_was_bound_later_is_tried_from_then_on() -> None:
    """As it comes about on the command line: `add service`, then `bind`."""
    steps = [
        command(0, 10, operation(Doing.ADD, Kind.SERVICE, "web", address="10.0.0.1", port=80)),
        command(1, 20, operation(Doing.ADD, Kind.MONITOR, "tcp", type="TCP")),
        command(2, 30, bound("web", "tcp")),
    ]
    web = EntityId("0-0")
    tried = configured(lives(steps, web, 1_000), {"retries": 5}, None, 0)
    assert [(_retries(one.recorded), _retries(one.asked)) for one in tried] == [([], []), ([3], [5])]
    for past, monitor, told in ((steps[:1], None, "no monitor was bound"), (steps, "http", "no monitor http was")):
        with pytest.raises(Refused, match=told):
            configured(lives(past, web, 1_000), {"retries": 5}, monitor, 0)


def _retries(config: ServiceConfig | None) -> list[int]:
    return [] if config is None else [binding.retries for binding in config.bindings]
