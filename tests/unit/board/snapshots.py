"""Snapshots for the board's tests: a cluster in which most things that can be drawn are there."""

from __future__ import annotations

from schemas.states import State
from streams.cli.board_snapshot import BoardSnapshot, EventLine, NodeLine, ServiceLine

NOW_MS = 1_700_000_100_000


def service(name: str, state: State | None = State.UP, **others: object) -> ServiceLine:
    """A service that has been in its state for 30 seconds."""
    changed_at_ms = NOW_MS - 30_000
    given: dict[str, object] = {
        "owner": "b0",
        "changed_at_ms": changed_at_ms,
        "response_us": 700,
        "reason": "http: OK (1 of 1 probes succeeded)",
        "broken": "",
        "history": () if state is None else ((changed_at_ms, state),),
    }
    return ServiceLine(name=name, state=state, **{**given, **others})  # type: ignore[arg-type]


def node(name: str, phase: str = "SERVING") -> NodeLine:
    """A node that serves, or not."""
    return NodeLine(name, phase, phase == "SERVING", 12, 3, 21, 5.5, 200, f"http://127.0.0.1:2027{name[-1]}")


def snapshot(**others: object) -> BoardSnapshot:
    """Eight services, three nodes, twenty events."""
    services = [service(f"service-{number}") for number in range(1, 6)]
    services += [
        service("down", State.DOWN, reason="REFUSED: " + "connect to 127.0.0.1:20000: connection refused " * 4),
        service("maintained", State.GOING_OUT_OF_SERVICE),
        service("new", None),
    ]
    given: dict[str, object] = {
        "title": "demo",
        "kafka": "own Kafka 4.3.0, from pip, 127.0.0.1:41233",
        "view_id": 12,
        "now_ms": NOW_MS,
        "running_ms": 95_000,
        "connected": True,
        "services": tuple(services),
        "nodes": (node("b0"), node("b1", "killed"), node("b2", "JOINING")),
        "events": tuple(EventLine(NOW_MS + number, "web-1", f"event {number} " + "x" * 200) for number in range(1, 21)),
    }
    return BoardSnapshot(**{**given, **others})  # type: ignore[arg-type]
