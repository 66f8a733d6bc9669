"""Vservers in JSON: what each may choose, which nodes can process its traffic, and where the others send it.

Rule: a vserver has no state of its own; it is told how many of its services are UP as their owners told, and its
processing set by what is effectively UP on each node (PS-1). Where a client's traffic comes to a node outside the set,
`redirects` says which one is to have it, null where there is none (PS-2).
"""

from __future__ import annotations

from functools import partial

from schemas.inventory.services import effective
from schemas.inventory.vservers import Chosen, Vserver, vserver_named, vservers
from schemas.reach import ServiceReach, VserverReach, service_reach, vserver_reach
from schemas.states import State
from streams.folding.config.suggestions import nearest
from streams.web.answers import Answer, Json, failure, refused
from streams.web.parameters import VALUE_CHARACTERS, Pairs, no_parameters
from streams.web.source import Source, hosts_in


def vservers_page(source: Source, pairs: Pairs) -> Answer:
    """`/api/vservers`: every vserver, by name."""
    wrong = no_parameters(pairs)
    if wrong is not None:
        return refused(wrong)
    rows = [_brief(vserver, *_reach(source, vserver)) for vserver in vservers(source.entities())]
    return Answer(200, {"count": len(rows), "vservers": rows})


def one_vserver(source: Source, pairs: Pairs, name: str) -> Answer:
    """`/api/vservers/{name}`: 200 with its services too; 404 with the nearest name."""
    wrong = no_parameters(pairs)
    if wrong is not None:
        return refused(wrong)
    vserver = vserver_named(source.entities(), name)
    if vserver is None:
        shown = name[:VALUE_CHARACTERS]
        near = nearest(shown, (each.name for each in vservers(source.entities())))
        return failure(404, f'no vserver "{shown}"' + (f': did you mean "{near}"?' if near else ""))
    reach, services = _reach(source, vserver)
    bound = [_service(chosen, known) for chosen, known in zip(vserver.services, services, strict=True)]
    return Answer(200, {**_brief(vserver, reach, services), "services": bound})


def reach_of(source: Source, chosen: Chosen) -> ServiceReach | None:
    """A vserver's service, node by node; None for one whose configuration is just being read."""
    service = source.service(chosen.entity.entity_id)
    if service is None:
        return None
    paths, record = source.paths_of(service.entity_id), source.state_of(service.entity_id)
    return service_reach(service, record, partial(hosts_in, source), paths)


def _reach(source: Source, vserver: Vserver) -> tuple[VserverReach, list[ServiceReach | None]]:
    services = [reach_of(source, chosen) for chosen in vserver.services]
    known = [each.served for each in services if each is not None]
    reach = vserver_reach(vserver.entity_id, vserver.node_groups, known, partial(hosts_in, source))
    return reach, services


def _brief(vserver: Vserver, reach: VserverReach, services: list[ServiceReach | None]) -> Json:
    settings = effective(vserver.entity)
    return {
        "entity_id": vserver.entity_id,
        "name": vserver.name,
        "address": settings.get("address"),
        "port": settings.get("port"),
        "protocol": settings.get("protocol"),
        "method": settings.get("method"),
        "enabled": vserver.entity.enabled,
        "node_groups": sorted(vserver.node_groups),
        "service_count": len(services),
        "up": sum(each is not None and each.told is State.UP for each in services),
        "processing_set": list(reach.processing_set),
        "redirects": dict(reach.redirects),
    }


def _service(chosen: Chosen, reach: ServiceReach | None) -> Json:
    return {
        "entity_id": chosen.entity.entity_id,
        "name": chosen.entity.name,
        "kind": chosen.entity.kind.value,
        "weight": chosen.weight,
        "state": (reach.told if reach else State.UNKNOWN).value,
        "processing_set": list(reach.processing_set) if reach else [],
    }
