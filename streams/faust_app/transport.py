"""Faust's Kafka transport with a fetch wait that suits a monitor, and without the records that rebalances lose.

Rule: only what must differ is overridden. The driver asks the broker to hold a fetch up to 1,500 ms; every record that
arrives on a partition of another broker connection waits behind it, which was the p99 of 1,268 ms in a trial. Nothing
sleeps through the end of a rebalance, and the lease hears what the coordinator answers. A fetch that a rebalance has
cut off gives back what it took. Commits stay behind the work. And topics are created by `watchbill init` alone, so that
a typing error never becomes a topic.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

from faust.transport.drivers import aiokafka as driver
from mode.threads import MethodQueue

from streams.faust_app.commit_trail import CommitTrail, commit_behind_s
from streams.faust_app.group_watch import watch

IDLE_WAIT_MS = 250
"""How long the broker holds a fetch while there is nothing. Shorter waits cost more than they save: at 25 ms the idle
fetches of three nodes took a third of a processor, which a takeover then lacked, at 100 ms a tenth. Longer ones would
hold up a rebalance, whose new partitions the next fetch names.
"""
HURRIED_WAIT_MS = 20
"""The same in a rebalance and for a moment after: a fetch holds up the next one, which alone asks for partitions that
the rebalance has brought. Each such fetch names every partition, in Python: no longer than needed.
"""
HURRY_S = 5.0
CALM_AFTER_S = 0.3
"""So long after the flow goes on the fetches with the new partitions are on their way."""
PREFETCH_WAIT_S = 0.01
"""How long records that nobody has taken yet hold up the next fetch from the same broker. The library's 0.1 s passed in
every takeover: it fetches from the retained partitions while Faust still has all of them paused.
"""
POLL_S = 0.25
NOTHING_TO_READ_S = 0.01
WORKERS = 4


class ConsumerThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The driver's consumer thread; its consumer waits at most IDLE_WAIT_MS for a fetch to fill.

    Two fetches can be under way at once after a rebalance, each for up to POLL_S, and with the driver's two workers the
    seek that the new generation waits for stood behind them: a second of every other takeover.
    """

    _method_queue: Any = None
    _turns = 0
    """Of the fetch wait: only the last timer that was set counts."""

    @property
    def method_queue(self) -> Any:
        """What the other threads ask of this one."""
        if self._method_queue is None:
            self._method_queue = MethodQueue(num_workers=WORKERS, loop=self.thread_loop, beacon=self.beacon)
        return self._method_queue

    async def on_start(self) -> None:
        """The consumer's fetcher and its coordinator exist once it has started."""
        await super().on_start()
        consumer = self._ensure_consumer()
        consumer._fetcher._prefetch_backoff = PREFETCH_WAIT_S
        watch(consumer._coordinator, self.consumer.app.group_listener)

    def hurry(self) -> None:
        """A rebalance begins. Called on another thread."""
        if self._consumer is not None:
            self._consumer._fetcher._fetch_max_wait_ms = HURRIED_WAIT_MS
        self._calm_down_in(HURRY_S)

    def calm_down(self) -> None:
        """The rebalance is over. Called on another thread."""
        self._calm_down_in(CALM_AFTER_S)

    def _calm_down_in(self, seconds: float) -> None:
        """By a timer of this thread's own: while Faust works off what a rebalance has brought it asks for no records,
        and a fetch after the other would name every partition meanwhile.
        """
        self._turns += 1
        loop = self.thread_loop
        with suppress(RuntimeError):  # the loop is closed: nothing is fetched any more
            loop.call_soon_threadsafe(loop.call_later, seconds, self._calm_down, self._turns)

    def _calm_down(self, turn: int) -> None:
        if turn == self._turns and self._consumer is not None:
            self._consumer._fetcher._fetch_max_wait_ms = IDLE_WAIT_MS

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = HURRIED_WAIT_MS
        self._calm_down_in(HURRY_S)
        return consumer

    async def seek_to_committed(self) -> Mapping[Any, int]:
        """Go to the committed offsets; answers with them. The library asks for one partition after the other, an answer
        each: with 32 of them a tenth of a second of a takeover. Asked for together they come in one answer.
        """
        return await self.call_thread(self._seek_to_committed_at_once)  # type: ignore[no-any-return]

    async def _seek_to_committed_at_once(self) -> dict[Any, int]:
        consumer = self._ensure_consumer()
        places = sorted(consumer.assignment())
        offsets = await asyncio.gather(*[consumer.committed(place) for place in places])
        committed = dict(zip(places, offsets, strict=True))
        for place, offset in committed.items():
            if offset and place in consumer.assignment():
                consumer.seek(place, offset)
        return committed

    async def _fetch_records(
        self,
        consumer: Any,
        active_partitions: Any,
        timeout: float | None = None,  # noqa: ASYNC109 - the driver's signature
        max_records: int | None = None,
    ) -> Any:
        """Records, unless the flow was stopped while they were waited for: then nobody takes them, and they are read
        again.

        The driver's caller stops waiting when a rebalance begins, but the fetch goes on here, through the rebalance;
        what it takes behind the new generation's seek would be skipped for good, as no one asks where it went.
        """
        epoch = self.consumer.flow_epoch
        wait_s = POLL_S if timeout is None else min(timeout, POLL_S)
        records = await super()._fetch_records(consumer, active_partitions, timeout=wait_s, max_records=max_records)
        if not records or epoch == self.consumer.flow_epoch:
            return records
        for partition, batch in records.items():
            _give_back(consumer, partition, batch[0].offset)
        return {}


