"""Records with places for the tests of answers: one service, its monitor, three nodes, and a clock that is a number."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from schemas.cluster import NodeStatus, Phase, ViewChange, ViewMember
from schemas.codec import encode
from schemas.config import ConfigCommand, Kind, Operation, Setting, Verb
from schemas.identifiers import EntityId, NodeId, ViewId, partition_of
from schemas.probes import PathState, ProbeResults, ProbeRun, Reason, Verdict
from schemas.states import (
    BindingState,
    BindingVerdict,
    Cause,
    CauseKind,
    ServiceState,
    ServiceTransition,
    State,
)
from schemas.topics import CONFIG_ENTITIES, SERVICE_STATES, VIEWS
from streams.answers.config_then import ConfigThen, config_then
from streams.answers.evidence import Evidence
from streams.answers.history import History, histories
from streams.answers.nodes_then import Beats, beats_of
from streams.answers.placed import Kept, Placed, Where
from streams.answers.views_then import ViewsThen, views_then

WEB, TCP = EntityId("1-0"), EntityId("0-0")
PARTITION = partition_of(WEB)
NODES = (NodeId("b0"), NodeId("b1"), NodeId("b2"))


def kept(topic: str, offset: int, at_ms: int, key: str, record: object | None, partition: int = PARTITION) -> Kept:
    """A record in Kafka; None: a tombstone."""
    return Kept(Where(f"c.{topic}", partition, offset, at_ms), key.encode(), None if record is None else encode(record))


def binding(verdict: BindingVerdict = BindingVerdict.UP, outcomes: bytes = b"", held: int = 3) -> BindingState:
    """The tcp monitor after three probes."""
    failed = verdict is BindingVerdict.DOWN
    said, reason = (Verdict.DOWN, Reason.REFUSED) if failed else (Verdict.UP, Reason.OK)
    return BindingState(TCP, verdict, b"\x07" if failed else outcomes, held, 9, 2, 3, said, reason, "", 700, 900)


def state(sequence: int = 1, now: State = State.UP, view: int = 0, **other: object) -> ServiceState:
    """A state of the service as b0 told it."""
    verdict = BindingVerdict.DOWN if now is State.DOWN else BindingVerdict.UP
    made = ServiceState(
        view_id=ViewId(view),
        sequence=sequence,
        entity_id=WEB,
        name="web",
        state=now,
        owner=NODES[0],
        incarnation="run-b0",
        ip_address="10.0.0.1",
        port=80,
        ttl_s=None,
        layer_two=None,
        mss=None,
        path_state=PathState.UNKNOWN,
        response_time_us=700,
        load=None,
        up_weight=0 if now is State.DOWN else 1,
        threshold=0,
        cause=Cause(CauseKind.PROBE, "tcp: why", "c.probe-results", PARTITION, 4),
        changed_at_ms=900,
        updated_at_ms=1_000,
        bindings=(binding(verdict),),
    )
    return replace(made, **other)


def line(sequence: int, before: State, after: State, view: int = 0) -> ServiceTransition:
    """A line of history."""
    cause = Cause(CauseKind.PROBE, "tcp: why", "c.probe-results", PARTITION, 4)
    return ServiceTransition(ViewId(view), sequence, WEB, "web", NODES[0], before, after, 1, 0, cause, 900)


def history(states: Iterable[Kept], lines: Iterable[Kept] = ()) -> History:
    """The history of the service."""
    return histories(states, lines).get(WEB, History())


def told(*records: tuple[int, ServiceState | None]) -> list[Kept]:
    """(time, state) records of `service-states`, one behind the other."""
    return [kept(SERVICE_STATES.name, offset, at_ms, WEB, one) for offset, (at_ms, one) in enumerate(records)]


def command(offset: int, at_ms: int, *operations: Operation) -> Placed[ConfigCommand]:
    """A command in the log."""
    where = Where("c.config-commands", 0, offset, at_ms)
    return Placed(where, ConfigCommand(f"command-{offset}", at_ms, "test", operations))


def operation(verb: Verb, kind: Kind, name: str, **settings: Setting) -> Operation:
    """One step of a command."""
    return Operation(verb, kind, name, settings)


def bound(service: str, monitor: str, **settings: Setting) -> Operation:
    """Bind a monitor to a service."""
    return Operation(Verb.BIND, Kind.SERVICE, service, settings, Kind.MONITOR, monitor)


def configuration(until_ms: int | None = None, **settings: Setting) -> ConfigThen:
    """A monitor `tcp` (id 0-0) and a service `web` (id 1-0) bound to it, told at 10 and 20."""
    return config_then(commands(**settings), "c.config-commands", until_ms)


def commands(**settings: Setting) -> list[Placed[ConfigCommand]]:
    """The commands of `configuration`."""
    given = {"address": "10.0.0.1", "port": 80, **settings}
    return [
        command(0, 10, operation(Verb.ADD, Kind.MONITOR, "tcp", type="TCP")),
        command(1, 20, operation(Verb.ADD, Kind.SERVICE, "web", **given), bound("web", "tcp")),
    ]


def view_change(offset: int, at_ms: int, prev: int, nodes: Sequence[str]) -> Placed[ViewChange]:
    """A record of `views`."""
    members = tuple(ViewMember(NodeId(node), f"run-{node}", ()) for node in nodes)
    change = ViewChange(ViewId(prev), 1, members, NodeId(nodes[0]), at_ms)
    return Placed(Where(f"c.{VIEWS.name}", 0, offset, at_ms), change)


def views(*nodes: str) -> ViewsThen:
    """One view of these nodes, told at 100."""
    return views_then([view_change(0, 100, -1, nodes or NODES)])


def beat(node: str, offset: int, at_ms: int, applied: int, configured: int = 9) -> Kept:
    """A heartbeat of a node that has applied so much of the service's partition."""
    offsets = [0] * SERVICE_STATES.partitions
    offsets[PARTITION] = applied
    status = NodeStatus(
        node_id=NodeId(node),
        incarnation=f"run-{node}",
        phase=Phase.SERVING,
        node_groups=(),
        engines=1,
        web_url=None,
        view_id=ViewId(0),
        applied={SERVICE_STATES.name: tuple(offsets), CONFIG_ENTITIES.name: (configured,)},
        missing=(),
        beat=offset,
        started_at_ms=0,
        sent_at_ms=at_ms,
        version="0.1.0",
    )
    return kept("nodes", offset, at_ms, node, status, 0)


