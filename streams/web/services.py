"""Services in JSON: a page of many, and everything known of one.

Rule: the configuration says which services there are, the replica what state each has; one without a state yet is
UNKNOWN and has no owner. A page goes by name, from behind `after`, and decodes no more states than it needs. `since` is
when the state began, `age_s` how old the knowledge may be: with Kafka away states stay, and age (U-9). A monitor's
settings are left out: headers and texts that it sends may be somebody's credentials.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from heapq import merge
from itertools import islice
from operator import attrgetter
from typing import TypeVar

from schemas.dependencies import dependencies, root_causes
from schemas.identifiers import EntityId
from schemas.inventory.services import MonitorBinding, MonitoredService
from schemas.reach import OnNode, service_reach
from schemas.states import BindingState, BindingVerdict, Cause, PathMonitoring, ProbeFailure, ServiceState, State
from streams.folding.config.suggestions import nearest
from streams.web.answers import Answer, Json, failure, refused, seconds, time_pair
from streams.web.parameters import VALUE_CHARACTERS, Pairs, Problem, ServicesQuery, no_parameters, services_query
from streams.web.source import InlineJudgement, Source, hosts_in

Record = TypeVar("Record")
Value = TypeVar("Value")
Known = tuple[MonitoredService, ServiceState | None]
NAME = attrgetter("name")

SORTED_AT_ONCE = 5_000
COMPARED_NAMES = 10_000
"""Names that a misspelt one is compared with; with more services only those that begin or end alike are."""


def services_page(source: Source, pairs: Pairs) -> Answer:
    """`/api/services`: 200 with `services`, and `next_after` (null on the last page) to ask for the next; or 400."""
    query = services_query(pairs)
    if isinstance(query, Problem):
        return refused(query)
    age_s = seconds(source.states_age_s())
    rows: list[Json] = []
    next_after = None
    for service, state in _matching(source, query):
        if len(rows) == query.limit:
            next_after = rows[-1]["name"]
            break
        rows.append({**brief(service, state, age_s), "explained_by": explained_by(source, service.entity_id)})
    return Answer(200, {"states_age_s": age_s, "count": len(rows), "next_after": next_after, "services": rows})


def one_service(source: Source, pairs: Pairs, name: str) -> Answer:
    """`/api/services/{name}`: 200 with all that is known of it; 404 with the nearest name."""
    wrong = no_parameters(pairs)
    if wrong is not None:
        return refused(wrong)
    services = source.configured_services()
    found = next((service for service in services if service.name == name), None)
    if found is None:
        return not_there(name[:VALUE_CHARACTERS], services)
    record = source.state_of(found.entity_id)
    body = {**detail(found, record, seconds(source.states_age_s())), **reached(source, found, record)}
    return Answer(
        200,
        {
            **body,
            "depends_on": depends_on(source, found.entity_id),
            "explained_by": explained_by(source, found.entity_id),
            "inline": [inline(judged) for judged in source.inline_of(found.entity_id)],
        },
    )


def depends_on(source: Source, service: EntityId) -> list[Json]:
    """What it depends on directly (M-20)."""
    entities = source.entities()
    needed = [(entities.by_id[each].name, source.state_of(each)) for each in dependencies(entities, service)]
    return [{"name": name, "state": (state.state if state else State.UNKNOWN).value} for name, state in needed]


def explained_by(source: Source, service: EntityId) -> list[str]:
    """The services that explain why it is DOWN, by name; none if it is not, or is the root itself (M-20)."""
    entities = source.entities()

    def state_of(each: EntityId) -> State | None:
        told = source.state_of(each)
        return told.state if told else None

    if not dependencies(entities, service):
        return []
    return [entities.by_id[root].name for root in root_causes(service, partial(dependencies, entities), state_of)]


def reached(source: Source, service: MonitoredService, record: ServiceState | None) -> Json:
    """A service node by node, and who can process its traffic (PS-1). An internal one is each node's own affair."""
    if service.internal:
        return {"path_monitoring": PathMonitoring.OFF.value, "nodes": [], "processing_set": []}
    reach = service_reach(service, record, partial(hosts_in, source), source.paths_of(service.entity_id))
    return {
        "path_monitoring": reach.monitoring.value,
        "nodes": [on_node(each) for each in reach.nodes],
        "processing_set": list(reach.processing_set),
    }


def on_node(each: OnNode) -> Json:
    """A service on one node: its path, by which state it serves, and where it sends traffic that it cannot process."""
    return {"node": each.node, "path": each.path.value, "state": each.state.value, "redirect": each.redirect}


def brief(service: MonitoredService, state: ServiceState | None, age_s: float | None) -> Json:
    """One row of the page."""
    return {
        "entity_id": service.entity_id,
        "name": service.name,
        "state": (state.state if state else State.UNKNOWN).value,
        "owner": _of(state, lambda known: known.owner),
        "view_id": _of(state, lambda known: known.view_id),
        "sequence": _of(state, lambda known: known.sequence),
        "address": state.ip_address if state else service.ip,
        "port": state.port if state else service.port,
        "up_weight": _of(state, lambda known: known.up_weight),
        "threshold": state.threshold if state else service.threshold,
        "response_time_us": _of(state, lambda known: known.response_time_us),
        **time_pair("since", _of(state, lambda known: known.changed_at_ms)),
        "age_s": age_s if state else None,
        "cause": _of(state, lambda known: cause(known.cause)),
    }


