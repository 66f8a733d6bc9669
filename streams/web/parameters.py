"""Request parameters, read strictly: a parameter that nobody reads would quietly give another answer than asked for.

Rule: each page names its parameters; an unknown one, a repeated one or a wrong value is a `Problem`, whose text says
what to write instead. Pure: takes the pairs of a query string, knows no web server.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from schemas.states import State

DEFAULT_SERVICES = 1_000
MOST_SERVICES = 10_000
"""Services in one answer; more are asked for page by page, with `after`."""
DEFAULT_VIEWS = 100
MOST_VIEWS = 1_000
DEFAULT_TRANSITIONS = 100
MOST_TRANSITIONS = 1_000
VALUE_CHARACTERS = 256
"""A longer value than this is no name, and is refused."""

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a request cannot be answered, and how to mend it."""

    text: str


@dataclass(frozen=True, slots=True)
class ServicesQuery:
    """Services by name, from behind `after` on; None and "" do not restrict."""

    state: State | None = None
    owner: str | None = None
    name_prefix: str = ""
    after: str = ""
    limit: int = DEFAULT_SERVICES


@dataclass(frozen=True, slots=True)
class BestQuery:
    """A choice as it is on `node` (None: by what the owners told alone), at `turn` of ROUNDROBIN."""

    node: str | None = None
    turn: int = 0


@dataclass(frozen=True, slots=True)
class DiscoveryQuery:
    """Targets for Prometheus; None does not restrict."""

    state: State | None = None
    vserver: str | None = None


@dataclass(frozen=True, slots=True)
class ViewsQuery:
    """The newest records of `views` first, from below offset `before` on."""

    before: int | None = None
    limit: int = DEFAULT_VIEWS


@dataclass(frozen=True, slots=True)
class TransitionsQuery:
    """The newest changes of state first; "" does not restrict."""

    service: str = ""
    limit: int = DEFAULT_TRANSITIONS


@dataclass(frozen=True, slots=True)
class PastQuery:
    """An instant (None: now), and services by name from behind `after` on."""

    at_ms: int | None = None
    after: str = ""
    limit: int = DEFAULT_SERVICES


def services_query(pairs: Pairs) -> ServicesQuery | Problem:
    """`state`, `owner`, `name` (a prefix), `after` (a name) and `limit`."""
    given = _only(pairs, ("state", "owner", "name", "after", "limit"))
    if isinstance(given, Problem):
        return given
    limit = _whole(given.get("limit"), "limit", DEFAULT_SERVICES, 1, MOST_SERVICES)
    state = _state(given.get("state"))
    for wrong in (limit, state):
        if isinstance(wrong, Problem):
            return wrong
    assert isinstance(limit, int)
    assert not isinstance(state, Problem)
    return ServicesQuery(state, given.get("owner"), given.get("name", ""), given.get("after", ""), limit)


def best_query(pairs: Pairs) -> BestQuery | Problem:
    """`node` (its id) and `turn` (choices made before)."""
    given = _only(pairs, ("node", "turn"))
    if isinstance(given, Problem):
        return given
    turn = _whole(given.get("turn"), "turn", 0, 0, 2**63)
    return turn if isinstance(turn, Problem) else BestQuery(given.get("node"), turn)


def discovery_query(pairs: Pairs) -> DiscoveryQuery | Problem:
    """`state` and `vserver` (a name)."""
    given = _only(pairs, ("state", "vserver"))
    if isinstance(given, Problem):
        return given
    state = _state(given.get("state"))
    return state if isinstance(state, Problem) else DiscoveryQuery(state, given.get("vserver"))


def views_query(pairs: Pairs) -> ViewsQuery | Problem:
    """`before` (an offset) and `limit`."""
    given = _only(pairs, ("before", "limit"))
    if isinstance(given, Problem):
        return given
    limit = _whole(given.get("limit"), "limit", DEFAULT_VIEWS, 1, MOST_VIEWS)
    if isinstance(limit, Problem):
        return limit
    before = _whole(given.get("before"), "before", -1, 0, 2**63)
    if isinstance(before, Problem):
        return before
    return ViewsQuery(None if before < 0 else before, limit)


def transitions_query(pairs: Pairs) -> TransitionsQuery | Problem:
    """`service` (a name) and `limit`."""
    given = _only(pairs, ("service", "limit"))
    if isinstance(given, Problem):
        return given
    limit = _whole(given.get("limit"), "limit", DEFAULT_TRANSITIONS, 1, MOST_TRANSITIONS)
    if isinstance(limit, Problem):
        return limit
    return TransitionsQuery(given.get("service", ""), limit)


def past_query(pairs: Pairs) -> PastQuery | Problem:
    """`at` (milliseconds since 1970), `after` (a name) and `limit`."""
    given = _only(pairs, ("at", "after", "limit"))
    if isinstance(given, Problem):
        return given
    limit = _whole(given.get("limit"), "limit", DEFAULT_SERVICES, 1, MOST_SERVICES)
    if isinstance(limit, Problem):
        return limit
    at_ms = _whole(given.get("at"), "at", -1, 0, 2**53)
    if isinstance(at_ms, Problem):
        return at_ms
    return PastQuery(None if at_ms < 0 else at_ms, given.get("after", ""), limit)


def no_parameters(pairs: Pairs) -> Problem | None:
    """For a page that takes none."""
    given = _only(pairs, ())
    return given if isinstance(given, Problem) else None


def _only(pairs: Pairs, known: Iterable[str]) -> dict[str, str] | Problem:
    names = tuple(known)
    given: dict[str, str] = {}
    for name, value in pairs:
        if name not in names:
            takes = f"this page takes {', '.join(names)}" if names else "this page takes none"
            return Problem(f"no parameter {name[:VALUE_CHARACTERS]!r}: {takes}")
        if name in given:
            return Problem(f"{name} is given twice: give it once")
        if len(value) > VALUE_CHARACTERS:
            return Problem(f"{name} has {len(value):,} characters: at most {VALUE_CHARACTERS}")
        given[name] = value
    return given


def _whole(text: str | None, name: str, default: int, least: int, most: int) -> int | Problem:
    if text is None:
        return default
    if not (text.isascii() and text.isdigit()) or not least <= int(text) <= most:
        return Problem(f"{name}={text!r}: give a whole number from {least:,} to {most:,}")
    return int(text)


def _state(text: str | None) -> State | Problem | None:
    if text is None:
        return None
    state = State.__members__.get(text.upper())
    return state or Problem(f"state={text!r}: give one of {', '.join(State.__members__)}")
