"""A digest of what a replica holds, per partition and as a function of the applied offset (U-5).

Rule: the digest is the exclusive or of a stable 64-bit hash of each key with its record's bytes, so it does not depend
on the order or the batches in which records came, and one record changes it by two hashes. It is worked out once, when
the replay is over; a replay pays nothing for it. While records pour in they are noted only, and counted in when it is
quiet, or after SETTLED_S: a takeover needs the processor more. Two nodes are compared at equal offsets only: in a busy
partition at the last multiple of EVERY, which all of them pass, and in a quiet one at its end. Why not a tree of
hashes: the log itself finds the record that differs (`streams.audit.difference`), and a tree would be kept up by every
node for ever.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from hashlib import blake2b
from struct import pack
from typing import NamedTuple

from connectors.kafka.places import LogRecord
from schemas.identifiers import PARTITIONS, EntityId, partition_of

EVERY = 256
"""Records between two offsets at which a busy partition's digest is kept."""
QUIET_S = 1.0
"""So long without a record, and the partition's end is where it is compared."""
SETTLE_S = 0.3
"""So long without a record of any partition, and what was noted is counted in."""
SETTLED_S = 2.0
"""So long what was noted waits at most."""


class Digest(NamedTuple):
    """What all records before `offset` leave in a partition."""

    offset: int
    value: int


NOTHING = Digest(0, 0)


def hash_of(key: bytes, value: bytes) -> int:
    """64 bits, equal on every node and in every release."""
    return int.from_bytes(blake2b(value, key=key[:64], digest_size=8).digest(), "big")


class _Partition:
    __slots__ = ("at", "changed_s", "kept")

    def __init__(self) -> None:
        self.at = self.kept = NOTHING
        self.changed_s = 0.0


class Digests:
    """One thread notes; all else may be called on any thread, and `told` sees whole pairs.

    Until `start`, and for ever if they are not `wanted`, everything else costs a look at a flag.
    """

    def __init__(self, wanted: bool = True, partitions: int = PARTITIONS) -> None:
        self._wanted, self._started = wanted, False
        self._partitions = [_Partition() for _ in range(partitions)]
        self._values = [0] * partitions
        self._hashes: dict[bytes, int] = {}
        self._noted: deque[tuple[float, LogRecord, bytes, bytes | None, bool]] = deque()
        self._noted_s = 0.0
        self._settling = threading.Lock()

    def start(self, values: Mapping[bytes, bytes], offsets: Sequence[int], now_s: float) -> None:
        """The replay is over: what is held, and the next offset of each partition."""
        if not self._wanted:
            return
        for key, value in values.items():
            self._put(key, value)
        for partition, digest, offset in zip(self._partitions, self._values, offsets, strict=False):
            partition.at = partition.kept = Digest(offset, digest)
            partition.changed_s = now_s - QUIET_S
        self._started = True

    def note(self, record: LogRecord, key: bytes, value: bytes | None, changed: bool, now_s: float) -> None:
        """A record is applied; `changed`: under its key there is this value now. It counts when `settle` is called."""
        if self._started:
            self._noted.append((now_s, record, key, value, changed))
            self._noted_s = now_s

    def is_due(self, now_s: float) -> bool:
        """Whether it is time to `settle`."""
        try:
            oldest_s = self._noted[0][0]
        except IndexError:  # another thread may have settled just now
            return False
        return now_s - self._noted_s >= SETTLE_S or now_s - oldest_s >= SETTLED_S

    def note_all(self, records: Sequence[LogRecord], changed: Collection[tuple[int, int]], now_s: float) -> None:
        """These are applied; those at a (partition, offset) of `changed` have changed what stands under their keys."""
        for record in records if self._started else ():
            place = (record.partition(), record.offset())
            self.note(record, record.key() or b"", record.value(), place in changed, now_s)

    def settle(self) -> None:
        """Count in what was noted, in its order."""
        with self._settling:
            self._settle()

    def _settle(self) -> None:
        while self._noted:
            now_s, record, key, value, changed = self._noted.popleft()
            number, offset = record.partition(), record.offset()
            partition = self._partitions[number]
            boundary = offset - offset % EVERY
            if boundary > partition.kept.offset:
                partition.kept = Digest(boundary, self._values[number])
            if changed:
                self._put(key, value)
            partition.changed_s = now_s
            partition.at = Digest(offset + 1, self._values[number])

    def mended(self, key: bytes, value: bytes | None) -> None:
        """A value was taken back after its record was applied: the digest at that offset is another."""
        if self._started:
            with self._settling:
                self._settle()
                number = self._put(key, value)
                partition = self._partitions[number]
                partition.at = Digest(partition.at.offset, self._values[number])

    def now(self, partition: int) -> Digest:
        """A partition's digest at the last offset that was applied."""
        return self._partitions[partition].at

    def told(self, now_s: float) -> tuple[Digest, ...]:
        """Of each partition the digest to compare; nothing before the replay is over."""
        if not self._started:
            return ()
        return tuple([one.at if now_s - one.changed_s >= QUIET_S else one.kept for one in self._partitions])

    def _put(self, key: bytes, value: bytes | None) -> int:
        number = partition_of(EntityId(key.decode()), len(self._values))
        before = self._hashes.pop(key, 0)
        after = 0
        if value is not None:
            after = self._hashes[key] = hash_of(key, value)
        self._values[number] ^= before ^ after
        return number


def packed(digests: Sequence[Digest]) -> tuple[tuple[int, ...], bytes]:
    """As a heartbeat carries them: the offsets, and eight bytes for each."""
    return tuple([one.offset for one in digests]), pack(f">{len(digests)}Q", *[one.value for one in digests])
