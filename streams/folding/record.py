"""Step 7d: the records that the fold writes, built from what it holds.

Rule: the sequence goes up by one with each record of a service, through all views, so that (view id, sequence) rises
strictly; `changed_at_ms` moves only with the state.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.parameters.durations import duration_text
from schemas.probes import Link, PathState
from schemas.states import BindingVerdict, Cause, CauseKind, PathMonitoring, ServiceState, ServiceTransition, State
from streams.folding.binding import BindingFold
from streams.folding.events import Sender, ServiceConfig, Source
from streams.folding.leaving import was_out
from streams.folding.link import link_of
from streams.folding.load import load_of
from streams.folding.paths import MONITORING_WORDS
from streams.folding.server import ServerInfo
from streams.folding.settling import Grounds, Settled
from streams.folding.weights import SERVING

UP = BindingVerdict.UP

CAUSE_CHARACTERS = 400
"""The longest text of a cause: a probe's detail, with the names around it."""


@dataclass(frozen=True, slots=True)
class Declared:
    """Who monitors the service, under which view."""

    view_id: ViewId
    owner: NodeId
    incarnation: str


def declared_by(sender: Sender) -> Declared:
    """The sender as owner."""
    return Declared(sender.view_id, sender.node_id, sender.incarnation)


def declared_in(record: ServiceState) -> Declared:
    """The owner that a record names."""
    return Declared(record.view_id, record.owner, record.incarnation)


def cause_of(kind: CauseKind, text: str, source: Source) -> Cause:
    """A cause with the record that made it so."""
    return Cause(kind, text[:CAUSE_CHARACTERS], source.topic, source.partition, source.offset)


def ownership_text(sender: Sender) -> str:
    """What a record says whose owner alone is new."""
    return f"monitored by {sender.node_id} under view {sender.view_id}"


class Folded(Grounds, Protocol):
    """All that a record tells of a service: the working fold of one service."""

    server: ServerInfo
    link: Link | None


def next_record(
    fold: Folded, declared: Declared, settled: Settled, cause: Cause, at_ms: int, now_ms: int
) -> ServiceState:
    """The service's next state record. `at_ms` is when the event happened, `now_ms` when it was folded."""
    before, config, server, bindings = fold.record, fold.config, fold.server, fold.bindings.values()
    assert config is not None, "a service is published only while it is configured"
    state, up_weight = settled.state, settled.up_weight
    same_state = before is not None and before.state is state
    unmonitored = config.path_monitoring is PathMonitoring.OFF
    layer_two, mss = link_of(before, server, fold.link)
    return ServiceState(
        view_id=declared.view_id,
        sequence=before.sequence + 1 if before else 1,
        entity_id=config.entity_id,
        name=config.name,
        state=state,
        owner=declared.owner,
        incarnation=declared.incarnation,
        ip_address=server.ip_address,
        port=config.port,
        ttl_s=server.ttl_s,
        layer_two=layer_two,
        mss=mss,
        path_state=PathState.UNKNOWN if unmonitored else fold.reach.state,
        response_time_us=mean_response_us(bindings),
        load=load_of(bindings),
        up_weight=up_weight,
        threshold=config.threshold,
        cause=cause,
        changed_at_ms=before.changed_at_ms if before and same_state else at_ms,
        updated_at_ms=now_ms,
        bindings=tuple([binding.view() for binding in bindings]),
        due_at_ms=fold.due_at_ms,
        flaps=fold.flaps,
        domain=server.domain,
        path_monitoring=config.path_monitoring,
        doubt=fold.doubt,
    )


def transition_of(before: State, record: ServiceState) -> ServiceTransition:
    """The line of history that a record with another state makes."""
    return ServiceTransition(
        view_id=record.view_id,
        sequence=record.sequence,
        entity_id=record.entity_id,
        name=record.name,
        owner=record.owner,
        before=before,
        after=record.state,
        up_weight=record.up_weight,
        threshold=record.threshold,
        cause=record.cause,
        at_ms=record.changed_at_ms,
    )


def mean_response_us(bindings: Collection[BindingFold]) -> int | None:
    """The average over the last responses of the UP bindings that count (L-5), None while there is none.

    A success without an answer, such as silence over UDP or a reversed monitor's, has a time of 0 and no part in it.
    """
    times = [binding.response_time_us for binding in bindings if binding.state is UP and binding.config.counts]
    answered = [time_us for time_us in times if time_us]
    return sum(answered) // len(answered) if answered else None


def delay_over_text(config: ServiceConfig) -> str:
    """What a record says whose state only time has changed."""
    if config.enabled:
        return f"no change for {duration_text(config.flap_window_ms)}: no longer held DOWN"
    return f"disabled, its delay of {duration_text(config.leave_ms)} is over"


def _leave(config: ServiceConfig) -> tuple[int, bool]:
    return config.leave_ms, config.graceful


def _damping(config: ServiceConfig) -> tuple[int, int]:
    return config.flap_changes, config.flap_window_ms


def disabled_text(record: ServiceState, config: ServiceConfig) -> str:
    """How it was disabled: at once, as one that serves nobody always is, or after a while."""
    if record.state not in SERVING:
        return "disabled"
    if config.leave_ms:
        return f"disabled, out of service in {duration_text(config.leave_ms)}"
    return "disabled, going out of service until disabled without graceful" if config.graceful else "disabled"


def says(record: ServiceState, config: ServiceConfig, server: ServerInfo) -> bool:
    """Whether the record's name, server and threshold are those configured."""
    shown = (record.name, record.domain.domain if record.domain else "", record.ip_address, record.port)
    wanted = (config.name, config.domain, server.ip_address, config.port)
    decided = (record.threshold, record.path_monitoring)
    return shown == wanted and decided == (config.threshold, config.path_monitoring)


def shows(record: ServiceState, settled: Settled, bindings: Mapping[EntityId, BindingFold]) -> bool:
    """Whether the record's state, and what it has of the bindings, are what is now so."""
    if (record.state, record.up_weight) != (settled.state, settled.up_weight):
        return False
    if (record.load is None) is not (load_of(bindings.values()) is None):
        return False
    judged = {monitor_id: binding.state for monitor_id, binding in bindings.items()}
    return {binding.monitor_id: binding.state for binding in record.bindings} == judged


def config_changes(record: ServiceState, before: ServiceConfig | None, config: ServiceConfig) -> str:
    """What a person should read of a change of configuration."""
    changes = []
    if record.name != config.name:
        changes.append(f"renamed from {record.name} to {config.name}")
    was, given = record.domain.domain if record.domain else record.ip_address, config.domain or config.ip_address
    if (was, record.port) != (given, config.port):
        changes.append(f"address {was}:{record.port} to {given}:{config.port}")
    if record.threshold != config.threshold:
        changes.append(f"threshold {record.threshold} to {config.threshold}")
    if record.path_monitoring is not config.path_monitoring:
        changes.append(MONITORING_WORDS[config.path_monitoring])
    if was_out(record, before) == config.enabled:
        changes.append("enabled" if config.enabled else disabled_text(record, config))
    elif before is not None and _leave(before) != _leave(config):
        changes.append(disabled_text(record, config))
    if before is not None and _damping(before) != _damping(config):
        changes.append("flap damping")
    if before is not None and before.monitored != config.monitored:
        changes.append("health_monitor is on" if config.monitored else "health_monitor is off: it counts as UP")
    elif before is None or before.bindings != config.bindings:
        changes.append("bindings")
    return "configuration: " + ", ".join(changes)
