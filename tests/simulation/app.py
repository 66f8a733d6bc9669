"""An app in Faust's place: it brings a node its records, and is its membership of the group.

Rule: what the product leans on is kept. At a rebalance queues are emptied and what is in hand stays in hand; reading
goes on from the committed offsets; offsets are committed once a second, as far behind the work as the product's are. A
member hears of a rebalance with its next heartbeat, and rejoins when its loop has let it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from connectors.kafka.places import Place
from streams.faust_app.commit_trail import CommitTrail, commit_behind_s
from streams.faust_app.identity import NodeIdentity
from tests.simulation.broker import Record
from tests.simulation.world import Machine

if TYPE_CHECKING:
    from streams.faust_app.group_watch import GroupListener
    from tests.simulation.group import Coordinator

HEARTBEAT_S = 0.05
BEAT_S = 0.1
COMMIT_S = 1.0
RETRY_S = 0.1


class SimApp:
    """A Faust app as `GroupMembership` and the agents use it."""

    coordinator: Coordinator
    asks: bool = False
    """Whether heartbeats go to the coordinator, for the lease to hear of: most schedules cut both wires or none."""

    def __init__(
        self, identity: NodeIdentity, on_led: Callable[..., None], listener: GroupListener, results: str, commands: str
    ) -> None:
        self.machine = Machine.current
        self.identity, self.on_led, self.listener = identity, on_led, listener
        self.results, self.commands = results, commands
        self.member_id, self.generation = "", -1
        self.on_partitions_assigned, self.on_partitions_revoked = Signal(), Signal()
        self.streams: dict[str, Stream] = {}
        self.stopped = asyncio.Event()
        self.places: frozenset[Place] = frozenset()
        self._tasks: list[asyncio.Task[None]] = []
        self._rejoining = self._stopping = False
        self._done: dict[Place, int] = {}
        self._trail = CommitTrail(commit_behind_s(self.coordinator.session_s))
        self._committing = False
        self.world, self.broker = self.machine.world, self.coordinator.broker

    @property
    def consumer_generation_id(self) -> int:
        return self.generation

    def agent(self, topic: str, name: str, concurrency: int) -> Callable[[Any], Any]:
        def register(body: Any) -> Any:
            stream = self.streams[topic] = Stream(self)
            self._tasks.append(self.machine.loop.create_task(body(stream), name=name))
            return body

        return register

    def finalize(self) -> None:
        """Nothing to do: what Faust finalizes is not here."""

    async def start(self) -> None:
        self.machine.apps.append(self)
        self._join()
        self._beat()

    async def wait_until_stopped(self) -> None:
        await self.stopped.wait()

    async def stop(self) -> None:
        if self._stopping:
            return
        self._stopping = True
        self._commit()
        self._stop_reading()
        if self in self.machine.apps:
            self.machine.apps.remove(self)
        if self.coordinator.reaches(self.machine):
            self.listener.group_left()
            self.world.at(self.broker.delay_s(self.machine), self.coordinator.leave, self)
        for task in self._tasks:
            task.cancel()
        await asyncio.sleep(0.005)
        self.stopped.set()

    def told_to_rejoin(self) -> None:
        """The group rebalances, or has forgotten this member: known with the next heartbeat."""
        if self._rejoining or self._stopping:
            return
        self._rejoining = True
        self.world.at(self.world.between(0, HEARTBEAT_S), self._hear, machine=self.machine)

    def _beat(self) -> None:
        """A heartbeat to the coordinator, and its answer."""
        if self._stopping or not self.asks:
            return
        if self.coordinator.reaches(self.machine) and self.generation >= 0:
            if self.member_id in self.coordinator.members:
                self.listener.group_answered(self.listener.now_s())
            else:
                self.listener.group_gone()
        self.world.at(BEAT_S, self._beat, machine=self.machine)

    def _hear(self) -> None:
        if not self.coordinator.reaches(self.machine):
            self.world.at(RETRY_S, self._hear, machine=self.machine)
            return
        self.machine.loop.create_task(self._rejoin(), name="rejoin")

    async def _rejoin(self) -> None:
        if self._stopping:
            return
        revoked = self.places
        self._stop_reading()
        await self.on_partitions_revoked.send(self, revoked)
        self._rejoining = False
        self._join()

    def _join(self) -> None:
        """Send JoinGroup until it is heard."""
        if self._stopping or not self.machine.alive:
            return
        self.on_led(None)
        self.listener.group_joining()
        if self.coordinator.reaches(self.machine):
            self.world.at(self.broker.delay_s(self.machine), self._join_arrives)
        else:
            self.world.at(RETRY_S, self._join, machine=self.machine)

    def _join_arrives(self) -> None:
        if self.machine.alive and not self._stopping:
            self.coordinator.join(self)
            if self.machine.frozen or not self.coordinator.reaches(self.machine):
                self.coordinator.silent(self.machine)

    def answered(self, generation: int, results: Iterable[int], commands: Iterable[int]) -> None:
        """SyncGroup's answer."""
        if self._rejoining or self._stopping:
            return
        if not self.coordinator.reaches(self.machine):
            self.told_to_rejoin()
            return
        if generation != self.coordinator.generation or self.member_id not in self.coordinator.members:
            self.told_to_rejoin()
            return
        self.machine.loop.create_task(self._assigned(generation, tuple(results), tuple(commands)), name="assigned")

    async def _assigned(self, generation: int, results: tuple[int, ...], commands: tuple[int, ...]) -> None:
        if self._rejoining or self._stopping:
            return
        self.generation = generation
        if self.asks:
            self.listener.group_answered(self.listener.now_s())
        assigned = frozenset(
            [
                *(Place(self.results, number) for number in results),
                *(Place(self.commands, number) for number in commands),
            ]
        )
        await self.on_partitions_assigned.send(self, assigned)
        self.places = assigned
        self._done = {}
        for topic, stream in self.streams.items():
            mine = [place for place in assigned if place.topic == topic]
            stream.read_from({place: self.broker.committed.get(place, 0) for place in mine})

    def _stop_reading(self) -> None:
        self._trail.forget()
        for stream in self.streams.values():
            stream.clear()

    def acknowledged(self, record: Record) -> None:
        """A record was worked off."""
        place = Place(record.topic_, record.partition_)
        if place in self.places:
            self._done[place] = max(self._done.get(place, 0), record.offset_ + 1)
            if not self._committing:
                self._committing = True
                self.world.at(COMMIT_S, self._commit, machine=self.machine)

    def _commit(self) -> None:
        self._committing = False
        if not self.listener.holds():
            self._trail.forget()
        settled: dict[Place, int] = {}
        for place, offset in list(self._done.items()):
            until = self._trail.note(place, offset, self.world.now_s)
            if until is not None:
                settled[place] = until
            if until == offset:
                del self._done[place]
        if settled and not self.coordinator.commit(self, settled):
            self.world.counted["commit refused"] += 1
        if self._done and not self._stopping:
            self._committing = True
            self.world.at(COMMIT_S, self._commit, machine=self.machine)


