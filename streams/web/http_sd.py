"""`/api/http_sd`: what is monitored, as targets that Prometheus discovers over HTTP (`http_sd_configs`).

Rule: every service with an address is a target whatever its state, for a target that vanished when its service went
DOWN would take its series along, and with them every alert on them; who wants only some asks for `state` or `vserver`.
What Watchbill knows are `__meta_watchbill_…` labels, as of every discovery: a rule of `relabel_configs` keeps what is
wanted, so a changed state or owner makes no new series by itself. Internal services are left out: their address means
another machine on each node. Not paged, because Prometheus asks for the whole; encoded a row at a time.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from schemas.config import Kind
from schemas.identifiers import EntityId
from schemas.inventory.services import MonitoredService
from schemas.inventory.vservers import Vserver, vservers
from schemas.states import ServiceState, State
from streams.folding.config.suggestions import nearest
from streams.web.answers import Answer, Json, failure, refused
from streams.web.parameters import Pairs, Problem, discovery_query
from streams.web.services import by_name
from streams.web.source import Source

META = "__meta_watchbill_"


def http_sd_page(source: Source, pairs: Pairs) -> Answer:
    """200 with one target group a service, by name; 400; 404 for a vserver that is not there, with the nearest."""
    query = discovery_query(pairs)
    if isinstance(query, Problem):
        return refused(query)
    known = list(vservers(source.entities()))
    if query.vserver is not None and query.vserver not in {vserver.name for vserver in known}:
        near = nearest(query.vserver, (vserver.name for vserver in known))
        return failure(404, f'no vserver "{query.vserver}"' + (f': did you mean "{near}"?' if near else ""))
    holders = _holders(known)
    rows: list[Json] = []
    for service in by_name([each for each in source.configured_services() if not each.internal]):
        held_by = holders.get(service.entity_id, ())
        if query.vserver is not None and query.vserver not in held_by:
            continue
        record = source.state_of(service.entity_id)
        state = record.state if record else State.UNKNOWN
        address = _address(service, record)
        if address and query.state in (None, state):
            rows.append(_target(source, service, record, address, held_by))
    return Answer(200, rows)


def _holders(known: list[Vserver]) -> Mapping[EntityId, tuple[str, ...]]:
    """The names of the vservers that may choose each service."""
    found: dict[EntityId, dict[str, None]] = defaultdict(dict)
    for vserver in known:
        for chosen in vserver.services:
            found[chosen.entity.entity_id][vserver.name] = None
    return {service: tuple(names) for service, names in found.items()}


def _address(service: MonitoredService, record: ServiceState | None) -> str:
    """The address in use; of one that DNS has not given yet, its name."""
    told = record.ip_address if record and service.domain else service.ip
    host = told or (service.domain.name if service.domain else "")
    if not host:
        return ""
    return f"[{host}]:{service.port}" if ":" in host else f"{host}:{service.port}"


def _target(
    source: Source, service: MonitoredService, record: ServiceState | None, address: str, held_by: tuple[str, ...]
) -> Json:
    """Lists as Consul's discovery has them, with a comma at both ends, so that a pattern `.*,web,.*` finds one."""
    labels = {
        "service": service.name,
        "state": (record.state if record else State.UNKNOWN).value,
        "owner": record.owner if record else "",
        "kind": service.kind.value,
        "group": _group(source, service),
        "domain": service.domain.name if service.domain else "",
        "vservers": f",{','.join(held_by)}," if held_by else "",
    }
    return {"targets": [address], "labels": {f"{META}{name}": value for name, value in labels.items()}}


def _group(source: Source, service: MonitoredService) -> str:
    """The service group of a member."""
    if service.kind is not Kind.MEMBER:
        return ""
    entities = source.entities()
    member = entities.get(service.entity_id)
    bound = (each for each in member.bindings if each.kind is Kind.SERVICE_GROUP) if member else ()
    groups = (entities.get(each.entity_id) for each in bound)
    return next((group.name for group in groups if group is not None), "")
