"""The unattended check: break, heal, kill, start again, stop in order; each step measured and held to what must be so.

Rule: a step passes only by what a consumer of the states can see, and times run from the act to the moment it is seen.
Besides its own condition each step asks what must never happen: no healthy service is told DOWN or UNKNOWN, and when
a node leaves in order its services are probed on without a pause. After a failed step the others are still tried.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import pairwise

from infra.cluster.nodes import NotInTime
from infra.demo.config import INTERVAL_MS
from infra.demo.crew import NotNow
from infra.demo.demo import Act, Demo
from infra.demo.target import Target
from schemas.identifiers import EntityId, NodeId
from schemas.states import ServiceState, State

SEEN_DEADLINE_S = 10.0
FAILOVER_DEADLINE_S = 15.0
JOIN_DEADLINE_S = 45.0
LEAVE_DEADLINE_S = 15.0
PAUSE_LIMIT_S = 3 * INTERVAL_MS / 1000
"""A longer time without a probe is a gap: the interval, once missed, and what a busy machine needs."""
PATIENT = "web-1"
"""The service that is broken, and whose owner is killed."""


@dataclass(slots=True)
class Checked:
    """What the check found. Times are None where their step failed; `failed` holds a text for each failure."""

    ready_s: float | None = None
    detect_ms: float | None = None
    failover_s: float | None = None
    handover_s: float | None = None
    failed: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        """Whether all held."""
        return not self.failed

    def as_json(self) -> dict[str, object]:
        """`{"ok", "ready_s", "detect_ms", "failover_s", "handover_s"}`, and `failed` where something did."""
        told: dict[str, object] = {
            "ok": self.ok,
            "ready_s": _rounded(self.ready_s, 2),
            "detect_ms": _rounded(self.detect_ms, 0),
            "failover_s": _rounded(self.failover_s, 3),
            "handover_s": _rounded(self.handover_s, 3),
        }
        return told if self.ok else {**told, "failed": self.failed}


def run_check(demo: Demo, say: Callable[[str], None], checked: Checked) -> None:
    """Runs every step on a demo that has been started; what it finds is noted in `checked`. Bounded in time."""
    killed: list[NodeId] = []
    steps: tuple[Callable[[], str], ...] = (
        lambda: _break(demo, checked),
        lambda: _heal(demo),
        lambda: _kill(demo, checked, killed),
        lambda: _start(demo, killed),
        lambda: _term(demo, checked, killed),
    )
    for step in steps:
        began_s = time.monotonic()
        try:
            say(step())
        except (NotInTime, NotNow) as failure:
            checked.failed.append(str(failure))
            say(f"FAILED: {failure}")
        for text in false_downs(demo, began_s):
            checked.failed.append(text)
            say(f"FAILED: {text}")


def false_downs(demo: Demo, since_s: float) -> list[str]:
    """Healthy services that were told DOWN or UNKNOWN since a moment. What is ill now was made so by the step."""
    return [
        f"{after.name} was told {after.state.value} by {after.owner} under view {after.view_id} and was well: "
        f"{after.cause.text}"
        for seen in demo.witness.seen_since(since_s)
        if (after := seen.change.after) is not None
        and after.state in (State.DOWN, State.UNKNOWN)
        and (seen.change.before is None or seen.change.before.state is not after.state)
        and demo.healthy(after.name)
    ]


def _break(demo: Demo, checked: Checked) -> str:
    told = demo.act(Act.BREAK, PATIENT)
    took_s = demo.wait(lambda: _state(demo, PATIENT) is State.DOWN, SEEN_DEADLINE_S, f"{PATIENT} seen DOWN")
    checked.detect_ms = took_s * 1000
    return f"{told}: seen DOWN after {checked.detect_ms:.0f} ms"


def _heal(demo: Demo) -> str:
    demo.act(Act.HEAL, PATIENT)
    took_s = demo.wait(lambda: _state(demo, PATIENT) is State.UP, SEEN_DEADLINE_S, f"{PATIENT} seen UP")
    return f"{PATIENT} healed: seen UP after {took_s * 1000:.0f} ms"


def _kill(demo: Demo, checked: Checked, killed: list[NodeId]) -> str:
    state = demo.witness.states.by_name(PATIENT)
    if state is None:
        raise NotInTime(f"{PATIENT} has no state, so there is no owner to kill")
    lost = demo.witness.owned_by(state.owner)
    told = demo.act(Act.KILL, state.owner)
    killed.append(state.owner)
    checked.failover_s = _until_taken_over(demo, state.owner, lost, FAILOVER_DEADLINE_S)
    takers = _owners(demo, lost)
    return f"{told}: its {len(lost)} services told by {takers} after {checked.failover_s:.2f} s"


def _start(demo: Demo, killed: Iterable[NodeId]) -> str:
    for node_id in killed:
        demo.act(Act.START, node_id)
    took_s = demo.wait(demo.as_expected, JOIN_DEADLINE_S, "the node that was started joined, and owns again")
    owned = {node_id: len(demo.witness.owned_by(node_id)) for node_id in demo.crew.alive()}
    shares = ", ".join(f"{node_id} {count}" for node_id, count in owned.items())
    return f"{', '.join(killed)} started again: joined after {took_s:.2f} s; services now: {shares}"


def _term(demo: Demo, checked: Checked, killed: Iterable[NodeId]) -> str:
    leaver = _busiest(demo, killed)
    lost = demo.witness.owned_by(leaver)
    began_s = time.monotonic()
    told = demo.act(Act.TERM, leaver)
    checked.handover_s = _until_taken_over(demo, leaver, lost, LEAVE_DEADLINE_S)
    demo.wait(lambda: demo.crew.exit_code(leaver) is not None, LEAVE_DEADLINE_S, f"{leaver} ended")
    if demo.crew.exit_code(leaver) != 0:
        raise NotInTime(f"{leaver} was asked to leave and ended with exit code {demo.crew.exit_code(leaver)}")
    heard = [target for state in lost.values() if (target := demo.services.target(state.name)).hears_every_probe]
    demo.wait(lambda: all(target.arrivals[-1] > began_s for target in heard), SEEN_DEADLINE_S, "the new owners' probes")
    pause_s = max((longest_pause_s(target, began_s) for target in heard), default=0.0)
    if pause_s > PAUSE_LIMIT_S:
        raise NotInTime(f"{leaver} left, and a service of it was not probed for {pause_s:.2f} s")
    takers = _owners(demo, lost)
    return (
        f"{told}: its {len(lost)} services told by {takers} after {checked.handover_s:.2f} s, "
        f"never unprobed longer than {pause_s:.2f} s"
    )


def _until_taken_over(demo: Demo, old: NodeId, lost: dict[EntityId, ServiceState], deadline_s: float) -> float:
    """Until every lost service has a state of the owner that the view without the old one gives it."""
    witness = demo.witness

    def taken_over() -> bool:
        view = witness.view
        if view.member(old) is not None:
            return False
        states = [witness.states.get(service) for service in lost]
        return all(state is not None and state.owner == witness.elected(state.entity_id) for state in states)

    return demo.wait(taken_over, deadline_s, f"every service of {old} told by its new owner")


def _busiest(demo: Demo, but: Iterable[NodeId]) -> NodeId:
    """The node that owns most services, of those that were not killed before."""
    owned = Counter(state.owner for state in demo.witness.services())
    return max((node for node in demo.crew.alive() if node not in set(but)), key=lambda node: owned[node])


def longest_pause_s(target: Target, since_s: float) -> float:
    """The longest time between two probes of a service, from the last before a moment until now."""
    arrivals = tuple(target.arrivals)
    before = [at_s for at_s in arrivals if at_s <= since_s][-1:]
    times = [*before, *(at_s for at_s in arrivals if at_s > since_s), time.monotonic()]
    return max((later - earlier for earlier, later in pairwise(times)), default=0.0)


def _state(demo: Demo, name: str) -> State | None:
    state = demo.witness.states.by_name(name)
    return None if state is None else state.state


def _owners(demo: Demo, services: Iterable[EntityId]) -> str:
    states = (demo.witness.states.get(service) for service in services)
    return ", ".join(sorted({state.owner for state in states if state is not None}))


def _rounded(value: float | None, digits: int) -> float | int | None:
    if value is None:
        return None
    return round(value, digits) if digits else round(value)
