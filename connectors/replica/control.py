"""Steps 2 and 3 of the flow, read back through one reader: configuration, nodes, and the views they propose.

Rule: records of one topic come in offset order, each callback once per record, on the replica's thread; between
topics there is no order. A record that can not be read, or whose callback raises, goes to `on_bad` and is skipped:
every node skips the same ones. Whether a ViewChange takes effect is decided by who listens (`streams.ownership`), not
here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connectors.kafka.faults import LogFault
from connectors.kafka.log_reader import LogReader
from connectors.kafka.places import BadRecord, LogRecord, all_partitions, bad_record
from connectors.kafka.settings import KafkaAccess
from connectors.replica.base import Replica, default_access, ignore, report_bad
from connectors.replica.config_table import ConfigTable, EntityChange
from schemas.cluster import NodeStatus, ViewChange
from schemas.codec import Unreadable, decode
from schemas.config import ConfigEntity
from schemas.identifiers import NodeId
from schemas.limits import ENTITY_BYTES
from schemas.topics import CONFIG_ENTITIES, DEFAULT_CLUSTER, NODES, VIEWS, topic_name

OnEntities = Callable[[Sequence[EntityChange], int], None]
"""The changes of a command and its revision. The replay of a compacted topic comes as one, under the last revision."""

OnNode = Callable[[NodeId, NodeStatus | None], None]
"""A heartbeat; None: the node was forgotten."""

OnView = Callable[[int, ViewChange], None]
"""The offset (which is the id of the view, if it is accepted) and the proposal."""


def _ignore(_: object, __: object) -> None:
    return None


class ControlReplica(Replica):
    """Begins to read when it is made. Its tables may be read from any thread; a copy is given."""

    def __init__(
        self,
        bootstrap: str,
        cluster: str = DEFAULT_CLUSTER,
        *,
        on_entities: OnEntities = _ignore,
        on_node: OnNode = _ignore,
        on_view: OnView = _ignore,
        on_bad: Callable[[BadRecord], None] = ignore,
        on_fault: Callable[[LogFault], None] = ignore,
        client_id: str = "watchbill-control",
        access: KafkaAccess | None = None,
    ) -> None:
        self._on_entities, self._on_node, self._on_view, self._on_bad = on_entities, on_node, on_view, on_bad
        self._config = ConfigTable()
        self._nodes: dict[NodeId, NodeStatus] = {}
        self._views: list[tuple[int, ViewChange]] = []
        self._readers: dict[str, Callable[[LogRecord], None]] = {
            topic_name(cluster, CONFIG_ENTITIES): self._take_entity,
            topic_name(cluster, NODES): self._take_node,
            topic_name(cluster, VIEWS): self._take_view,
        }
        self.bad = 0
        topics = (CONFIG_ENTITIES, NODES, VIEWS)
        places = [all_partitions(topic_name(cluster, topic), topic.partitions) for topic in topics]
        reader = LogReader(
            access or default_access(bootstrap, client_id),
            {place: offset for start in places for place, offset in start.items()},
            self._take,
            on_fault=on_fault,
        )
        super().__init__(cluster, topics, reader)

    @property
    def revision(self) -> int:
        """The offset of the last command whose entities are shown; -1 before the first."""
        return self._config.revision

    def entities(self) -> dict[str, ConfigEntity]:
        """Visible entities by `kind/id`. A callback sees them whole; another thread may see a command half done."""
        return self._config.entities.copy()

    def repairs(self) -> list[tuple[str, bytes | None]]:
        """Configuration records that the config agent is to write again: see `ConfigTable.repairs`."""
        return self._config.repairs()

    def nodes(self) -> dict[NodeId, NodeStatus]:
        """The last heartbeat of every node."""
        return self._nodes.copy()

    def views(self) -> list[tuple[int, ViewChange]]:
        """Every proposal, in offset order."""
        return self._views.copy()

    def _take(self, records: Sequence[LogRecord]) -> None:
        for record in records:
            try:
                self._readers[record.topic()](record)
            except Exception as error:  # unreadable, or the callback's own
                self.bad += 1
                report_bad(self._on_bad, bad_record(record, error))

    def _take_entity(self, record: LogRecord) -> None:
        changes = self._config.take(record.key(), record.value())
        if changes is not None:
            self._on_entities(changes, self._config.revision)

    def _take_node(self, record: LogRecord) -> None:
        key, value = record.key(), record.value()
        node_id = NodeId((key or b"").decode())
        if value is None:
            self._nodes.pop(node_id, None)
            self._on_node(node_id, None)
            return
        status = decode(NodeStatus, value, ENTITY_BYTES)
        if status.node_id != node_id:
            raise Unreadable(f"is the heartbeat of node {status.node_id}, but stands under the key {node_id}")
        self._nodes[node_id] = status
        self._on_node(node_id, status)

    def _take_view(self, record: LogRecord) -> None:
        change = decode(ViewChange, record.value(), ENTITY_BYTES)
        self._views.append((record.offset(), change))
        self._on_view(record.offset(), change)
