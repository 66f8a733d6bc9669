"""A running cluster for a test: nodes as processes on the session's broker, commands, replicas, and the logs read back.

Rule: a test does what a user does (commands in, states out) and judges by what stands in Kafka. Every wait is for a
condition with a deadline; the deadlines are generous, because the figures are the benches' to hold.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from connectors.config.producer import ConfigProducer
from connectors.kafka.log_reader import LogReader
from connectors.kafka.places import LogRecord, all_partitions
from connectors.kafka.settings import KafkaAccess
from connectors.replica.control import ControlReplica
from connectors.replica.states import StateReplica
from infra import topics
from infra.cluster.nodes import NodeProcess, Nodes
from schemas.cluster import QuarantinedRecord, ViewChange
from schemas.codec import Unreadable, decode
from schemas.config import ConfigResult, Kind, Operation, Setting, Verb
from schemas.identifiers import EntityId, NodeId, partition_of
from schemas.parameters.monitors import MONITOR_TYPES
from schemas.probes import ProbeResults
from schemas.states import ServiceState, ServiceTransition, State
from schemas.topics import PROBE_RESULTS, QUARANTINE, SERVICE_STATES, SERVICE_TRANSITIONS, VIEWS, Topic, topic_name
from streams.audit.findings import StateRecord
from streams.audit.past_config import PastConfig
from streams.audit.promise import Audit, audit
from streams.audit.reigns import owner_in
from streams.ownership.view import View, fold_views, proposed_view
from tests.integration.targets import Farm, Target
from tests.waiting import wait_until

RecordT = TypeVar("RecordT")

READY_S = 90.0
SERVING_S = 90.0
STATE_S = 45.0
NODE_IDS = ("b0", "b1", "b2")

QUICK: Mapping[str, Setting] = {
    "interval": "100ms",
    "response_timeout": "80ms",
    "retries": 2,
    "down_time": "100ms",
}
"""A monitor that notices within a fifth of a second, and looks again as soon."""


def add_monitor(name: str, kind: str = "TCP", **settings: Setting) -> Operation:
    """Add a quick monitor, as far as its type knows of haste."""
    known = MONITOR_TYPES[kind].table.by_name if kind in MONITOR_TYPES else QUICK
    quick = {name: value for name, value in QUICK.items() if name in known}
    return Operation(Verb.ADD, Kind.MONITOR, name, {"type": kind, **quick, **settings})


def add_service(name: str, port: int, **settings: Setting) -> Operation:
    """Add a service on loopback."""
    return Operation(Verb.ADD, Kind.SERVICE, name, {"address": "127.0.0.1", "port": port, **settings})


def bind(service: str, monitor: str, **settings: Setting) -> Operation:
    """Bind a monitor to a service."""
    return Operation(Verb.BIND, Kind.SERVICE, service, settings, Kind.MONITOR, monitor)


def unbind(service: str, monitor: str) -> Operation:
    """Unbind a monitor from a service."""
    return Operation(Verb.UNBIND, Kind.SERVICE, service, {}, Kind.MONITOR, monitor)


def on_service(verb: Verb, name: str, new_name: str | None = None, **settings: Setting) -> Operation:
    """SET, RM, RENAME, ENABLE or DISABLE of a service."""
    return Operation(verb, Kind.SERVICE, name, settings, new_name=new_name)


@dataclass(slots=True)
class Cluster:
    """What a test works with. Made by `running`."""

    bootstrap: str
    name: str
    nodes: Nodes
    control: ControlReplica
    states: StateReplica
    config: ConfigProducer
    farm: Farm
    targets: dict[str, Target] = field(default_factory=dict)

    def topic(self, topic: Topic) -> str:
        """The topic's name in Kafka."""
        return topic_name(self.name, topic)

    def node(self, node_id: str) -> NodeProcess:
        """A running node."""
        return self.nodes.running[NodeId(node_id)]

    def start(self, *node_ids: str) -> None:
        """Start nodes and wait until all that run serve in one view."""
        self.nodes.start(*node_ids)
        self.wait_serving()

    def wait_serving(self, node_ids: Iterable[str] | None = None) -> None:
        """Wait until exactly these nodes (None: all that are alive) serve, in the view that holds just them."""
        wanted = {*(node_ids or (node for node, process in self.nodes.running.items() if process.is_alive))}
        self.nodes.wait_serving(self.control, wanted, SERVING_S)
        wait_until(lambda: set(self.view().nodes) == wanted, SERVING_S, f"a view of just {sorted(wanted)}")

    def view(self) -> View:
        """The view in force, folded from every proposal that was read."""
        return fold_views((offset, proposed_view(change)) for offset, change in self.control.views())

    def expected_owners(self, names: Iterable[str]) -> dict[str, NodeId | None]:
        """Who is to own these services in the view in force, by the pure rule."""
        view = self.view()
        return {name: owner_in(entity_id, view) for name, entity_id in self.ids(names).items()}

    def send(self, *operations: Operation) -> ConfigResult:
        """One command; its answer, whichever it is."""
        return self.config.send(operations, issuer="test", deadline_s=READY_S)

    def apply(self, *operations: Operation) -> ConfigResult:
        """One command, which must be accepted."""
        result = self.send(*operations)
        assert result.accepted, result.rejections
        return result

    def add_services(self, names: Sequence[str], monitor: str) -> None:
        """Services with one target each, bound to a monitor."""
        for name in names:
            self.targets[name] = self.farm.target()
        added = [add_service(name, self.targets[name].port, address=self.targets[name].host) for name in names]
        self.apply(*added, *(bind(name, monitor) for name in names))

    def state(self, name: str) -> State | None:
        """The state of a service as the replica now has it."""
        held = self.states.by_name(name)
        return None if held is None else held.state

    def wait_state(self, name: str, state: State, deadline_s: float = STATE_S) -> ServiceState:
        """The record of a service, once it is in this state."""
        return self.wait_record(name, lambda held: held.state is state, f"{name} {state.value}", deadline_s)

    def wait_states(self, names: Iterable[str], state: State, deadline_s: float = STATE_S) -> None:
        """Wait until all of these services are in this state."""
        for name in names:
            self.wait_state(name, state, deadline_s)

    def wait_record(
        self, name: str, wanted: Callable[[ServiceState], bool], what: str, deadline_s: float = STATE_S
    ) -> ServiceState:
        """The record of a service, once it is as wanted."""
        seen: list[ServiceState | None] = [None]

        def met() -> bool:
            seen[0] = self.states.by_name(name)
            return seen[0] is not None and wanted(seen[0])

        try:
            wait_until(met, deadline_s, what)
        except AssertionError as late:
            raise AssertionError(f"{late}; the record: {seen[0]}") from None
        assert seen[0] is not None
        return seen[0]

    def ids(self, names: Iterable[str]) -> dict[str, EntityId]:
        """Entity ids by service name, as states tell them."""
        return {name: held.entity_id for name in names if (held := self.states.by_name(name)) is not None}

    def owners(self, names: Iterable[str]) -> dict[str, NodeId]:
        """Owners by service name, as states tell them."""
        return {name: held.owner for name in names if (held := self.states.by_name(name)) is not None}

    def records(self, topic: Topic) -> list[LogRecord]:
        """All of a topic, from its first record to its end as of now, in offset order per partition."""
        return read_topic(self.bootstrap, self.topic(topic), topic.partitions)

    def transitions(self, name: str) -> list[ServiceTransition]:
        """The history of a service, by name."""
        found = decoded(self.records(SERVICE_TRANSITIONS), ServiceTransition)
        return [line for line in found if line.name == name]

    def probe_results(self) -> list[ProbeResults]:
        """Every batch in the log."""
        return decoded(self.records(PROBE_RESULTS), ProbeResults)

    def quarantined(self) -> dict[str, QuarantinedRecord]:
        """Bad records that nodes met, by the place they came from."""
        found = decoded(self.records(QUARANTINE), QuarantinedRecord)
        return {f"{record.topic}/{record.partition}/{record.offset}": record for record in found}

    def audit(self, config: PastConfig | None = None) -> Audit:
        """The promise, checked on the whole log as of now: views last, or a record could name one not read yet."""
        records = state_records(self.records(SERVICE_STATES))
        views = [
            (record.offset(), decode(ViewChange, record.value()))
            for record in readable(self.records(VIEWS), ViewChange)
        ]
        return audit(views, records, config)

    def check_promise(self, config: PastConfig | None = None, *, allow_ineffective: bool = False) -> Audit:
        """Assert that the log keeps the promise; without zombies, that no ineffective record was written at all."""
        audited = self.audit(config)
        assert not audited.breaches, "\n".join(f"{breach.fault.name}: {breach}" for breach in audited.breaches)
        if not allow_ineffective:
            assert not audited.ineffective, audited.ineffective[:5]
        return audited


