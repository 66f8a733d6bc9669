"""Vservers with what is bound to them, as whoever chooses a service for a client needs it.

Rule: a bound service group stands for its members, one by one, each with the weight of the group's binding (G-1), so
that nobody downstream knows of groups. Everything is derived from the snapshot, as services are; nothing of a vserver
is monitored, so it has no state of its own here.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from schemas.candidates import bound_services
from schemas.config import ConfigEntity, Kind
from schemas.identifiers import EntityId
from schemas.inventory.entities import Entities


@dataclass(frozen=True, slots=True)
class Chosen:
    """A service or member that a vserver may choose, and the weight of its binding."""

    entity: ConfigEntity
    weight: int


@dataclass(frozen=True, slots=True)
class Vserver:
    """A vserver; `node_groups` empty: every node hosts it."""

    entity: ConfigEntity
    node_groups: frozenset[str]
    services: tuple[Chosen, ...]

    @property
    def entity_id(self) -> EntityId:
        """Its id."""
        return self.entity.entity_id

    @property
    def name(self) -> str:
        """Its name."""
        return self.entity.name


def vservers(entities: Entities) -> Iterator[Vserver]:
    """Every vserver, by name."""
    for entity in sorted(entities.of_kind(Kind.VSERVER), key=lambda entity: entity.name):
        yield made(entities, entity)


def vserver_named(entities: Entities, name: str) -> Vserver | None:
    """The vserver of a name."""
    entity = entities.find(Kind.VSERVER, name)
    return None if entity is None else made(entities, entity)


def made(entities: Entities, vserver: ConfigEntity) -> Vserver:
    """A vserver with its services; one bound directly and through a group is there twice, as it is bound."""
    grouped = [entities.get(bound.entity_id) for bound in vserver.bindings if bound.kind is Kind.NODE_GROUP]
    groups = frozenset(group.name for group in grouped if group is not None)
    services = tuple(Chosen(service, weight) for service, _, weight in bound_services(entities, vserver))
    return Vserver(vserver, groups, services)
