"""Services as `show` tells them: every configured one and its last state, and one of them with all its bindings.

Rule: plain data first, tables from it, so that JSON says everything a table does and by the records' own field names.
A service without a state is there too, as UNKNOWN: who looks for what is monitored must not find a gap. Members of
groups are services (S-2).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from typing import Any

from schemas.dependencies import dependencies, root_causes
from schemas.identifiers import EntityId, NodeId, partition_of, seat_of
from schemas.inventory.services import MonitorBinding, MonitoredService, services
from schemas.probes import PathState, Reason
from schemas.reach import service_reach
from schemas.states import (
    BindingState,
    BindingVerdict,
    Cause,
    CauseKind,
    DomainInfo,
    PathMonitoring,
    ProbeFailure,
    ServiceState,
    State,
)
from schemas.topics import SERVICE_STATES, topic_name
from streams.cli.show_read import Knowledge
from streams.cli.show_words import NO_STATE_YET
from streams.ownership.dynamic import is_dynamic, lead_of
from streams.ownership.owner import OwnerKind, owner_of_kind, seating

Data = dict[str, Any]


def service_list(known: Knowledge) -> list[Data]:
    """Every configured service and member, and states whose service is gone but not yet removed; by name.

    One: `{"entity_id", "name", "state", "owner", "ip_address", "port", "up_weight", "threshold", "response_time_us",
    "changed_at_ms", "due_at_ms", "updated_at_ms", "view_id", "sequence", "cause": {"kind", "text", "topic",
    "partition", "offset"}, "reason", "domain", "load", "doubt", "mss", "layer_two"}`, with `due_at_ms` where time alone
    will end the state, `domain` null, or of a domain-based service `{"domain", "ttl_s", "resolved_at_ms", "reason",
    "detail"}`, `load` null or `{"threshold_reached", "load", "round_robin_contribution"}`, `doubt` null or, while a
    second opinion is asked for, `{"asked", "since_ms", "until_ms"}`, `layer_two` null or, where the service is on its
    owner's link, `{"mac", "vlan", "channel"}`, and `"explained_by"`, the names of services that it depends on and that
    explain why it is DOWN; without a state: state "UNKNOWN", cause text "no state yet", and null for what only a state
    can tell.
    """
    configured = {service.entity_id: service for service in services(known.entities)}
    found = [_service(known, service, known.states.get(entity_id)) for entity_id, service in configured.items()]
    found += [
        {**_told(state), "explained_by": []} for entity_id, state in known.states.items() if entity_id not in configured
    ]
    if known.exactness:
        found = [{**one, "exactness": known.exactness.get(one["entity_id"])} for one in found]
    return sorted(found, key=lambda data: str(data["name"]))


def service_detail(known: Knowledge, name: str) -> Data | None:
    """One service: as in the list, and `"depends_on": [{"name", "state"}]`, `"enabled"`, `"node_groups"`,
    `"incarnation"`, `"elected_owner"` (by the view in force), `"position": {"topic", "partition", "next_offset"}`
    (where its states stand, and how far was read), `"path_state"` (of the record), what `reached` says, and
    `"bindings": [{"monitor_id", "monitor_name", "type", "weight", "counts", "shadow", "state", "verdict", "reason",
    "detail", "count", "outcomes", "response_time_us", "slow", "load", "last_at_ms", "failures": [{"at_ms", "reason",
    "detail"}]}]`, where `outcomes` has the last probes, newest last: `.` for a success, `x` for a failure; `failures`
    are the last few, newest first. None if there is no such service.
    Of a past instant each service, here and in the list, has its `"exactness"` too, such as "WHOLE" or "STATE"
    (`streams.answers.history`).
    """
    service = next((service for service in services(known.entities) if service.name == name), None)
    if service is None:
        return None
    state = known.states.get(service.entity_id)
    told = {} if state is None else {binding.monitor_id: binding for binding in state.bindings}
    partition = partition_of(service.entity_id)
    return {
        **_service(known, service, state),
        "depends_on": _depends_on(known, service.entity_id),
        "enabled": service.enabled,
        "node_groups": list(service.node_groups),
        "incarnation": state.incarnation if state else None,
        "elected_owner": elected_owner(known, service),
        "position": {
            "topic": topic_name(known.cluster, SERVICE_STATES),
            "partition": partition,
            "next_offset": known.positions[SERVICE_STATES.name][partition],
        },
        "path_state": (state.path_state if state else PathState.UNKNOWN).value,
        **reached(known, service, state),
        "bindings": [_binding(bound, told.get(bound.monitor_id)) for bound in service.bindings],
        **({"exactness": known.exactness.get(service.entity_id)} if known.exactness else {}),
    }


def reached(known: Knowledge, service: MonitoredService, state: ServiceState | None) -> Data:
    """`"path_monitoring"`, `"processing_set": [...]` (PS-1), and `"nodes": [{"node", "path", "state", "redirect"}]`:
    those that host it, by which state each serves (P-4), and where it sends what it cannot process (PS-2). Nobody of an
    internal one, which is each node's own affair.
    """
    if service.internal:
        return {"path_monitoring": PathMonitoring.OFF.value, "processing_set": [], "nodes": []}
    reach = service_reach(service, state, known.hosts, known.paths_of(service.entity_id))
    nodes = [
        {"node": each.node, "path": each.path.value, "state": each.state.value, "redirect": each.redirect}
        for each in reach.nodes
    ]
    return {"path_monitoring": reach.monitoring.value, "processing_set": list(reach.processing_set), "nodes": nodes}


def elected_owner(known: Knowledge, service: MonitoredService) -> NodeId | None:
    """Who is to monitor a service by the view in force; None for an internal one, and where nobody can."""
    if service.internal:
        return None
    lead = lead_of(services(known.entities)) if is_dynamic(service) else None
    kind = OwnerKind(seat_of(service.entity_id), frozenset(service.node_groups), lead=lead)
    return owner_of_kind(kind, seating(known.view), known.view)


def _service(known: Knowledge, service: MonitoredService, state: ServiceState | None) -> Data:
    needed = partial(dependencies, known.entities)
    roots = root_causes(service.entity_id, needed, partial(_state_of, known))
    return {**_last(service, state), "explained_by": [known.entities.by_id[root].name for root in roots]}


def _depends_on(known: Knowledge, service: EntityId) -> list[Data]:
    needed = dependencies(known.entities, service)
    states = [_state_of(known, each) or State.UNKNOWN for each in needed]
    return [
        {"name": known.entities.by_id[each].name, "state": state.value}
        for each, state in zip(needed, states, strict=True)
    ]


def _state_of(known: Knowledge, service: EntityId) -> State | None:
    state = known.states.get(service)
    return state.state if state else None


def _last(service: MonitoredService, state: ServiceState | None) -> Data:
    if state is not None:
        return _told(state)
    unknown = ("owner", "response_time_us", "changed_at_ms", "due_at_ms", "updated_at_ms", "view_id", "sequence")
    nothing = dict.fromkeys(unknown)
    return {
        "entity_id": service.entity_id,
        "name": service.name,
        "state": State.UNKNOWN.value,
        **nothing,
        "ip_address": service.ip,
        "port": service.port,
        "up_weight": 0,
        "threshold": service.threshold,
        "cause": cause_data(None),
        "reason": NO_STATE_YET,
        "domain": domain_data(DomainInfo(service.domain.name, None, Reason.UNKNOWN, "")) if service.domain else None,
        "load": None,
        "doubt": None,
        "mss": None,
        "layer_two": None,
    }


def _told(state: ServiceState) -> Data:
    return {
        "entity_id": state.entity_id,
        "name": state.name,
        "state": state.state.value,
        "owner": state.owner,
        "ip_address": state.ip_address,
        "port": state.port,
        "up_weight": state.up_weight,
        "threshold": state.threshold,
        "response_time_us": state.response_time_us,
        "changed_at_ms": state.changed_at_ms,
        "due_at_ms": state.due_at_ms,
        "doubt": asdict(state.doubt) if state.doubt else None,
        "mss": state.mss,
        "layer_two": asdict(state.layer_two) if state.layer_two else None,
        "updated_at_ms": state.updated_at_ms,
        "view_id": state.view_id,
        "sequence": state.sequence,
        "cause": cause_data(state.cause),
        "reason": reason(state),
        "domain": domain_data(state.domain, state.ttl_s) if state.domain else None,
        "load": asdict(state.load) if state.load else None,
    }


def domain_data(domain: DomainInfo, ttl_s: int | None = None) -> Data:
    """The name behind an address, and what DNS said of it."""
    return {
        "domain": domain.domain,
        "ttl_s": ttl_s,
        "resolved_at_ms": domain.resolved_at_ms,
        "reason": domain.reason.value,
        "detail": domain.detail,
    }


def reason(state: ServiceState) -> str:
    """Why the service is in its state, for people: what probes found, where the last record tells of an owner."""
    if state.cause.kind is CauseKind.OWNERSHIP and state.state is State.DOWN:
        down = next((told for told in state.bindings if told.counts and told.state is BindingVerdict.DOWN), None)
        if down is not None:
            return f"{down.detail or down.reason.value}; {state.cause.text}"
    return state.cause.text


def cause_data(cause: Cause | None) -> Mapping[str, Any]:
    """A cause as plain data."""
    if cause is None:
        return {"kind": "UNKNOWN", "text": NO_STATE_YET, "topic": "", "partition": -1, "offset": -1}
    return {
        "kind": cause.kind.value,
        "text": cause.text,
        "topic": cause.topic,
        "partition": cause.partition,
        "offset": cause.offset,
    }


def _binding(bound: MonitorBinding, told: BindingState | None) -> Data:
    return {
        "monitor_id": bound.monitor_id,
        "monitor_name": bound.monitor_name,
        "type": bound.type,
        "weight": bound.weight,
        "counts": bound.counts,
        "shadow": bound.shadow,
        "state": told.state.value if told else "UNKNOWN",
        "verdict": told.verdict.value if told else None,
        "reason": told.reason.value if told else None,
        "detail": told.detail if told else NO_STATE_YET,
        "count": told.count if told else 0,
        "outcomes": outcomes_text(told) if told else "",
        "response_time_us": told.response_time_us if told else None,
        "slow": told.slow if told else False,
        "load": asdict(told.load) if told and told.load else None,
        "last_at_ms": told.last_at_ms if told else None,
        "failures": [_failure(failure) for failure in reversed(told.failures)] if told else [],
    }


def _failure(failure: ProbeFailure) -> Data:
    return {"at_ms": failure.at_ms, "reason": failure.reason.value, "detail": failure.detail}


def last_failures(one: Data) -> list[Data]:
    """The failures of all bindings of a service's data, the latest first: `{"monitor_name", "at_ms", ...}`."""
    told = [
        {"monitor_name": bound["monitor_name"], **failure} for bound in one["bindings"] for failure in bound["failures"]
    ]
    return sorted(told, key=lambda failure: -int(failure["at_ms"]))


def outcomes_text(binding: BindingState) -> str:
    """The probes a binding is judged by, newest last: `.` for a success, `x` for a failure."""
    bits = int.from_bytes(binding.outcomes, "big")
    return "".join("x" if bits >> age & 1 else "." for age in reversed(range(binding.outcome_count)))