def read_topic(bootstrap: str, topic: str, partitions: int) -> list[LogRecord]:
    """Every record of a topic as of now."""
    records: list[LogRecord] = []
    reader = LogReader(KafkaAccess(bootstrap, "test-reader"), all_partitions(topic, partitions), records.extend)
    reader.begin()
    try:
        fault = reader.wait_ready(READY_S)
        assert fault is None, fault
    finally:
        reader.stop()
    return records


def readable(records: Iterable[LogRecord], record_type: type) -> Iterator[LogRecord]:
    """Those that hold a record of this type."""
    for record in records:
        try:
            decode(record_type, record.value())
        except Unreadable:
            continue
        yield record


def decoded(records: Iterable[LogRecord], record_type: type[RecordT]) -> list[RecordT]:
    """What the readable ones hold."""
    return [decode(record_type, record.value()) for record in readable(records, record_type)]


def state_records(records: Iterable[LogRecord]) -> Iterator[StateRecord]:
    """Records of `service-states` as the checker takes them; what nobody can read is no record of a service."""
    for record in records:
        place: tuple[Any, ...] = (record.partition(), record.offset(), record.timestamp()[1])
        entity_id = EntityId((record.key() or b"").decode(errors="replace"))
        if record.value() is None:
            yield StateRecord(entity_id, *place, None)
            continue
        try:
            yield StateRecord(entity_id, *place, decode(ServiceState, record.value()))
        except Unreadable:
            continue