def batch(offset: int, at_ms: int, *runs: ProbeRun, node: str = "b0") -> Placed[ProbeResults]:
    """A batch in the service's partition."""
    where = Where("c.probe-results", PARTITION, offset, at_ms)
    return Placed(where, ProbeResults(NodeId(node), f"run-{node}", ViewId(0), at_ms, (), runs))


def run(sequence: int, verdict: Verdict, count: int = 1, run_number: int = 1, at_ms: int = 900) -> ProbeRun:
    """A report of the tcp monitor."""
    reason = Reason.OK if verdict is Verdict.UP else Reason.REFUSED
    return ProbeRun(WEB, TCP, sequence, run_number, verdict, reason, "", at_ms, at_ms, count, 1, 1, 1)


def evidence(
    record: ServiceState | None = None,
    config: ConfigThen | None = None,
    at_ms: int = 5_000,
    batches: Sequence[Placed[ProbeResults]] = (),
    beats: Beats | None = None,
    in_view: ViewsThen | None = None,
    of: History | None = None,
) -> Evidence:
    """The evidence about the service at 5,000: `record` told at 1,000 at offset 0, or a history of its own."""
    config = config or configuration()
    service = config.service(WEB)
    assert service is not None
    every_beat = [beat(node, place, 4_900, 1) for place, node in enumerate(NODES)]
    return Evidence(
        at_ms=at_ms,
        config=config,
        service=service,
        views=in_view or views(),
        history=of or history(told((1_000, record)) if record else ()),
        batches=batches,
        beats=beats if beats is not None else beats_of(every_beat),
        configured_at=3,
    )
