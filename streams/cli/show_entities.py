"""Monitors and vservers as `show` tells them: settings with their defaults, and what is bound to what.

Rule: settings are shown as they take effect, defaults included, because that is what probes by them; which of them were
given is in `given`. A vserver has no state of its own here: it is told how many of its services are UP, and which one
it would choose now by what the owners told; a node without a path to it chooses among the others.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from schemas.candidates import bound_services, chosen
from schemas.config import ConfigEntity, Kind
from schemas.identifiers import EntityId
from schemas.inventory.services import effective, service
from schemas.inventory.vservers import made
from schemas.reach import service_reach, vserver_reach
from schemas.states import State
from streams.cli.show_read import Knowledge

Data = dict[str, Any]


def monitor_list(known: Knowledge) -> list[Data]:
    """Every monitor, by name.

    One: `{"entity_id", "name", "enabled", "revision", "settings": {...}, "given": [...], "bound_to": [{"kind", "name",
    "weight", "enabled"}]}`. Durations are milliseconds under keys that end in `_ms`.
    """
    return [
        {**_entity(monitor), "bound_to": list(_holders(known, monitor.entity_id))}
        for monitor in _of_kind(known, Kind.MONITOR)
    ]


def vserver_list(known: Knowledge) -> list[Data]:
    """Every vserver, by name.

    One: as a monitor, with `"services": [{"kind", "name", "weight", "state"}]` in place of `bound_to` (of a group its
    members, one by one), `"up"`, how many of them are UP, and `"choice": {"best", "why", "order": [...]}`, names, best
    first; `best` is null where none is UP. `"node_groups"`, `"processing_set"`: the nodes that can process its traffic,
    and `"redirects"`: for each other operational node, the one that is to have it, null where there is none.
    """
    found = []
    for vserver in _of_kind(known, Kind.VSERVER):
        bound = list(_services(known, vserver))
        up = sum(one["state"] == "UP" for one in bound)
        choice = _choice(known, vserver)
        found.append({**_entity(vserver), "services": bound, "up": up, "choice": choice, **_reach(known, vserver)})
    return found


def _reach(known: Knowledge, vserver: ConfigEntity) -> Data:
    """Who can process its traffic, and where every other operational node sends it (PS-1, PS-2)."""
    one = made(known.entities, vserver)
    served = []
    for chosen_one in one.services:
        monitored = service(known.entities, chosen_one.entity.entity_id)
        if monitored is not None and not monitored.internal:
            record, paths = known.states.get(monitored.entity_id), known.paths_of(monitored.entity_id)
            served.append(service_reach(monitored, record, known.hosts, paths).served)
    reach = vserver_reach(vserver.entity_id, one.node_groups, served, known.hosts)
    return {
        "node_groups": sorted(one.node_groups),
        "processing_set": list(reach.processing_set),
        "redirects": dict(reach.redirects),
    }


def _choice(known: Knowledge, vserver: ConfigEntity) -> Data:
    choice = chosen(known.entities, vserver, known.states.get)
    order = [one.name for one in choice.order]
    return {"best": order[0] if order else None, "why": choice.why, "order": order}


def _of_kind(known: Knowledge, kind: Kind) -> list[ConfigEntity]:
    return sorted(known.entities.of_kind(kind), key=lambda entity: entity.name)


def _entity(entity: ConfigEntity) -> Data:
    settings = {
        key: list(value) if isinstance(value, tuple) else value for key, value in sorted(effective(entity).items())
    }
    return {
        "entity_id": entity.entity_id,
        "name": entity.name,
        "enabled": entity.enabled,
        "revision": entity.revision,
        "settings": settings,
        "given": sorted(entity.settings),
    }


def _holders(known: Knowledge, monitor: EntityId) -> Iterable[Data]:
    holders = (known.entities.get(holder) for holder in known.entities.referring_to(monitor))
    for holder in sorted((holder for holder in holders if holder is not None), key=lambda entity: entity.name):
        bound = next(bound for bound in holder.bindings if bound.entity_id == monitor)
        yield {"kind": holder.kind.value, "name": holder.name, "weight": bound.weight, "enabled": bound.enabled}


def _services(known: Knowledge, vserver: ConfigEntity) -> Iterable[Data]:
    for bound, _, weight in bound_services(known.entities, vserver):
        state = known.states.get(bound.entity_id)
        told = state.state if state is not None else State.UNKNOWN
        yield {"kind": bound.kind.value, "name": bound.name, "weight": weight, "state": told.value}
