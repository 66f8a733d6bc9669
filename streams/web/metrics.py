"""`/metrics`: the node's figures as Prometheus reads them, taken from the source at the moment of the scrape.

Rule: nothing is counted twice: the collector reads what the node already keeps, so a scrape changes nothing and no hot
path knows of Prometheus. Why an own registry: the default one is the process's, and would show whatever a library puts
there. A series for each service is for small clusters; above SERVICE_SERIES services only the totals are told.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from connectors.engine.ping_access import PingAccess
from schemas.cluster import Phase
from schemas.identifiers import EntityId
from schemas.states import State
from streams.web.source import Counters, Health, Source

SERVICE_SERIES = 10_000
"""With more services there is no `watchbill_service_up`: Prometheus would keep a million series for a cluster."""

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def exposition(source: Source) -> bytes:
    """The page, in the text format 0.0.4."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(NodeCollector(source))
    return generate_latest(registry)


class NodeCollector(Collector):
    """Reads a source whenever it is collected."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def collect(self) -> Iterator[Metric]:
        """All metrics of one node."""
        source = self._source
        health, counters = source.health(), source.counters()
        yield from _services(source)
        yield from _cluster(source, health)
        yield from _standing(source, health)
        yield from _paths(health)
        yield from _engines(health)
        yield from _totals(counters)
        yield from _receivers(counters)


def _services(source: Source) -> Iterator[Metric]:
    """Counted one by one: a list of 70,000 states would wake the garbage collector, which stops the whole node."""
    services = source.configured_services()
    seen = (_state(source, service.entity_id) for service in services)
    yield _gauges("watchbill_services", "Configured services, by state.", "state", _all_of(State, seen))
    if len(services) <= SERVICE_SERIES:
        states = ((service.name, _state(source, service.entity_id)) for service in services)
        up = ((name, float(state is State.UP)) for name, state in states if state is not State.UNKNOWN)
        yield _gauges("watchbill_service_up", "1 if the service is UP, 0 if not; none while UNKNOWN.", "service", up)


def _cluster(source: Source, health: Health) -> Iterator[Metric]:
    nodes = source.nodes()
    phases = _all_of(Phase, (status.phase for status in nodes))
    yield _gauges("watchbill_nodes", "Nodes by the phase of their last heartbeat.", "phase", phases)
    suspect = sum(status.suspect for status in nodes)
    yield GaugeMetricFamily("watchbill_suspect_nodes", "Nodes that doubt themselves by their last heartbeat.", suspect)
    yield GaugeMetricFamily("watchbill_view_id", "The view that this node holds; -1 before the first.", health.view_id)
    yield GaugeMetricFamily(
        "watchbill_owned_services", "Services that this node owns by that view.", health.owned_services
    )


def _standing(source: Source, health: Health) -> Iterator[Metric]:
    for name, text, value in (
        ("watchbill_states_age_seconds", "Since Kafka last answered: how old states may be.", source.states_age_s()),
        ("watchbill_kafka_connected", "1 while Kafka answers.", health.kafka.connected),
        ("watchbill_lease_held", "1 while this node may act as owner.", health.lease_held),
        ("watchbill_outbox_pending", "States that wait to be written.", health.outbox_pending),
        (
            "watchbill_digest_mismatches",
            "Partitions of which living nodes hold different states by the same records.",
            len(health.diverged_partitions),
        ),
        ("watchbill_engines_alive", "Probing processes that run.", len(health.engines)),
    ):
        yield GaugeMetricFamily(name, text, float(value))


def _paths(health: Health) -> Iterator[Metric]:
    yield _gauges("watchbill_paths", "Addresses that this node pings, by its path.", "state", health.paths.items())
    given = [(access.value, float(access is health.ping)) for access in PingAccess]
    yield _gauges("watchbill_ping_socket", "1 for the kind of socket that a ping gets.", "kind", given)


def _engines(health: Health) -> Iterator[Metric]:
    probes = CounterMetricFamily("watchbill_probes", "Probes begun since the engine started.", labels=["engine"])
    lag = GaugeMetricFamily(
        "watchbill_engine_lag_seconds",
        "The latest that a probe began after it was due, last second; of tasks, the last probe's.",
        labels=["engine"],
    )
    for name, engine in (*((str(engine.engine), engine) for engine in health.engines), ("tasks", health.tasks)):
        probes.add_metric([name], engine.probes)
        lag.add_metric([name], engine.lag_ms / 1000)
    yield probes
    yield lag


def _totals(counters: Counters) -> Iterator[Metric]:
    refused = CounterMetricFamily("watchbill_refused", "Reports and claims not taken, by reason.", labels=["reason"])
    for reason, count in counters.refused.items():
        refused.add_metric([reason], count)
    yield refused
    alerts = CounterMetricFamily("watchbill_alerts", "Alerts that monitors asked for, by kind.", labels=["kind"])
    for kind, count in counters.alerts.items():
        alerts.add_metric([kind], count)
    yield alerts
    for name, text, value in (
        ("watchbill_fold_runs", "Probe runs folded.", counters.fold_runs),
        ("watchbill_alerts_silenced", "Alerts explained by another service's DOWN.", counters.silenced_alerts),
        ("watchbill_quarantined", "Records that could not be read.", counters.quarantined),
        ("watchbill_stale_states", "State records ignored because a newer one was held.", counters.stale_states),
        ("watchbill_group_restarts", "Times that the consumer group was joined anew.", counters.group_restarts),
        ("watchbill_lease_expiries", "Times that the lease ran out.", counters.lease_expiries),
        ("watchbill_path_reports", "Reports of this node's paths.", counters.path_reports),
    ):
        yield CounterMetricFamily(name, text, value)


def _receivers(counters: Counters) -> Iterator[Metric]:
    waiting = GaugeMetricFamily(
        "watchbill_notices_waiting", "What a receiver of alerts is to hear.", labels=["receiver"]
    )
    notices = CounterMetricFamily(
        "watchbill_notices",
        "Alerts that a receiver took (told) or will not take (refused), and requests that it did not take (failed).",
        labels=["receiver", "outcome"],
    )
    for receiver in counters.receivers:
        waiting.add_metric([receiver.name], receiver.waiting)
        for outcome in ("told", "failed", "refused"):
            notices.add_metric([receiver.name, outcome], getattr(receiver, outcome))
    yield waiting
    yield notices


def _state(source: Source, entity_id: EntityId) -> State:
    state = source.state_of(entity_id)
    return State.UNKNOWN if state is None else state.state


def _all_of(kinds: type[State] | type[Phase], seen: Iterable[State | Phase]) -> list[tuple[str, float]]:
    """Every kind with its count, also those that do not occur: a series that comes and goes breaks alerts."""
    counts = Counter(seen)
    return [(kind.value, float(counts[kind])) for kind in kinds]


def _gauges(name: str, text: str, label: str, values: Iterable[tuple[str, float]]) -> Metric:
    family = GaugeMetricFamily(name, text, labels=[label])
    for value, count in values:
        family.add_metric([value], count)
    return family
