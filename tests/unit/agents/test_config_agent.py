"""The agent of `config-commands`: entities, then the mark, then the answer, each command once, under the lease."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from schemas.cluster import QuarantinedRecord
from schemas.codec import decode, decode_any, encode
from schemas.config import ConfigEntity, ConfigResult, ConfigRevision
from schemas.identifiers import NodeId
from streams.agents import config_agent
from streams.agents.config_agent import REVISION_KEY, ConfigAgent
from streams.agents.config_recovery import last_handled
from streams.agents.quarantine import Quarantine
from streams.folding.config.fold import ConfigFold, fold_log
from tests.unit.config.config_words import command
from tests.unit.node.fakes import RecordingSender, Sent, Switch

COMMANDS, ENTITIES, RESULTS = "config-commands", "config-entities", "config-results"


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("RETRY_S", "LEASE_POLL_S", "QUEUE_POLL_S"):
        monkeypatch.setattr(config_agent, name, 0.0)


@dataclass(slots=True)
class Desk:
    """A config agent whose records, lease and recovery are in the test's hands."""

    sender: RecordingSender = field(default_factory=lambda: RecordingSender(at_once=True))
    bad: RecordingSender = field(default_factory=RecordingSender)
    lease: Switch = field(default_factory=Switch)
    recovered: ConfigFold | None = None
    recoveries: list[int] = field(default_factory=list)
    faults: int = 0
    agent: ConfigAgent = field(init=False)

    def __post_init__(self) -> None:
        quarantine = Quarantine(self.bad, "quarantine", NodeId("b0"), lambda: 1)
        self.agent = ConfigAgent(self.sender, ENTITIES, RESULTS, self.recover, self.lease, quarantine)
        self.agent.assigned(True)

    def recover(self, before: int) -> ConfigFold:
        self.recoveries.append(before)
        if self.faults:
            self.faults -= 1
            raise RuntimeError("Kafka does not answer")
        return self.recovered or fold_log([])

    async def do(self, offset: int, *lines: str) -> None:
        value = encode(command(f"command-{offset}", lines))
        await self.agent.take(COMMANDS, offset, b"key", value)

    def written(self) -> list[tuple[str, str]]:
        """(topic, key) of what was sent since the last call."""
        return [(record.topic, (record.key or b"").decode()) for record in self.sender.take()]


def answer_in(records: list[Sent]) -> ConfigResult:
    return decode(ConfigResult, next(record.value for record in records if record.topic == RESULTS))


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


