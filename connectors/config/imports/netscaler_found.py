"""What ns.conf says of a thing, by NetScaler's names, until all of it is read: servers, holders, vservers.

Rule: nothing here is judged. A later line may set, unbind or disable what an earlier one made, so a thing keeps what
was said of it last, and the command that said it for its line.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.config.imports.draft import Given
from connectors.config.imports.netscaler_lines import Command
from connectors.config.imports.netscaler_monitors import Monitor
from schemas.config import Kind


@dataclass(slots=True)
class Server:
    """An address by a name."""

    address: str
    line: int
    is_out: bool = False
    settings: dict[str, Given] = field(default_factory=dict)


@dataclass(slots=True)
class Holder:
    """A service or a group: what was added, set and bound, by NetScaler's names."""

    kind: Kind
    name: str
    line: int
    server: str
    protocol: str
    port: str
    settings: dict[str, Given] = field(default_factory=dict)
    monitors: dict[str, Command] = field(default_factory=dict)
    members: dict[tuple[str, str], Command] = field(default_factory=dict)
    members_out: set[tuple[str, str]] = field(default_factory=set)


@dataclass(slots=True)
class Vserver:
    """A vserver and what is bound to it."""

    name: str
    line: int
    settings: dict[str, Given] = field(default_factory=dict)
    holders: dict[str, Command] = field(default_factory=dict)


@dataclass(slots=True)
class Found:
    """All that was read, each by its name."""

    servers: dict[str, Server] = field(default_factory=dict)
    holders: dict[str, Holder] = field(default_factory=dict)
    vservers: dict[str, Vserver] = field(default_factory=dict)
    monitors: dict[str, Monitor] = field(default_factory=dict)