class Signal:
    """Faust's signals: whoever connected is called and awaited."""

    def __init__(self) -> None:
        self._calls: list[Callable[..., Any]] = []

    def connect(self, call: Callable[..., Any], weak: bool) -> None:
        self._calls.append(call)

    async def send(self, app: SimApp, places: Collection[Place]) -> None:
        for call in self._calls:
            await call(app, places)


class Stream:
    """What an agent's body reads."""

    def __init__(self, app: SimApp) -> None:
        self._app = app
        self._fetched: deque[Record] = deque()
        self._positions: dict[Place, int] = {}
        self._came = asyncio.Event()
        self._fetching = self._listening = False
        self._topic = ""

    def read_from(self, positions: dict[Place, int]) -> None:
        """Read these places from these offsets; none: read nothing."""
        self._positions = positions
        if positions and not self._listening:
            self._topic = next(iter(positions)).topic
            self._listening = True
            self._app.broker.readers[self._topic].append(self._written)
            self._app.machine.on_end.append(lambda: self._app.broker.readers[self._topic].remove(self._written))
        self._ask()

    def clear(self) -> None:
        """A rebalance begins: what is queued goes, what is in hand stays in hand."""
        self._positions = {}
        self._fetched.clear()

    def _written(self, record: Record) -> None:
        if not self._fetching and Place(record.topic_, record.partition_) in self._positions:
            self._ask()

    def _ask(self) -> None:
        if self._positions and not self._fetching:
            self._fetching = True
            app = self._app
            app.world.at(app.broker.delay_s(app.machine, 0.001, 0.01), self._fetch, machine=app.machine)

    def _fetch(self) -> None:
        self._fetching = False
        app = self._app
        if not self._positions:
            return
        if not app.broker.reaches(app.machine) or app.broker.lost(app.machine):
            self._fetching = True
            app.world.at(RETRY_S, self._fetch, machine=app.machine)
            return
        came = False
        for place, position in self._positions.items():
            if app.broker.ends.get(place, 0) > position:
                records = app.broker.read(place, position)
                self._fetched += records
                self._positions[place] = records[-1].offset_ + 1 if records else app.broker.ends[place]
                came = True
        if came:
            app.machine.loop.call_soon(self._came.set)

    async def events(self) -> AsyncIterator[Any]:
        while True:
            while not self._fetched:
                self._came.clear()
                await self._came.wait()
            record = self._fetched.popleft()
            yield SimpleNamespace(
                message=SimpleNamespace(
                    topic=record.topic_,
                    partition=record.partition_,
                    offset=record.offset_,
                    key=record.key_,
                    value=record.value_,
                )
            )
            self._app.acknowledged(record)