def in_partition(services: Mapping[str, EntityId], partitions: Iterable[int]) -> list[str]:
    """Names of the services whose partition is one of these."""
    wanted = set(partitions)
    return [name for name, entity_id in services.items() if partition_of(entity_id) in wanted]


@contextmanager
def prepared(bootstrap: str, name: str, log_dir: Path, hosts: Sequence[str] = ()) -> Iterator[Cluster]:
    """A cluster with its topics and no node yet. Everything is ended when the block is left. `hosts`: the targets'."""
    topics.init(bootstrap, name)
    with ExitStack() as stack:
        farm = stack.enter_context(Farm(*hosts))
        control = stack.enter_context(ControlReplica(bootstrap, name))
        states = stack.enter_context(StateReplica(bootstrap, name))
        control.wait_ready(READY_S)
        states.wait_ready(READY_S)
        config = stack.enter_context(ConfigProducer(bootstrap, name))
        nodes = stack.enter_context(Nodes(bootstrap, name, log_dir))
        yield Cluster(bootstrap, name, nodes, control, states, config, farm)


@contextmanager
def running(bootstrap: str, name: str, log_dir: Path, node_ids: Sequence[str] = NODE_IDS) -> Iterator[Cluster]:
    """A cluster of these nodes, all serving in one view."""
    with prepared(bootstrap, name, log_dir) as cluster:
        cluster.start(*node_ids)
        yield cluster
