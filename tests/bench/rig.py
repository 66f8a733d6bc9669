"""A real cluster for a bench: own broker, nodes as processes, services added by command, and a replica that watches.

Rule: nothing here is faster than what a user has: commands go through `config-commands`, states are read by a
StateReplica, nodes are `watchbill node` processes.
"""

from __future__ import annotations

import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from connectors.config.producer import ConfigProducer
from connectors.replica.control import ControlReplica
from connectors.replica.states import Applied, StateReplica
from infra import topics
from infra.cluster.nodes import Nodes, wait_until
from infra.kafka.broker import Broker
from schemas.config import Kind, Operation, Verb
from schemas.identifiers import EntityId, NodeId

SERVICES_PER_COMMAND = 2_000


@dataclass(slots=True)
class Seen:
    """When a replica outside the cluster had applied each service's last record: (monotonic seconds, view).

    Heads only: a bench that decodes every state takes the processor from the nodes it measures.
    """

    states: StateReplica
    last: dict[EntityId, tuple[float, int]] = field(default_factory=dict)

    def take(self, applied: Sequence[Applied]) -> None:
        """Called on the replica's thread."""
        now_s = time.monotonic()
        for entity_id, order in applied:
            if order is not None:
                known = self.last.get(entity_id)
                if known is None or known[1] != order[0]:
                    self.last[entity_id] = (now_s, order[0])

    def owners(self) -> dict[EntityId, NodeId]:
        """Service -> the owner that its last state names."""
        return {service: state.owner for service, state in self.states.items()}

    def by_owner(self) -> dict[NodeId, int]:
        """How many services each node owns, by their last states."""
        return dict(Counter(self.owners().values()))


@dataclass(slots=True)
class Rig:
    """What a bench works with."""

    bootstrap: str
    cluster: str
    nodes: Nodes
    control: ControlReplica
    states: StateReplica
    seen: Seen
    producer: ConfigProducer

    def add_services(self, count: int, *, interval: str, port: int, prefix: str = "s", **monitor: str | int) -> float:
        """Add services on one loopback port, with one TCP monitor; the seconds until all have a state."""
        settings = {"type": "TCP", "interval": interval, "response_timeout": "500ms", **monitor}
        self.send([Operation(Verb.ADD, Kind.MONITOR, f"{prefix}-tcp", settings)])
        known, started = len(self.seen.last), time.monotonic()
        for start in range(0, count, SERVICES_PER_COMMAND):
            operations = []
            for number in range(start, min(count, start + SERVICES_PER_COMMAND)):
                name = f"{prefix}{number:06d}"
                operations.append(Operation(Verb.ADD, Kind.SERVICE, name, {"address": "127.0.0.1", "port": port}))
                operations.append(Operation(Verb.BIND, Kind.SERVICE, name, {}, Kind.MONITOR, f"{prefix}-tcp"))
            self.send(operations)
        wait_until(lambda: len(self.seen.last) >= known + count, 120, f"{count} services with a state")
        return time.monotonic() - started

    def send(self, operations: list[Operation]) -> None:
        """One command, which must be accepted."""
        result = self.producer.send(operations, issuer="bench")
        if not result.accepted:
            raise RuntimeError(f"the bench's own command was rejected: {result.rejections[:3]}")


@contextmanager
def rig(node_ids: Sequence[str], cluster: str = "bench", progress: Callable[[str], None] = print) -> Iterator[Rig]:
    """A broker, these nodes serving, and a replica that follows. Everything is ended when the block is left."""
    with ExitStack() as stack:
        folder = Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="watchbill-bench-", ignore_cleanup_errors=True))
        )
        broker = stack.enter_context(Broker.start(folder / "kafka", heap_mb=512))
        topics.init(broker.bootstrap, cluster)
        progress(f"Kafka {broker.version} at {broker.bootstrap}, logs in {folder}")
        control = stack.enter_context(ControlReplica(broker.bootstrap, cluster))
        states = stack.enter_context(StateReplica(broker.bootstrap, cluster))
        control.wait_ready(30)
        states.wait_ready(30)
        nodes = stack.enter_context(Nodes(broker.bootstrap, cluster, folder / "logs"))
        nodes.start(*node_ids)
        progress(f"nodes serving after {nodes.wait_serving(control, node_ids):.1f} s")
        seen = Seen(states)
        states.on_applied(seen.take)
        yield Rig(broker.bootstrap, cluster, nodes, control, states, seen, ConfigProducer(broker.bootstrap, cluster))
