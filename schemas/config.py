"""Steps 1 and 2 of the flow: what an operator commands, what became of it, and the entities that result.

Rule: a command is a list of operations, all or nothing, in one total order (its offset in `config-commands`). Settings
travel as named scalars and are checked against the tables in `streams/folding/config`, so a new parameter needs no new
schema. Config holds references to secrets, never secrets.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from schemas.identifiers import EntityId

Setting = None | bool | int | float | str | tuple[str, ...]
"""One value of a setting. None in a `set` operation means: back to the default."""


class Kind(Enum):
    """What can be configured."""

    SERVICE = "SERVICE"
    MONITOR = "MONITOR"
    SERVICE_GROUP = "SERVICE_GROUP"
    MEMBER = "MEMBER"
    """A server of a service group; its name is `group/server:port`."""
    VSERVER = "VSERVER"
    NODE_GROUP = "NODE_GROUP"
    UNKNOWN = "UNKNOWN"
    """A kind that a newer release wrote and this one has no name for: it is passed over."""


class Verb(Enum):
    """What an operation does."""

    ADD = "ADD"
    SET = "SET"
    RM = "RM"
    RENAME = "RENAME"
    BIND = "BIND"
    UNBIND = "UNBIND"
    ENABLE = "ENABLE"
    DISABLE = "DISABLE"
    UNKNOWN = "UNKNOWN"
    """A verb that a newer release wrote and this one has no name for: the command is rejected."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One step of a command.

    `target_kind` and `target` are for BIND and UNBIND (what is bound to the named entity: a monitor to a service, a
    service to a vserver, a node group to a service); `new_name` is for RENAME; `line` is the line of the file it came
    from, 0 if none, so that a rejection can name it.
    """

    verb: Verb
    kind: Kind
    name: str
    settings: Mapping[str, Setting]
    target_kind: Kind | None = None
    target: str | None = None
    new_name: str | None = None
    line: int = 0


@dataclass(frozen=True, slots=True)
class ConfigCommand:
    """Operations to be taken all or not at all. The same `command_id` sent twice takes effect once."""

    command_id: str
    issued_at_ms: int
    issuer: str
    operations: tuple[Operation, ...]


@dataclass(frozen=True, slots=True)
class Rejection:
    """One reason against a command: which operation (index and line), what is wrong, how to mend it."""

    operation: int
    line: int
    message: str


@dataclass(frozen=True, slots=True)
class NamedEntity:
    """The id that an entity got or has."""

    kind: Kind
    name: str
    entity_id: EntityId


@dataclass(frozen=True, slots=True)
class ConfigResult:
    """The answer to a command: accepted with the ids of the entities it touched, or rejected with every reason."""

    command_id: str
    command_offset: int
    accepted: bool
    entities: tuple[NamedEntity, ...]
    rejections: tuple[Rejection, ...]


@dataclass(frozen=True, slots=True)
class BoundTo:
    """Something bound to an entity: a monitor with its weight, a service of a vserver, a node group.

    `shadow` is for monitors: probed and folded, shown, never counted (U-7).
    """

    kind: Kind
    entity_id: EntityId
    weight: int
    enabled: bool
    shadow: bool = False


@dataclass(frozen=True, slots=True)
class ConfigEntity:
    """An entity as it stands after the command at offset `revision`. Settings hold what was given, not defaults."""

    entity_id: EntityId
    kind: Kind
    name: str
    revision: int
    enabled: bool
    settings: Mapping[str, Setting]
    bindings: tuple[BoundTo, ...]


@dataclass(frozen=True, slots=True)
class ConfigRevision:
    """The mark behind a command's entities in `config-entities`: all of them up to here belong together.

    Kept under the key `revision`. A reader shows nothing of a command before its mark has come, so that all or nothing
    holds for readers too.
    """

    command_offset: int
    command_id: str