def run(scene: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await scene()

    asyncio.run(main())


def test_a_command_writes_its_entities_the_mark_and_its_answer_in_this_order() -> None:
    desk = Desk()

    async def scene() -> None:
        await desk.do(4, "add monitor tcp type=TCP", "add service web address=10.0.0.1 port=80")
        records = desk.sender.take()
        assert [(record.topic, record.key) for record in records] == [
            (ENTITIES, b"MONITOR/4-0"),
            (ENTITIES, b"SERVICE/4-1"),
            (ENTITIES, REVISION_KEY),
            (RESULTS, b"command-4"),
        ]
        assert {record.partition for record in records} == {0}
        assert isinstance(decode_any(records[0].value), ConfigEntity)
        assert decode_any(records[2].value) == ConfigRevision(4, "command-4")
        assert answer_in(records).accepted

    run(scene)


def test_each_step_is_delivered_before_the_next_is_sent() -> None:
    desk = Desk(RecordingSender())

    async def scene() -> None:
        task = asyncio.create_task(desk.do(0, "add monitor tcp type=TCP"))
        for key in (b"MONITOR/0-0", REVISION_KEY, b"command-0"):
            await until(lambda: desk.sender.sent)
            (record,) = desk.sender.take()
            assert record.key == key
            assert not task.done()
            record.settle()
        await asyncio.wait_for(task, 10)

    run(scene)


def test_a_removal_is_a_tombstone_and_a_refusal_changes_no_entity() -> None:
    desk = Desk()

    async def scene() -> None:
        await desk.do(0, "add monitor tcp type=TCP")
        await desk.do(1, "add monitor tcp type=TCP")
        first = desk.sender.take()[:3]
        assert len(first) == 3
        await desk.do(2, "rm monitor tcp")
        records = desk.sender.take()
        assert [(record.key, record.value is None) for record in records[:2]] == [
            (b"MONITOR/0-0", True),
            (REVISION_KEY, False),
        ]

    run(scene)


def test_a_refused_command_gets_only_its_answer() -> None:
    desk = Desk()

    async def scene() -> None:
        await desk.do(0, "set service nobody port=80")
        records = desk.sender.take()
        assert [record.topic for record in records] == [RESULTS]
        answer = answer_in(records)
        assert not answer.accepted
        assert answer.rejections

    run(scene)


def test_what_was_not_delivered_is_written_again_before_anything_behind_it() -> None:
    desk = Desk(RecordingSender())

    async def scene() -> None:
        task = asyncio.create_task(desk.do(0, "add monitor tcp type=TCP", "add monitor web type=HTTP"))
        await until(lambda: len(desk.sender.sent) == 2)
        one, two = desk.sender.take()
        one.settle()
        two.settle("_MSG_TIMED_OUT")
        await until(lambda: len(desk.sender.sent) == 2)
        again = desk.sender.take()
        assert [(record.key, record.value) for record in again] == [(one.key, one.value), (two.key, two.value)]
        desk.sender.at_once = True
        for record in again:
            record.settle()
        await asyncio.wait_for(task, 10)
        assert desk.written() == [(ENTITIES, "revision"), (RESULTS, "command-0")]

    run(scene)


def test_a_command_delivered_twice_is_taken_once() -> None:
    desk = Desk()

    async def scene() -> None:
        await desk.do(0, "add monitor tcp type=TCP")
        assert len(desk.written()) == 3
        await desk.do(0, "add monitor tcp type=TCP")
        assert desk.written() == []

    run(scene)


def test_a_command_that_a_predecessor_answered_is_left_alone() -> None:
    desk = Desk(recovered=fold_log([(0, command("command-0", ["add monitor tcp type=TCP"]))]))

    async def scene() -> None:
        await desk.do(0, "add monitor tcp type=TCP")
        assert desk.written() == []
        await desk.do(1, "rm monitor tcp")
        assert desk.written() == [(ENTITIES, "MONITOR/0-0"), (ENTITIES, "revision"), (RESULTS, "command-1")]
        assert desk.recoveries == [0]

    run(scene)


def test_an_assignment_makes_it_read_back_what_others_did_meanwhile() -> None:
    desk = Desk()

    async def scene() -> None:
        await desk.do(0, "add monitor tcp type=TCP")
        desk.agent.assigned(False)
        desk.agent.assigned(True)
        await desk.do(7, "add monitor web type=HTTP")
        assert desk.recoveries == [0, 7]

    run(scene)


def test_without_the_lease_nothing_is_written_between_two_records_either() -> None:
    desk = Desk(RecordingSender(room=1))

    async def scene() -> None:
        task = asyncio.create_task(desk.do(0, "add monitor tcp type=TCP", "add monitor web type=HTTP"))
        await until(lambda: desk.sender.sent)
        desk.lease.on = False
        desk.sender.room = None
        for _ in range(20):
            await asyncio.sleep(0)
        assert len(desk.sender.sent) == 1
        desk.lease.on = True
        await until(lambda: len(desk.sender.sent) == 2)
        task.cancel()

    run(scene)


def test_a_command_is_given_up_when_the_commands_go_to_another_node() -> None:
    for full in (True, False):
        desk = Desk(RecordingSender(room=0 if full else None))

        async def scene(desk: Desk = desk, full: bool = full) -> None:
            task = asyncio.create_task(desk.do(0, "add monitor tcp type=TCP"))
            await until(lambda: desk.recoveries and (full or desk.sender.sent))
            desk.agent.assigned(False)
            for record in desk.sender.take():
                record.settle("_PURGE_INFLIGHT")
            await asyncio.wait_for(task, 10)
            assert desk.sender.sent == []

        run(scene)


def test_who_lost_and_regained_the_commands_reads_back_before_it_goes_on_with_one_in_hand() -> None:
    desk = Desk(RecordingSender())

    async def scene() -> None:
        task = asyncio.create_task(desk.do(0, "add monitor tcp type=TCP"))
        await until(lambda: desk.sender.sent)
        desk.agent.assigned(False)
        desk.agent.assigned(True)
        desk.sender.take()[0].settle()
        await until(lambda: desk.recoveries == [0, 0])
        await until(lambda: desk.sender.sent)
        task.cancel()

    run(scene)


def test_a_command_that_takes_long_is_in_hand_and_one_that_waits_for_the_group_is_not() -> None:
    """The stall watchdog must tell them apart: starting the app anew would begin a large command again, for ever."""
    desk = Desk(RecordingSender())

    async def scene() -> None:
        task = asyncio.create_task(desk.do(0, "add monitor tcp type=TCP"))
        await until(lambda: desk.sender.sent)
        assert desk.agent.in_hand
        desk.agent.revoked()
        desk.sender.take()[0].settle("_PURGE_INFLIGHT")
        await until(lambda: not desk.agent.in_hand)
        assert not task.done()
        task.cancel()

    run(scene)


def test_F9_a_command_that_comes_while_the_group_rebalances_waits_to_learn_whose_it_is() -> None:
    for ours in (True, False):
        desk = Desk()
        desk.agent.revoked()

        async def scene(desk: Desk = desk, ours: bool = ours) -> None:
            task = asyncio.create_task(desk.do(0, "add monitor tcp type=TCP"))
            for _ in range(20):
                await asyncio.sleep(0)
            assert not task.done(), "done with it would be: handled"
            assert desk.recoveries == []
            desk.agent.assigned(ours)
            await asyncio.wait_for(task, 10)
            assert len(desk.written()) == (3 if ours else 0)

        run(scene)


def test_a_recovery_that_kafka_does_not_answer_is_tried_again() -> None:
    desk = Desk(faults=2)

    async def scene() -> None:
        await desk.do(3, "add monitor tcp type=TCP")
        assert desk.recoveries == [3, 3, 3]
        assert len(desk.written()) == 3
        assert desk.bad.sent == []

    run(scene)


def test_who_does_not_serve_takes_nothing() -> None:
    desk = Desk()
    desk.agent.assigned(False)

    async def scene() -> None:
        await desk.do(0, "add monitor tcp type=TCP")
        assert desk.written() == []
        assert desk.recoveries == []

    run(scene)


def test_a_large_command_is_folded_beside_the_loop_with_the_same_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [f"add service s{number} address=10.0.0.1 port=80" for number in range(5)]
    written = []
    for limit in (1, 100):
        monkeypatch.setattr(config_agent, "IN_THREAD_OPERATIONS", limit)
        desk = Desk()

        async def scene(desk: Desk = desk) -> None:
            await desk.do(0, *lines)
            written.append([(record.topic, record.key, record.value) for record in desk.sender.take()])

        run(scene)
    assert written[0] == written[1]
    assert len(written[0]) == 7


class Stream:
    """What the body asks of Faust's stream."""

    def __init__(self, *values: bytes) -> None:
        self.values = values

    async def events(self) -> AsyncIterator[Any]:
        for offset, value in enumerate(self.values):
            message = SimpleNamespace(topic=COMMANDS, partition=0, offset=offset, key=b"k", value=value)
            yield SimpleNamespace(message=message)


def test_F4_a_command_that_cannot_be_read_or_breaks_the_fold_stops_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    desk = Desk()
    good = [encode(command(f"c{n}", [f"add monitor m{n} type=TCP"])) for n in range(3)]
    decide = ConfigAgent._decide

    def breaks_once(agent: ConfigAgent, fold: ConfigFold, taken: Any, offset: int) -> Any:
        steps = decide(agent, fold, taken, offset)
        if offset == 1:
            raise ZeroDivisionError("a fault of ours")
        return steps

    monkeypatch.setattr(ConfigAgent, "_decide", breaks_once)

    async def scene() -> None:
        await desk.agent.body(Stream(good[0], good[1], b"garbage", good[2]))
        told = [decode(QuarantinedRecord, record.value) for record in desk.bad.sent]
        assert [record.offset for record in told] == [1, 2]
        assert "ZeroDivisionError" in told[0].error
        assert [key for topic, key in desk.written() if topic == RESULTS] == ["c0", "c2"]
        assert desk.recoveries == [0, 3], "what it held after the fault was never written: read back"

    run(scene)


def test_what_stands_before_a_command_was_handled_whether_its_answer_is_kept_or_not() -> None:
    answers = [ConfigResult(f"c{n}", n, True, (), ()) for n in (3, 9, 4)]
    assert last_handled(answers, 5) == 9
    assert last_handled(answers, 20) == 19, "answers are kept for a week only"
    assert last_handled([], 0) == -1
