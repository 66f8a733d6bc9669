"""`/metrics`: names, labels and values as Prometheus reads them."""

from __future__ import annotations

from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from schemas.cluster import Phase
from schemas.states import State
from streams.web import metrics
from streams.web.metrics import exposition
from streams.web.source import Receiver
from tests.unit.replica.samples import service_state
from tests.unit.web.fake_source import B0, B1, FakeSource, service, status

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]

SAMPLE = FakeSource(
    services=[service("1-0", 'web "1"'), service("2-0", "web2"), service("3-0", "web3")],
    states={
        "1-0": service_state("1-0", state=State.DOWN),
        "2-0": service_state("2-0"),
    },
    statuses=[status(B0), status(B1, Phase.LEFT)],
)


def scraped(source: FakeSource) -> Series:
    families = text_string_to_metric_families(exposition(source).decode())
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in families
        for sample in family.samples
    }


def test_every_figure_is_there() -> None:
    series = scraped(SAMPLE)
    plain = {name: value for (name, labels), value in series.items() if not labels}
    assert plain == {
        "watchbill_view_id": 5,
        "watchbill_owned_services": 1,
        "watchbill_suspect_nodes": 0,
        "watchbill_states_age_seconds": 0.25,
        "watchbill_kafka_connected": 1,
        "watchbill_lease_held": 1,
        "watchbill_outbox_pending": 3,
        "watchbill_engines_alive": 2,
        "watchbill_digest_mismatches": 0,
        "watchbill_fold_runs_total": 40,
        "watchbill_alerts_silenced_total": 6,
        "watchbill_quarantined_total": 1,
        "watchbill_stale_states_total": 0,
        "watchbill_group_restarts_total": 0,
        "watchbill_lease_expiries_total": 0,
        "watchbill_path_reports_total": 6,
    }
    assert series["watchbill_paths", (("state", "DOWN"),)] == 1
    assert series["watchbill_ping_socket", (("kind", "raw socket"),)] == 1
    assert series["watchbill_ping_socket", (("kind", "ping socket"),)] == 0
    assert series["watchbill_probes_total", (("engine", "1"),)] == 1000
    assert series["watchbill_probes_total", (("engine", "tasks"),)] == 70
    assert series["watchbill_engine_lag_seconds", (("engine", "0"),)] == 0.007
    assert series["watchbill_refused_total", (("reason", "DUPLICATE"),)] == 2
    assert series["watchbill_alerts_total", (("kind", "RESPONSE_SLOW"),)] == 3


def test_states_and_phases_that_do_not_occur_are_zero() -> None:
    series = scraped(SAMPLE)
    states = {labels[0][1]: value for (name, labels), value in series.items() if name == "watchbill_services"}
    assert states == {"UNKNOWN": 1, "UP": 1, "DOWN": 1, "OUT_OF_SERVICE": 0, "GOING_OUT_OF_SERVICE": 0}
    phases = {labels[0][1]: value for (name, labels), value in series.items() if name == "watchbill_nodes"}
    assert phases == {"JOINING": 0, "SERVING": 1, "LEAVING": 0, "LEFT": 1, "UNKNOWN": 0}


def test_U8_nodes_that_doubt_themselves_are_counted() -> None:
    doubtful = FakeSource(statuses=[replace(status(B0), suspect=True), status(B1)])
    assert scraped(doubtful)[("watchbill_suspect_nodes", ())] == 1


def test_a_service_is_up_or_not_and_says_nothing_while_unknown() -> None:
    series = scraped(SAMPLE)
    up = {labels[0][1]: value for (name, labels), value in series.items() if name == "watchbill_service_up"}
    assert up == {'web "1"': 0, "web2": 1}


def test_a_large_cluster_has_no_series_for_each_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics, "SERVICE_SERIES", 2)
    assert not [name for name, _ in scraped(SAMPLE) if name == "watchbill_service_up"]


def test_each_receiver_of_alerts_has_its_figures_and_without_one_there_are_none() -> None:
    receiver = Receiver("webhook", waiting=3, told=7, failed=2, refused=1)
    series = scraped(replace(SAMPLE, totals=replace(SAMPLE.totals, receivers=(receiver,))))
    assert series["watchbill_notices_waiting", (("receiver", "webhook"),)] == 3
    outcomes = {dict(labels)["outcome"]: value for (name, labels), value in series.items() if "notices_total" in name}
    assert outcomes == {"told": 7, "failed": 2, "refused": 1}
    assert not [name for name, _ in scraped(SAMPLE) if "notices" in name]
