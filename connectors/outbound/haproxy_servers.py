"""How HAProxy holds its servers, and the words that make it hold one as its service is: the pure part of the feed.

Rule: a server has a health (up, down) and, apart from it, a state that an operator gives it (ready, drain, maint).
Neither ends the other: `health up` leaves a drain or a maintenance as it is, so both are set. Two orders matter. A
server that leaves maintenance is up at once, so one that is to be down goes by way of drain, which gets nothing new;
and one that is to be up gets its health before it is ready again. Only what differs is said: HAProxy is left in peace.
Why not `weight 0` for DOWN: it sends on what sticks to the server, and weights are the operator's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from connectors.haproxy_socket import NoAnswer
from schemas.states import State

COMMAND = b"show servers state\n"
COLUMNS = ("be_name", "srv_name", "srv_op_state", "srv_admin_state", "srv_check_state", "srv_agent_state")

FORCED_MAINT = 0x01
FORCED_DRAIN = 0x08
KEPT_IN_MAINT = 0x02 | 0x20 | 0x40
"""For reasons of HAProxy's own: it tracks one that is in maintenance, or its name has no address."""
CHECKS = 0x04
"""A health check, or an agent check, is on."""

Server = tuple[str, str]
"""Backend and server, by HAProxy's names."""


class Admin(Enum):
    """What an operator, or this feed, made of a server."""

    READY = "ready"
    DRAIN = "drain"
    MAINT = "maint"


class Health(Enum):
    """What HAProxy takes a server for; `OTHER`: its health check said 404, or someone `health stopping`."""

    DOWN = 0
    UP = 2
    OTHER = 3


@dataclass(frozen=True, slots=True)
class Standing:
    """How HAProxy holds a server. `kept`: in maintenance for a reason of its own; `checked`: it looks for itself."""

    health: Health
    admin: Admin
    kept: bool = False
    checked: bool = False


@dataclass(frozen=True, slots=True)
class Mapped:
    """Which servers are set, by which services: those named, and each of some backends, by the service of its name."""

    services: Mapping[Server, str] = field(default_factory=dict)
    backends: frozenset[str] = frozenset()

    def service_of(self, server: Server) -> str | None:
        """The service that a server follows; None: it is nobody's business here."""
        return self.services.get(server) or (server[1] if server[0] in self.backends else None)


def read_mapping(lines: Sequence[str], backends: Sequence[str] = ()) -> Mapped:
    """Of lines `BACKEND/SERVER=SERVICE`; empty ones and those that begin with # say nothing. Raises ValueError."""
    services: dict[Server, str] = {}
    for line in lines:
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        place, equals, service = (part.strip() for part in text.partition("="))
        backend, slash, server = place.partition("/")
        if not (equals and slash and service) or not is_name(backend) or not is_name(server):
            raise ValueError(f"{text!r} maps no server: write BACKEND/SERVER=SERVICE, such as web/web1=web-1")
        if services.setdefault((backend, server), service) != service:
            raise ValueError(f"{place} is given two services, {services[backend, server]} and {service}: leave one")
    for backend in backends:
        if not is_name(backend):
            raise ValueError(f"{backend!r} names no backend of HAProxy")
    if not services and not backends:
        raise ValueError("no server is mapped: give BACKEND/SERVER=SERVICE, or a backend whose servers are named alike")
    return Mapped(services, frozenset(backends))


def is_name(text: str) -> bool:
    """Whether HAProxy lets a backend or a server be called so; nothing else may get into a command."""
    return bool(text) and text.isascii() and all(sign.isalnum() or sign in "_-.:" for sign in text)


def standings(text: str) -> dict[Server, Standing]:
    """Every server of the answer to COMMAND. Raises NoAnswer, or ValueError for no number."""
    lines = text.splitlines()
    if len(lines) < 2 or not lines[1].startswith("# be_id"):
        raise NoAnswer(f"no states of servers, but {text[:80]!r}: is this the stats socket of HAProxy?")
    places = {name: place for place, name in enumerate(lines[1][2:].split(" "))}
    missing = [name for name in COLUMNS if name not in places]
    if missing:
        raise NoAnswer(f"its table has no {', '.join(missing)}: HAProxy 2.0 or later is needed")
    wanted = [places[name] for name in COLUMNS]
    found: dict[Server, Standing] = {}
    for line in lines[2:]:
        cells = line.split(" ")
        if len(cells) > max(wanted):
            backend, server, *numbers = (cells[place] for place in wanted)
            found[backend, server] = _standing(*map(int, numbers))
    return found


def _standing(operation: int, admin: int, check: int, agent: int) -> Standing:
    health = {0: Health.DOWN, 1: Health.UP, 2: Health.UP}.get(operation, Health.OTHER)
    forced = Admin.MAINT if admin & FORCED_MAINT else Admin.DRAIN if admin & FORCED_DRAIN else Admin.READY
    return Standing(health, forced, bool(admin & KEPT_IN_MAINT), bool((check | agent) & CHECKS))


def words(held: Standing, state: State) -> tuple[str, ...]:
    """What is to be said of a server, in order, each behind `set server BACKEND/SERVER`; nothing where nothing differs.

    UNKNOWN changes nothing. In maintenance a health cannot be set: what is `kept` there gets one when it has left.
    """
    match state:
        case State.UP:
            return (*_health(held, Health.UP), *_admin(held, Admin.READY))
        case State.DOWN if held.admin is Admin.MAINT:
            return ("state drain", *(() if held.kept else ("health down",)), "state ready")
        case State.DOWN:
            return (*_health(held, Health.DOWN), *_admin(held, Admin.READY))
        case State.GOING_OUT_OF_SERVICE:
            return (*_admin(held, Admin.DRAIN), *_health(held, Health.UP))
        case State.OUT_OF_SERVICE:
            return _admin(held, Admin.MAINT)
        case State.UNKNOWN:
            return ()


def _health(held: Standing, wanted: Health) -> tuple[str, ...]:
    in_maintenance = held.kept or held.admin is Admin.MAINT
    return () if in_maintenance or held.health is wanted else (f"health {wanted.name.lower()}",)


def _admin(held: Standing, wanted: Admin) -> tuple[str, ...]:
    return () if held.admin is wanted else (f"state {wanted.value}",)


def replies(text: str) -> list[str]:
    """What HAProxy said to each of several commands; empty: it was done."""
    found, words_of_one = [], ""
    for line in text.splitlines():
        if line:
            words_of_one += line
        else:
            found.append(words_of_one)
            words_of_one = ""
    return found
