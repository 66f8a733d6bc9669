"""The agent of `probe-results`: never raises, folds only under the lease, waits for views, quarantines what is bad."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

from schemas.cluster import QuarantinedRecord
from schemas.codec import decode, encode
from schemas.identifiers import NodeId, Partition, ViewId
from schemas.limits import BATCH_BYTES, QUARANTINE_VALUE_BYTES
from schemas.probes import ProbeResults, ProbeRun
from streams.agents.fold_agent import FoldAgent
from streams.agents.quarantine import Quarantine
from tests.unit.agents.test_folds import HERE, NOT_HERE
from tests.unit.agents.test_folds import Desk as FoldsDesk
from tests.unit.folding.builders import B0, WEB, probed
from tests.unit.node.fakes import RecordingSender, Switch

TOPIC = "watchbill.probe-results"


def batch(*runs: ProbeRun, view: int = 3) -> bytes:
    return encode(ProbeResults(B0, "b0-run", ViewId(view), 0, (), runs))


@dataclass(slots=True)
class Desk:
    """A fold agent with its folds, views and lease in the test's hands."""

    held_view: int = 3
    lease: Switch = field(default_factory=Switch)
    sender: RecordingSender = field(default_factory=RecordingSender)
    inner: FoldsDesk = field(default_factory=FoldsDesk)
    asked: list[tuple[int, float]] = field(default_factory=list)
    agent: FoldAgent = field(init=False)

    def __post_init__(self) -> None:
        quarantine = Quarantine(self.sender, "quarantine", NodeId("b0"), lambda: 1)
        self.agent = FoldAgent(self.inner.folds, self.reach, self.lease, quarantine)

    async def reach(self, view_id: ViewId, deadline_s: float) -> bool:
        self.asked.append((view_id, deadline_s))
        return self.held_view >= view_id

    async def take(self, value: bytes | None, offset: int = 9, partition: Partition = HERE) -> None:
        await self.agent.take(TOPIC, partition, offset, b"b0", value)

    def quarantined(self) -> list[QuarantinedRecord]:
        return [decode(QuarantinedRecord, record.value) for record in self.sender.sent]


def test_a_batch_is_folded() -> None:
    desk = Desk()
    asyncio.run(desk.take(batch(probed(1))))
    assert WEB in desk.inner.table
    assert desk.sender.sent == []


def test_F4_what_cannot_be_read_goes_to_quarantine_with_its_place() -> None:
    desk = Desk()
    bad = [None, b"", b"garbage", batch(probed(1))[:-1], batch(probed(1)) + b"x", b"\xc3\x01" + b"\0" * BATCH_BYTES]
    for offset, value in enumerate(bad):
        asyncio.run(desk.take(value, offset))
    told = desk.quarantined()
    assert [(record.topic, record.partition, record.offset) for record in told] == [
        (TOPIC, HERE, offset) for offset in range(len(bad))
    ]
    assert all(record.error and record.node_id == "b0" for record in told)
    assert [record.value_bytes for record in told] == [len(value or b"") for value in bad]
    assert all(len(record.value or b"") <= QUARANTINE_VALUE_BYTES for record in told)
    assert {record.key for record in desk.sender.sent} == {f"{TOPIC}/{HERE}/{n}".encode() for n in range(len(bad))}
    assert desk.inner.table == {}


def test_a_batch_of_a_view_not_read_yet_waits_for_it_and_for_an_unknown_one_only_once() -> None:
    desk = Desk()

    async def check() -> None:
        await desk.take(batch(probed(1), view=7))
        await desk.take(batch(probed(1), view=7))
        assert [wait_s > 0 for _, wait_s in desk.asked] == [True, False]
        assert len(desk.quarantined()) == 2
        assert "view 7" in desk.quarantined()[0].error
        desk.held_view = 7
        await desk.take(batch(probed(1), view=7))
        assert WEB in desk.inner.table

    asyncio.run(check())


def test_without_the_lease_a_batch_waits() -> None:
    desk = Desk(lease=Switch(on=False))

    async def check() -> None:
        waiting = asyncio.create_task(desk.take(batch(probed(1))))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        assert desk.inner.table == {}
        desk.lease.on = True
        await asyncio.wait_for(waiting, 10)
        assert WEB in desk.inner.table

    asyncio.run(check())


def test_a_partition_revoked_while_its_batch_waits_is_left_to_the_next_node() -> None:
    desk = Desk(lease=Switch(on=False))

    async def check() -> None:
        waiting = asyncio.create_task(desk.take(batch(probed(1))))
        await asyncio.sleep(0)
        desk.inner.folds.revoked()
        await asyncio.wait_for(waiting, 10)
        assert desk.inner.table == {}
        assert desk.sender.sent == []

    asyncio.run(check())


def test_F9_a_batch_that_comes_while_the_group_rebalances_waits_to_learn_whose_it_is() -> None:
    for ours in (True, False):
        desk = Desk()

        async def check(desk: Desk = desk, ours: bool = ours) -> None:
            desk.inner.folds.revoked()
            desk.agent.between = True
            waiting = asyncio.create_task(desk.take(batch(probed(1))))
            for _ in range(5):
                await asyncio.sleep(0)
            assert not waiting.done(), "done with it would be: folded"
            desk.inner.folds.assigned([HERE] if ours else [])
            desk.agent.between = False
            await asyncio.wait_for(waiting, 10)
            assert (WEB in desk.inner.table) is ours

        asyncio.run(check())


def test_a_partition_that_is_awaited_is_folded_once_the_replica_has_caught_up() -> None:
    desk = Desk()

    async def check() -> None:
        desk.inner.folds.revoked()
        desk.agent.awaited = frozenset({HERE})
        waiting = asyncio.create_task(desk.take(batch(probed(1))))
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
        desk.inner.folds.assigned([HERE])
        desk.agent.awaited = frozenset()
        await asyncio.wait_for(waiting, 10)
        assert WEB in desk.inner.table

    asyncio.run(check())


class Stream:
    """What the body asks of Faust's stream: events with messages."""

    def __init__(self, *values: bytes) -> None:
        self.values = values

    async def events(self) -> AsyncIterator[Any]:
        for offset, value in enumerate(self.values):
            message = SimpleNamespace(topic=TOPIC, partition=HERE, offset=offset, key=b"b0", value=value)
            yield SimpleNamespace(message=message)


def test_F4_the_body_goes_on_behind_a_batch_that_breaks_the_fold() -> None:
    desk = Desk()
    broken = True

    def owner(service: Any, view: Any) -> NodeId:
        nonlocal broken
        if broken:
            broken = False
            raise ZeroDivisionError("a fault of ours")
        return B0

    desk.inner.owner = owner
    asyncio.run(desk.agent.body(Stream(batch(probed(1)), batch(probed(2)))))
    (told,) = desk.quarantined()
    assert told.offset == 0
    assert "ZeroDivisionError" in told.error
    assert WEB in desk.inner.table
    assert desk.agent.position == {HERE: 2}


def test_batches_of_partitions_of_others_change_nothing() -> None:
    desk = Desk()
    desk.inner.folds.assigned([NOT_HERE])
    asyncio.run(desk.take(batch(probed(1))))
    assert desk.inner.table == {}
