"""PathReplica: every node's path to every service, in memory, kept current; for nodes, and for consumers of states.

Rule: all of `path-reports` is read by every node, operational or not, so that whoever becomes owner has the bitmap at
once (P-10, V-10), and none serves before it has it (V-9 b). A report says nothing of a state by itself: what a node
serves by is `schemas.effective`, who can serve is `schemas.processing`. Without Kafka the last reports stay.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from connectors.kafka.faults import LogFault
from connectors.kafka.log_reader import LogReader
from connectors.kafka.places import BadRecord, LogRecord, all_partitions, bad_record
from connectors.kafka.settings import KafkaAccess
from connectors.replica.base import Replica, call, default_access, ignore, report_bad
from connectors.replica.path_table import PathChange, PathTable
from schemas.codec import Unreadable, peek_path
from schemas.identifiers import EntityId, NodeId
from schemas.probes import PathState
from schemas.processing import ServicePaths
from schemas.topics import DEFAULT_CLUSTER, PATH_REPORTS, topic_name

OnPaths = Callable[[Sequence[PathChange]], None]
STATES = {state.value: state for state in PathState}
SEPARATOR = "/"
"""Between service id and node in a report's key; neither can hold one."""


def report_key(service: EntityId, node: NodeId) -> bytes:
    """The key of one node's report of one service."""
    return f"{service}{SEPARATOR}{node}".encode()


class PathReplica(Replica):
    """Begins to read when it is made; `close` (or leaving its `with` block) ends it. Reads are safe from any thread."""

    def __init__(
        self,
        bootstrap: str,
        cluster: str = DEFAULT_CLUSTER,
        *,
        client_id: str = "watchbill-paths",
        access: KafkaAccess | None = None,
        on_bad: Callable[[BadRecord], None] = ignore,
        on_fault: Callable[[LogFault], None] = ignore,
    ) -> None:
        self._table, self._on_bad = PathTable(), on_bad
        self._listeners: tuple[OnPaths, ...] = ()
        self.bad = 0
        reader = LogReader(
            access or default_access(bootstrap, client_id),
            all_partitions(topic_name(cluster, PATH_REPORTS), PATH_REPORTS.partitions),
            self._take,
            on_fault=on_fault,
        )
        super().__init__(cluster, (PATH_REPORTS,), reader)

    def __len__(self) -> int:
        return len(self._table)

    def of(self, service: EntityId, node: NodeId) -> PathState:
        """One node's path to one service; UNKNOWN where it has reported nothing."""
        return self._table.of(service, node)

    def paths(self, service: EntityId) -> ServicePaths:
        """Every node's path to one service."""
        return self._table.paths(service)

    def cut_off_from(self, nodes: Iterable[NodeId]) -> list[EntityId]:
        """Services that at least one of these nodes cannot reach."""
        return self._table.cut_off_from(nodes)

    def reported_by(self, node: NodeId) -> list[EntityId]:
        """Services that a node has a report of."""
        return self._table.reported_by(node)

    def services(self) -> list[EntityId]:
        """Services that somebody has reported of."""
        return self._table.services()

    def on_change(self, callback: OnPaths) -> None:
        """Subscribes to what becomes another path from now on, in batches, on the replica's thread."""
        self._listeners = (*self._listeners, callback)

    def _take(self, records: Sequence[LogRecord]) -> None:
        changes: list[PathChange] = []
        for record in records:
            try:
                change = self._table.note(*read_report(record.key(), record.value()))
            except Unreadable as error:
                self.bad += 1
                report_bad(self._on_bad, bad_record(record, error))
                continue
            if change is not None:
                changes.append(change)
        for listener in self._listeners if changes else ():
            call(listener, changes)


def read_report(key: bytes | None, value: bytes | None) -> tuple[EntityId, NodeId, PathState]:
    """(service, node, state) of a record; a tombstone is UNKNOWN. Raises Unreadable, also where key and body differ."""
    try:
        service, separator, node = (key or b"").decode().partition(SEPARATOR)
    except UnicodeDecodeError as error:
        raise Unreadable(f"the key is no UTF-8 text: {(key or b'')[:40].hex()}") from error
    if not (service and separator and node):
        raise Unreadable("the key is not `service id/node`")
    if value is None:
        return EntityId(service), NodeId(node), PathState.UNKNOWN
    if len(value) > PATH_REPORTS.record_bytes:
        raise Unreadable(f"{len(value):,} bytes, over the limit of {PATH_REPORTS.record_bytes:,}")
    told_service, told_node, state = peek_path(value)
    if (told_service, told_node) != (service, node):
        raise Unreadable(f"is {told_node}'s report of {told_service}, but stands under {service}/{node}")
    return EntityId(service), NodeId(node), STATES[state]
