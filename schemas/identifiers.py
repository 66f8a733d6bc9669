"""Identifiers, and the one stable hash that every node and every language client must share.

Rule: placement, partitioning and jitter come from `stable_hash` alone. Python's `hash()` is salted per process, so two
nodes would disagree; CRC-32 clusters on the short, similar ids that a configuration has. BLAKE2b is in every standard
library and costs about a microsecond.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import blake2b
from typing import NewType

EntityId = NewType("EntityId", str)
"""`<offset>-<index>`: the config command that added the entity and the operation in it. Never reused (O-2)."""

ENTITY_ID = re.compile(r"(0|[1-9][0-9]{0,18})-(0|[1-9][0-9]{0,9})", re.ASCII)

NodeId = NewType("NodeId", str)
"""The operator's name for a node, such as `b0`."""

ViewId = NewType("ViewId", int)
"""The offset of an accepted ViewChange in the `views` topic. -1 is the empty view before the first."""

Partition = NewType("Partition", int)
"""A partition of the service-keyed topics, 0 ≤ partition < PARTITIONS."""

Seat = NewType("Seat", int)
"""A share of the services that is watched by one node, 0 ≤ seat < SEATS."""

PARTITIONS = 64
"""P of the design: fixed for a cluster's life, because an entity's partition must never move."""

SEATS = 512
"""How finely services are dealt out to owners. Whole partitions would leave the fullest of seven nodes 9 % above the
mean, and of twenty 25 %; and a join would move up to 2.3 times its share (O-9). Fixed, as PARTITIONS is.
"""

NO_VIEW = ViewId(-1)


def stable_hash(text: str) -> int:
    """Unsigned 64-bit hash of a text, equal on every node, process and release (BLAKE2b-64, big endian)."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


@lru_cache(maxsize=262_144)
def partition_of(entity: EntityId, partitions: int = PARTITIONS) -> Partition:
    """The partition that holds everything keyed by this entity. Every producer gives it explicitly."""
    return Partition(stable_hash(entity) % partitions)


@lru_cache(maxsize=262_144)
def seat_of(entity: EntityId, seats: int = SEATS) -> Seat:
    """The seat of an entity: who has it in a view is the owner. `seat % PARTITIONS` is the partition."""
    return Seat(stable_hash(entity) % seats)


def command_of(entity: EntityId) -> int:
    """The offset of the command that added the entity. Raises ValueError for a text that is no entity id."""
    return int(entity.partition("-")[0])


def is_entity_id(text: str) -> bool:
    """Whether a text is an entity id; a key of a hostile record need not be one."""
    return ENTITY_ID.fullmatch(text) is not None


def order_of(entity: EntityId) -> tuple[int, int]:
    """Entities in the order in which they were added, compared as numbers: `9-0` comes before `10-0`."""
    offset, _, index = entity.partition("-")
    return int(offset), int(index)


def entity_id(offset: int, index: int) -> EntityId:
    """The id of the entity added by operation `index` of the command at `offset` of config-commands."""
    return EntityId(f"{offset}-{index}")
