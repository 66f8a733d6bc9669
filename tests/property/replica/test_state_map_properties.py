"""Whatever the order of records, a replica holds what a dumb model holds; and the compacted topic says the same.

The model keeps every record of a key and takes the greatest order, or nothing once a tombstone came. The writer of the
log repairs as a fold agent does: where the last record of a key is stale it writes the stored one again.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from connectors.kafka.places import BadRecord, LogRecord
from connectors.replica.state_map import StaleRecord, StateMap, read_state
from schemas.codec import Unreadable, encode
from schemas.precedence import Order
from tests.unit.replica.samples import message, service_state

KEYS = ("1-0", "1-1", "2-0")


class Written(NamedTuple):
    """One record of the log: a state's order, or None for a tombstone."""

    key: str
    order: Order | None


ORDERS = st.tuples(st.integers(0, 4), st.integers(0, 4))
STATES = st.builds(Written, st.sampled_from(KEYS), ORDERS)
WITH_TOMBSTONES = st.builds(Written, st.sampled_from(KEYS), st.one_of(ORDERS, ORDERS, ORDERS, st.none()))
CUTS = st.lists(st.integers(1, 8), max_size=8)


def log_of(written: Sequence[Written]) -> list[LogRecord]:
    return [
        message(offset, each.key, None if each.order is None else service_state(each.key, *each.order))
        for offset, each in enumerate(written)
    ]


def model(written: Sequence[Written]) -> dict[str, Order]:
    removed = {each.key for each in written if each.order is None}
    orders: dict[str, Order] = {}
    for each in written:
        if each.key not in removed and each.order is not None:
            orders[each.key] = max(each.order, orders.get(each.key, each.order))
    return orders


def held(states: StateMap) -> dict[str, Order]:
    read = {key.decode(): read_state(key, value) for key, value in states.values.items()}
    return {key: (state.view_id, state.sequence) for key, state in read.items()}


def replayed(records: Sequence[LogRecord], cuts: Sequence[int] = ()) -> StateMap:
    """The records in batches of the given sizes, then the rest one by one, as a live reader gets them."""
    states, start = StateMap(), 0
    for size in cuts:
        states.replay(records[start : start + size], [], [])
        start += size
    for record in records[start:]:
        states.apply(record, record.key(), record.value(), [])
    return states


def compacted(records: Sequence[LogRecord]) -> list[LogRecord]:
    """What Kafka keeps: the last record of each key, in offset order."""
    last = {record.key(): record for record in records}
    return sorted(last.values(), key=lambda record: record.offset())


@given(st.lists(WITH_TOMBSTONES, max_size=30), CUTS)
def test_S10_any_interleaving_gives_what_the_model_gives(written: list[Written], cuts: list[int]) -> None:
    assert held(replayed(log_of(written), cuts)) == model(written)


@given(st.lists(STATES, max_size=30), st.randoms(use_true_random=False))
def test_S10_order_and_duplicates_of_states_change_nothing(written: list[Written], random: object) -> None:
    shuffled = written + written[: len(written) // 2]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert held(replayed(log_of(shuffled), [len(shuffled)])) == held(replayed(log_of(written)))


@given(st.lists(WITH_TOMBSTONES, max_size=30))
def test_replay_of_the_repaired_compacted_topic_is_replay_of_everything(written: list[Written]) -> None:
    records = log_of(written)
    whole = replayed(records)
    for key in whole.unrepaired:
        records.append(message(len(records), key, whole.values.get(key)))
    assert held(replayed(compacted(records), [len(records)])) == held(replayed(records)) == model(written)
    assert not replayed(records).unrepaired


@given(st.lists(st.one_of(STATES, st.binary(max_size=40)), max_size=30), CUTS)
def test_noise_among_records_costs_no_neighbour(mixed: list[Written | bytes], cuts: list[int]) -> None:
    records = [
        message(offset, KEYS[offset % 3], each)
        if isinstance(each, bytes)
        else message(offset, each.key, service_state(each.key, *(each.order or (0, 0))))
        for offset, each in enumerate(mixed)
    ]
    states = StateMap()
    stale: list[StaleRecord] = []
    bad: list[BadRecord] = []
    for start in range(0, len(records), max([1, *cuts])):
        states.replay(records[start : start + max([1, *cuts])], stale, bad)
    noise = [offset for offset, each in enumerate(mixed) if isinstance(each, bytes)]
    assert [each.offset for each in bad] == noise
    assert held(states) == model([each for each in mixed if isinstance(each, Written)])


@given(st.binary(max_size=200))
def test_reading_any_bytes_raises_nothing_but_unreadable(tail: bytes) -> None:
    data = encode(service_state("1-0"))[:10] + tail
    states = StateMap()
    record = message(0, "1-0", data)
    states.replay([record], [], [])
    for key, value in states.values.items():
        with suppress(Unreadable):
            assert read_state(key, value).entity_id == "1-0"
