"""The digests that living nodes told, held against the log (U-5): who differs, and by which record.

Rule: the log is replayed by the replica's own map, and its digest taken where a node took its own. Only a partition in
which some node differs is read again, for the versions that may explain it. A node that has told of no offset that the
log still reaches is not compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace

from connectors.kafka.places import LogRecord
from connectors.replica.digest import Digests, hash_of
from connectors.replica.state_map import StateMap, Verdict
from schemas.cluster import NodeStatus
from schemas.identifiers import EntityId, NodeId
from streams.audit.convergence import digests_of
from streams.audit.difference import Difference, Version, difference


@dataclass(frozen=True, slots=True)
class Diverged:
    """A node whose digest of a partition, at an offset, is another than the log's."""

    node_id: NodeId
    partition: int
    offset: int
    node_digest: int
    log_digest: int
    explained: Difference | None = None


class Replay:
    """The log's own digests at the offsets that nodes told of. `take` each record, in offset order per partition."""

    def __init__(self, statuses: Iterable[NodeStatus]) -> None:
        self._told: dict[int, dict[int, list[tuple[NodeId, int]]]] = defaultdict(lambda: defaultdict(list))
        for status in statuses:
            for partition, offset, digest in digests_of(status):
                self._told[partition][offset].append((status.node_id, digest))
        self._map, self._digests = StateMap(), Digests()
        self._digests.start({}, (), 0.0)
        self.compared = 0
        self.diverged: list[Diverged] = []

    def take(self, record: LogRecord) -> None:
        """The next record of `service-states` that can be read."""
        self._judge(record.partition(), record.offset())
        key, value = record.key() or b"", record.value()
        changed = self._map.apply(record, key, value, []) in (Verdict.TAKEN, Verdict.REMOVED)
        self._digests.note(record, key, value, changed, 0.0)
        self._digests.settle()

    def end(self) -> None:
        """No record is left: what was told of the log's end is judged too."""
        for partition, told in list(self._told.items()):
            self._judge(partition, max(told, default=0))

    def _judge(self, partition: int, up_to: int) -> None:
        told = self._told.get(partition, {})
        for offset in sorted(offset for offset in told if offset <= up_to):
            log_digest = self._digests.now(partition).value
            for node_id, digest in told.pop(offset):
                self.compared += 1
                if digest != log_digest:
                    self.diverged.append(Diverged(node_id, partition, offset, digest, log_digest))


def explain(diverged: Diverged, records: Iterable[LogRecord]) -> Difference | None:
    """The record that makes the difference, among the readable ones of the partition."""
    states, offsets, versions = StateMap(), dict[bytes, int](), []
    for record in records:
        key, value = record.key() or b"", record.value()
        if record.offset() >= diverged.offset:
            break
        versions.append(Version(key, record.offset(), 0 if value is None else hash_of(key, value)))
        verdict = states.apply(record, key, value, [])
        if verdict is Verdict.TAKEN:
            offsets[key] = record.offset()
        elif verdict is Verdict.REMOVED:
            offsets.pop(key, None)
    return difference(versions, offsets, diverged.log_digest, diverged.node_digest)


def service_of(found: Difference) -> EntityId:
    """The service that differs."""
    return EntityId(found.key.decode(errors="replace"))


def explained(one: Diverged, records: Iterable[LogRecord]) -> Diverged:
    """With the record that makes the difference, if it is one."""
    return replace(one, explained=explain(one, records))
