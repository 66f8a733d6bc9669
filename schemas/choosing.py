"""Step 8 of the flow: which of its services a vserver chooses now, by its method, from the values in the states.

Rule: a method is a key by which the candidates are sorted, one row of `METHODS`; the first is the choice, and `why`
says what decided, and what was not known. Figures are divided by the weight, as on a NetScaler, so that a service of
weight 2 is chosen where it is up to twice as slow or loaded. Nothing here is random or remembered: whose turn it is in
ROUNDROBIN is an argument, so two consumers that count alike choose alike, and a choice can be repeated from the log.

Active connections are the consumer's own: Watchbill probes and sees no traffic. Who gives them (`active`) gets what a
load balancer would choose; who does not is told so.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from heapq import heapify, heapreplace
from math import gcd, lcm

from schemas.identifiers import EntityId
from schemas.states import LoadInfo

Active = Mapping[EntityId, int]
"""Active connections or transactions by service, as the consumer counts them; who is not named has none."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A service that a vserver may send to now: effectively UP where it is to be chosen."""

    entity_id: EntityId
    name: str
    address: str
    port: int
    weight: int
    response_time_us: int | None = None
    load: LoadInfo | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """`order` has every candidate, best first; `best` is None where there is none. `why` is for people."""

    method: str
    order: tuple[Candidate, ...]
    why: str

    @property
    def best(self) -> Candidate | None:
        """Where the next request goes."""
        return self.order[0] if self.order else None


Sorted = tuple[Sequence[Candidate], str]
Method = Callable[[Sequence[Candidate], int, Active | None], Sorted]
"""(candidates by name, turn, active connections) -> the same, best first, and why."""

UNCOUNTED = "active connections were not given, so they are not counted"


def choose(method: str, candidates: Sequence[Candidate], turn: int = 0, active: Active | None = None) -> Choice:
    """Sort the candidates by a vserver's method. `turn` counts the choices made before this one, from 0."""
    if not candidates:
        return Choice(method, (), "none of its services is UP here")
    by_name = sorted(candidates, key=lambda one: one.name)
    known = METHODS.get(method)
    if known is None:
        return Choice(method, tuple(by_name), f"method {method} is of a newer release: by name")
    order, why = known(by_name, turn, active)
    return Choice(method, tuple(order), why)


def least_response(candidates: Sequence[Candidate], _turn: int, active: Active | None) -> Sorted:
    """LRTM: response time times active transactions. One without a response time comes last."""

    whole = _common_multiple(candidates)

    def value(one: Candidate) -> tuple[bool, int, int]:
        if one.response_time_us is None:
            return True, 0, 0
        weighed = one.response_time_us * (whole // one.weight)
        return False, weighed * (1 if active is None else active.get(one.entity_id, 0)), weighed

    order = sorted(candidates, key=value)
    best = order[0].response_time_us
    if best is None:
        return order, "no response time is known of any: by name"
    told = f"response time {best / 1000:g} ms{_weighed(order[0])}"
    if active is None:
        return order, f"least {told}; {UNCOUNTED}"
    return order, f"least response time times active transactions: {told}, {active.get(order[0].entity_id, 0)} active"


def least_load(candidates: Sequence[Candidate], _turn: int, _active: Active | None) -> Sorted:
    """CUSTOMLOAD: the least load; one whose load is not known after those, one that reached a threshold after all."""

    whole = _common_multiple(candidates)

    def value(one: Candidate) -> tuple[int, int]:
        if one.load is None:
            return 1, 0
        return 2 if one.load.threshold_reached else 0, one.load.load * (whole // one.weight)

    order = sorted(candidates, key=value)
    load = order[0].load
    if load is None:
        return order, "no load below its thresholds is known of any: by name"
    told = f"least load, {load.load} %{_weighed(order[0])}"
    return order, f"every threshold is reached: {told}" if load.threshold_reached else told


def least_connections(candidates: Sequence[Candidate], _turn: int, active: Active | None) -> Sorted:
    """LEASTCONNECTION: the fewest active connections."""
    if active is None:
        return sorted(candidates, key=lambda one: -one.weight), f"by weight: {UNCOUNTED}"
    whole = _common_multiple(candidates)
    order = sorted(candidates, key=lambda one: active.get(one.entity_id, 0) * (whole // one.weight))
    return order, f"fewest active connections, {active.get(order[0].entity_id, 0)}{_weighed(order[0])}"


def round_robin(candidates: Sequence[Candidate], turn: int, _active: Active | None) -> Sorted:
    """ROUNDROBIN: by turns, each as often as its weight says, and spread as evenly as that allows.

    A service of weight w has w places in a round, at (2k + 1) / 2w of it; the places of all, in order, are the turns.
    """
    shared = gcd(*(one.weight for one in candidates))
    weights = [one.weight // shared for one in candidates]
    whole = lcm(*set(weights))
    steps = [whole // weight for weight in weights]
    taken = _places_taken(weights, steps, turn % sum(weights))
    following = sorted(range(len(candidates)), key=lambda index: (2 * taken[index] + 1) * steps[index])
    return [candidates[index] for index in following], f"turn {turn + 1}{_weighed(candidates[following[0]])}"


def _places_taken(weights: Sequence[int], steps: Sequence[int], turn: int) -> list[int]:
    """How many places of a round each had before this turn; it costs as much as there are services, not turns.

    Place k of a service is at (2k + 1) times its step. Those well before the turn are counted, the few up to it walked.
    """
    whole = sum(weights)
    well_before = max(0, turn - len(weights))
    taken = [(2 * well_before * weight + whole) // (2 * whole) for weight in weights]
    heap = [((2 * count + 1) * steps[index], index) for index, count in enumerate(taken)]
    heapify(heap)
    for _ in range(turn - sum(taken)):
        place, index = heap[0]
        taken[index] += 1
        heapreplace(heap, (place + 2 * steps[index], index))
    return taken


def _common_multiple(candidates: Sequence[Candidate]) -> int:
    """A figure divided by a weight is compared as a whole number: multiplied by this first."""
    return lcm(*{one.weight for one in candidates})


def _weighed(one: Candidate) -> str:
    return f" at weight {one.weight}" if one.weight != 1 else ""


METHODS: dict[str, Method] = {
    "LEASTCONNECTION": least_connections,
    "ROUNDROBIN": round_robin,
    "LRTM": least_response,
    "CUSTOMLOAD": least_load,
}
"""By the names of the parameter `method`."""
