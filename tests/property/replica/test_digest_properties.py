"""One log, one digest: whatever the batches, and whether the log was compacted before it was read (U-5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from connectors.kafka.places import LogRecord
from connectors.replica.digest import EVERY, QUIET_S, SETTLE_S, SETTLED_S, Digest, Digests
from connectors.replica.state_map import StateMap, Verdict
from schemas.codec import encode
from schemas.identifiers import EntityId, partition_of
from tests.unit.replica.samples import message, service_state

KEYS = ("1-0", "1-1", "2-0", "7-3")
STEPS = st.lists(st.tuples(st.sampled_from(KEYS), st.booleans()), max_size=40)
CUTS = st.lists(st.integers(0, 40), max_size=6)


def log_of(steps: Sequence[tuple[str, bool]]) -> list[LogRecord]:
    """States whose sequence rises, and where the flag is set a tombstone, the last of its key."""
    offsets: dict[int, int] = {}
    sequences: dict[str, int] = {}
    records = []
    gone: set[str] = set()
    for key, removed in steps:
        if key in gone:
            continue
        gone |= {key} if removed else set()
        partition = partition_of(EntityId(key))
        sequences[key] = sequences.get(key, 0) + 1
        state = None if removed else service_state(key, 1, sequences[key])
        records.append(message(offsets.get(partition, 0), key, state))
        offsets[partition] = offsets.get(partition, 0) + 1
    return records


class Reader:
    """A replica without Kafka: a replay, and then batches."""

    def __init__(self, replay: Sequence[LogRecord], settle_every: int = 1) -> None:
        self.states, self.digests, self.now_s = StateMap(), Digests(), 0.0
        self.settle_every, self.batches = settle_every, 0
        self.states.replay(replay, [], [])
        ends = [0] * 64
        for record in replay:
            ends[record.partition()] = record.offset() + 1
        self.digests.start(self.states.values, ends, self.now_s)

    def take(self, batch: Sequence[LogRecord]) -> None:
        """Taken now, counted in some batches later."""
        for record in batch:
            key, value = record.key() or b"", record.value()
            changed = self.states.apply(record, key, value, []) in (Verdict.TAKEN, Verdict.REMOVED)
            self.digests.note(record, key, value, changed, self.now_s)
        self.batches += 1
        if self.batches % self.settle_every == 0:
            self.digests.settle()

    def quiet(self) -> tuple[Digest, ...]:
        self.digests.settle()
        return self.digests.told(self.now_s + QUIET_S)


def read(records: Sequence[LogRecord], cuts: Sequence[int], settle_every: int = 1) -> Reader:
    """The records up to the first cut as a replay, and what is between the others in batches."""
    edges = [0, *sorted(cuts), len(records)]
    pieces = [records[begin:end] for begin, end in pairwise(edges)]
    reader = Reader(pieces[0], settle_every)
    for piece in pieces[1:]:
        reader.take(piece)
    return reader


def compacted(records: Sequence[LogRecord]) -> list[LogRecord]:
    """What compaction leaves: the last record of each key, tombstones included."""
    last = {record.key(): record for record in records}
    return [record for record in records if last[record.key()] is record]


@given(STEPS, CUTS, st.integers(1, 4))
def test_U5_the_digest_does_not_depend_on_how_the_log_was_read(
    steps: list[tuple[str, bool]], cuts: list[int], settle_every: int
) -> None:
    records = log_of(steps)
    assert read(records, cuts, settle_every).quiet() == read(records, ()).quiet()
    assert read(compacted(records), ()).quiet() == read(records, ()).quiet()


@given(STEPS.filter(bool), st.data())
def test_U5_another_record_gives_another_digest(steps: list[tuple[str, bool]], data: st.DataObject) -> None:
    records = log_of([(key, False) for key, _ in steps])
    index = data.draw(st.integers(0, len(records) - 1))
    key = (records[index].key() or b"").decode()
    last = max(number for number, record in enumerate(records) if record.key() == records[index].key())
    other = replace(service_state(key, 1, 99), port=81)
    changed = [*records[:last], message(records[last].offset(), key, other), *records[last + 1 :]]
    mine, theirs = read(records, ()).quiet(), read(changed, ()).quiet()
    differing = [number for number, (one, two) in enumerate(zip(mine, theirs, strict=True)) if one != two]
    assert differing == [partition_of(EntityId(key))]


@given(st.integers(1, 3 * EVERY), st.integers(0, 3 * EVERY), st.integers(1, 200))
def test_U5_busy_readers_tell_the_digest_of_an_offset_that_both_have_passed(length: int, begin: int, step: int) -> None:
    """Two readers that are not equally far tell what is equal where they speak of one offset."""
    key, partition = KEYS[0], partition_of(EntityId(KEYS[0]))
    records = [message(offset, key, service_state(key, 1, offset + 1)) for offset in range(length)]
    whole = {offset: read(records[:offset], ()).digests.now(partition).value for offset in range(0, length + 1, EVERY)}
    reader = Reader(records[:begin])
    for start in range(begin, length, step):
        reader.take(records[start : start + step])
        told = reader.digests.told(reader.now_s)[partition]
        assert told.offset == min(begin, length) or told.value == whole[told.offset]
        assert told.offset + EVERY > start or told.offset == min(begin, length)


def test_U5_a_busy_partition_is_told_of_at_the_last_multiple() -> None:
    key, partition = KEYS[0], partition_of(EntityId(KEYS[0]))
    records = [message(offset, key, service_state(key, 1, offset + 1)) for offset in range(2 * EVERY + 9)]
    reader = read(records[:3], ())
    reader.take(records[3:])
    assert reader.digests.told(reader.now_s)[partition].offset == 2 * EVERY
    assert reader.quiet()[partition].offset == len(records)


def test_U5_a_value_that_is_taken_back_changes_the_digest_where_it_stood() -> None:
    key, partition = KEYS[0].encode(), partition_of(EntityId(KEYS[0]))
    reader = read(log_of([(KEYS[0], False), (KEYS[0], False)]), ())
    reader.digests.mended(key, encode(service_state(KEYS[0], 1, 1)))
    assert reader.digests.now(partition).offset == 2
    assert reader.digests.now(partition).value == read(log_of([(KEYS[0], False)]), ()).digests.now(partition).value


def test_U5_what_was_noted_is_counted_in_when_it_is_quiet_and_after_a_while_in_any_case() -> None:
    key, records = KEYS[0].encode(), log_of([(KEYS[0], False)] * 30)
    digests = read(records[:1], ()).digests
    for number, record in enumerate(records[1:], 1):
        digests.note(record, key, record.value(), True, number / 8)
        assert digests.is_due(number / 8) is (number / 8 - 1 / 8 >= SETTLED_S)
    digests.settle()
    assert not digests.is_due(99.0)
    digests.note(records[-1], key, records[-1].value(), False, 5.0)
    assert (digests.is_due(5.0), digests.is_due(5.0 + 2 * SETTLE_S)) == (False, True)


def test_U5_a_replica_that_is_not_asked_pays_and_tells_nothing() -> None:
    digests = Digests(wanted=False)
    digests.start({b"1-0": b"x"}, [5], 0.0)
    digests.note(message(0, "1-1", None), b"1-1", b"y", True, 1.0)
    assert not digests.is_due(9.0)
    assert digests.told(9.0) == ()
