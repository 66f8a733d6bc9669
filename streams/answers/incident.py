"""A piece of the past of one service as one file: everything that its states follow from, record by record.

Rule: the file holds records as their bytes, with their places and times, so nothing in it is an interpretation, and a
replay of it decodes what every node decoded. It begins with a state and the configuration of then, and needs neither
Kafka nor the cluster. Configuration is that of the service alone (its monitors, group and node groups), each time it
changed; it holds references to secrets, and no secret, because configuration never does. The lines are JSON: a person
can look into it, a diff can compare two.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.codec import Unreadable, decode, encode
from schemas.config import ConfigEntity, Kind
from schemas.identifiers import EntityId, NodeId, Seat, ViewId
from schemas.inventory.entities import Entities
from schemas.inventory.services import MonitoredService, service
from streams.answers.placed import Kept, Where
from streams.answers.views_then import ViewsThen, elected, second
from streams.ownership.owner import Lead

FORMAT = "watchbill incident 1"


class NoIncident(Exception):
    """The text is no incident file that can be read; the message says why and where."""


@dataclass(frozen=True, slots=True)
class ConfigStep:
    """The service's configuration from a command on: what it is made of, empty once it is removed.

    `lead` is that of the DRTM services, for one of them (T12).
    """

    where: Where
    entities: tuple[ConfigEntity, ...]
    lead: Lead | None

    def service(self, entity_id: EntityId) -> MonitoredService | None:
        """The service as configured."""
        return service(Entities().updated(self.entities), entity_id)


@dataclass(frozen=True, slots=True)
class Incident:
    """`compacted`: between the state records others are missing in the log itself."""

    cluster: str
    name: str
    entity_id: EntityId
    from_ms: int
    to_ms: int
    compacted: bool
    configs: tuple[ConfigStep, ...]
    records: tuple[Kept, ...]

    def of_topic(self, name: str) -> list[Kept]:
        """The records of a topic, by its name without the cluster's prefix."""
        return [kept for kept in self.records if kept.where.topic == f"{self.cluster}.{name}"]


def closure(entities: Entities, entity_id: EntityId) -> tuple[ConfigEntity, ...]:
    """A service and everything that its configuration is made of; the vservers that choose by its response time too."""
    found: dict[EntityId, ConfigEntity] = {}
    waiting = [entity_id]
    while waiting:
        one = entities.get(waiting.pop())
        if one is not None and one.entity_id not in found:
            found[one.entity_id] = one
            waiting += [bound.entity_id for bound in one.bindings]
    holders = [holder for one in list(found) for holder in entities.referring_to(one)]
    vservers = [entities.by_id[holder] for holder in holders if entities.by_id[holder].kind is Kind.VSERVER]
    for vserver in vservers:
        kept = tuple(bound for bound in vserver.bindings if bound.entity_id in found)
        found.setdefault(vserver.entity_id, _with_bindings(vserver, kept))
    return tuple(found.values())


def _with_bindings(entity: ConfigEntity, bindings: tuple[Any, ...]) -> ConfigEntity:
    return ConfigEntity(
        entity.entity_id, entity.kind, entity.name, entity.revision, entity.enabled, entity.settings, bindings
    )


def lines_of(incident: Incident) -> Iterator[str]:
    """The file, line by line: a header, the configurations, the records in the order of their time."""
    yield _json(
        {
            "format": FORMAT,
            "cluster": incident.cluster,
            "service": incident.name,
            "entity_id": incident.entity_id,
            "from_ms": incident.from_ms,
            "to_ms": incident.to_ms,
            "compacted": incident.compacted,
        }
    )
    for step in incident.configs:
        lead = None if step.lead is None else {"seat": step.lead.seat, "node_groups": sorted(step.lead.node_groups)}
        entities = [_text(encode(entity)) for entity in step.entities]
        yield _json({"config": _where_data(step.where), "lead": lead, "entities": entities})
    for kept in incident.records:
        yield _json({"record": _where_data(kept.where), "key": _text(kept.key), "value": _text(kept.value)})


def incident_from(lines: Iterable[str]) -> Incident:
    """The incident in a file's lines. Raises NoIncident."""
    configs: list[ConfigStep] = []
    records: list[Kept] = []
    header: Mapping[str, Any] | None = None
    for number, line in enumerate(lines, 1):
        try:
            data = json.loads(line)
            if header is None:
                header = _header(data)
            elif "config" in data:
                configs.append(_config_step(data))
            else:
                records.append(Kept(_where(data["record"]), _bytes(data["key"]), _bytes(data["value"])))
        except (ValueError, KeyError, TypeError, binascii.Error, Unreadable) as fault:
            raise NoIncident(f"line {number} is no line of an incident: {fault}") from fault
    if header is None:
        raise NoIncident("the file is empty")
    return Incident(
        str(header["cluster"]),
        str(header["service"]),
        EntityId(str(header["entity_id"])),
        int(header["from_ms"]),
        int(header["to_ms"]),
        bool(header["compacted"]),
        tuple(configs),
        tuple(records),
    )


def _header(data: Mapping[str, Any]) -> Mapping[str, Any]:
    if data.get("format") != FORMAT:
        raise ValueError(f'it begins with "{FORMAT}", this one with {json.dumps(data.get("format"))}')
    return data


def _config_step(data: Mapping[str, Any]) -> ConfigStep:
    lead = data["lead"]
    entities = tuple(decode(ConfigEntity, _bytes(text)) for text in data["entities"])
    told = None if lead is None else Lead(Seat(int(lead["seat"])), frozenset(lead["node_groups"]))
    return ConfigStep(_where(data["config"]), entities, told)


def _where_data(where: Where) -> list[object]:
    return [where.topic, where.partition, where.offset, where.at_ms]


def _where(data: Sequence[Any]) -> Where:
    topic, partition, offset, at_ms = data
    return Where(str(topic), int(partition), int(offset), int(at_ms))


def _text(data: bytes | None) -> str | None:
    return None if data is None else base64.b64encode(data).decode("ascii")


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text, validate=True)


def _json(data: Mapping[str, object]) -> str:
    return json.dumps(data, separators=(",", ":"))


def owner_of(incident: Incident, views: ViewsThen, view_id: ViewId, ask_second: bool = False) -> NodeId | None:
    """Who owned the service in a view, or was to give a second opinion of it; by its configuration of then.

    Of the configurations that were in force in the view the last one counts: node groups rarely change within one.
    """
    view, until_ms = views.by_id(view_id), views.until_ms(view_id)
    if view is None:
        return None
    steps = [step for step in incident.configs if until_ms is None or step.where.at_ms < until_ms]
    for step in reversed(steps):
        known = step.service(incident.entity_id)
        if known is not None:
            return second(known, view, step.lead) if ask_second else elected(known, view, step.lead)
    return None