class Consumer(driver.Consumer):  # type: ignore[misc]
    """The driver's consumer on our thread; it counts how often the flow was stopped, and creates no topics.

    What is worked off and what is committed are two things here, and one to the library: it tells of an offset once,
    and takes up the next only from the last one committed. So `_committed_offset` is kept at what was worked off, and
    what the group was told is noted apart; else the last record of a quiet partition would never be committed.
    """

    flow_epoch = 0
    _trail: CommitTrail | None = None

    @property
    def trail(self) -> CommitTrail:
        """Of this consumer: how far it was when."""
        if self._trail is None:
            self._trail = CommitTrail(commit_behind_s(self.app.conf.broker_session_timeout))
            self._worked: dict[Any, int] = {}
            self._told: dict[Any, int] = {}
        return self._trail

    def _filter_committable_offsets(self, tps: Iterable[Any]) -> dict[Any, int]:
        """What was worked off a while ago, instead of what is now: see `commit_trail`."""
        now_s, trail = time.monotonic(), self.trail
        for tp in list(tps):
            offset = self._new_offset(tp)
            if offset is not None:
                self._worked[tp] = self._committed_offset[tp] = offset
        if not self.app.group_listener.holds():
            trail.forget()  # what was folded may wait for the lease
        committable = {}
        for tp, offset in self._worked.items():
            settled = trail.note(tp, offset, now_s)
            if settled is not None and settled > self._told.get(tp, -1):
                committable[tp] = settled
        return committable

    async def _commit_offsets(self, offsets: Mapping[Any, int], start_new_transaction: bool = True) -> bool:
        """Commit; the library then takes these for all that was worked off."""
        done: bool = await super()._commit_offsets(offsets, start_new_transaction)
        for tp, offset in offsets.items():
            if tp in self._worked:
                self._committed_offset[tp] = self._worked[tp]
                if done:
                    self._told[tp] = offset
        return done

    def _new_consumer_thread(self) -> Any:
        return ConsumerThread(self, loop=self.loop, beacon=self.beacon)

    def stop_flow(self) -> None:
        """A rebalance begins: what is being fetched belongs to the generation before."""
        self.flow_epoch += 1
        self._thread.hurry()
        self.trail.forget()
        self._worked.clear()
        self._told.clear()
        super().stop_flow()

    def resume_flow(self) -> None:
        """The rebalance is over: what it brought is read from now on."""
        super().resume_flow()
        self._thread.calm_down()

    async def _wait_next_records(self, timeout: float) -> Any:  # noqa: ASYNC109 - the driver's signature
        """Records, or soon none while no partition is to be read yet: there the driver sleeps for a second, and so did
        one takeover in ten, that came upon the moment between a rebalance's end and the seek.
        """
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
        active = self._get_active_partitions()
        if not active:
            await asyncio.sleep(NOTHING_TO_READ_S)
            return {}, active
        return await super()._wait_next_records(timeout)

    async def create_topic(self, topic: str, *arguments: Any, **settings: Any) -> None:
        """Nothing: `watchbill init` creates topics."""


class Transport(driver.Transport):  # type: ignore[misc]
    """What the entry point `watchbill` of `faust.transports` names."""

    Consumer = Consumer


def _give_back(consumer: Any, partition: Any, offset: int) -> None:
    """Read the partition from `offset` again, unless it is not ours any more, or stands at or before it anyway."""
    if partition not in consumer.assignment():
        return
    state = consumer._subscription.subscription.assignment.state_value(partition)
    if state.has_valid_position and state.position > offset:
        consumer.seek(partition, offset)