def detail(service: MonitoredService, state: ServiceState | None, age_s: float | None) -> Json:
    """A row of the page, the rest of the record, and each binding."""
    folded = {binding.monitor_id: binding for binding in state.bindings} if state else {}
    return {
        **brief(service, state, age_s),
        "kind": service.kind.value,
        **time_pair("due_at", _of(state, lambda known: known.due_at_ms)),
        "doubt": _of(state, lambda known: known.doubt and asdict(known.doubt)),
        "enabled": service.enabled,
        "health_monitor": service.health_monitor,
        "path_monitor": service.path_monitor,
        "node_groups": list(service.node_groups),
        "incarnation": _of(state, lambda known: known.incarnation),
        "path_state": _of(state, lambda known: known.path_state.value),
        "ttl_s": _of(state, lambda known: known.ttl_s),
        "domain": _of(state, _domain),
        "mss": _of(state, lambda known: known.mss),
        "layer_two": _of(state, lambda known: known.layer_two and asdict(known.layer_two)),
        "load": _of(state, lambda known: known.load and asdict(known.load)),
        **time_pair("updated_at", _of(state, lambda known: known.updated_at_ms)),
        "bindings": [binding(bound, folded.get(bound.monitor_id)) for bound in service.bindings],
    }


def _domain(state: ServiceState) -> Json | None:
    """The name behind the address, and what DNS said last of it (D-4)."""
    domain = state.domain
    if domain is None:
        return None
    resolved = time_pair("resolved_at", domain.resolved_at_ms)
    return {"name": domain.domain, "reason": domain.reason.value, "detail": domain.detail, **resolved}


def binding(bound: MonitorBinding, folded: BindingState | None) -> Json:
    """A monitor of the service, and what its owner last folded of it. `outcomes`: newest first, + passed, - failed."""
    return {
        "monitor_id": bound.monitor_id,
        "monitor": bound.monitor_name,
        "type": bound.type,
        "weight": bound.weight,
        "enabled": bound.enabled,
        "counts": bound.counts,
        "shadow": bound.shadow,
        "state": (folded.state if folded else BindingVerdict.UNKNOWN).value,
        "verdict": _of(folded, lambda known: known.verdict.value),
        "reason": _of(folded, lambda known: known.reason.value),
        "detail": _of(folded, lambda known: known.detail),
        "response_time_us": _of(folded, lambda known: known.response_time_us),
        "run": _of(folded, lambda known: known.run),
        "count": _of(folded, lambda known: known.count),
        "outcomes": "" if folded is None else outcomes(folded),
        "slow": folded is not None and folded.slow,
        "load": _of(folded, lambda known: known.load and asdict(known.load)),
        **time_pair("last_at", _of(folded, lambda known: known.last_at_ms)),
        "failures": [] if folded is None else [kept_failure(kept) for kept in reversed(folded.failures)],
    }


def inline(judged: InlineJudgement) -> Json:
    """What this node alone makes of real traffic that it was told of."""
    return {
        "monitor_id": judged.monitor_id,
        "monitor": judged.monitor_name,
        "type": judged.type,
        "state": judged.state.value,
        "successes": judged.successes,
        "failures": judged.failures,
        "reason": judged.reason.value,
        "detail": judged.detail,
        **time_pair("told_at", judged.told_at_ms),
    }


def kept_failure(kept: ProbeFailure) -> Json:
    """One of a binding's last failures."""
    return {"reason": kept.reason.value, "detail": kept.detail, **time_pair("at", kept.at_ms)}


def cause(given: Cause) -> Json:
    """Why the record was written; place null where no record made it so."""
    known = bool(given.topic)
    return {
        "kind": given.kind.value,
        "text": given.text,
        "topic": given.topic if known else None,
        "partition": given.partition if known else None,
        "offset": given.offset if known else None,
    }


def outcomes(folded: BindingState) -> str:
    """The last probes, newest first: + passed, - failed."""
    bits = int.from_bytes(folded.outcomes, "big")
    return "".join("-" if bits >> place & 1 else "+" for place in range(folded.outcome_count))


def _matching(source: Source, query: ServicesQuery) -> Iterator[Known]:
    """By name. Reached one by one, so that no state behind the page is decoded."""
    prefix, after = query.name_prefix, query.after
    named = [each for each in source.configured_services() if each.name > after and each.name.startswith(prefix)]
    for service in by_name(named):
        state = source.state_of(service.entity_id)
        if query.owner is not None and (state is None or state.owner != query.owner):
            continue
        if query.state is None or query.state is (state.state if state else State.UNKNOWN):
            yield service, state


def by_name(services: Sequence[MonitoredService]) -> Iterator[MonitoredService]:
    """Sorted in pieces, merged as far as they are asked for: one sort of all would hold the interpreter for 40 ms."""
    starts = range(0, len(services), SORTED_AT_ONCE)
    return merge(*(sorted(services[at : at + SORTED_AT_ONCE], key=NAME) for at in starts), key=NAME)


def not_there(name: str, services: Sequence[MonitoredService]) -> Answer:
    """404, with the nearest name."""
    near = nearest(name, _worth_comparing(name, services))
    return failure(404, f'no service "{name}"' + (f': did you mean "{near}"?' if near else ""))


def _worth_comparing(name: str, services: Sequence[MonitoredService]) -> Iterator[str]:
    """Every name, or, where there are too many, those that differ at one end only."""
    names = (service.name for service in services)
    if len(services) <= COMPARED_NAMES:
        return names
    head, tail = name[:-2], name[2:]
    return islice((other for other in names if other.startswith(head) or other.endswith(tail)), COMPARED_NAMES)


def _of(record: Record | None, take: Callable[[Record], Value]) -> Value | None:
    return None if record is None else take(record)
