"""The group coordinator, and an app in Faust's place that brings a node its records.

Rule: what the product leans on is kept: sessions that end when nothing is heard for so long, generations, a leader that
places with our own assignor's functions, a rebalance that waits for every member or its time-out, committed offsets
from which the next owner reads again, batches in hand that wait through a rebalance. A member hears of a rebalance with
its next heartbeat, and rejoins when its loop has let it.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

from connectors.kafka.places import Place
from schemas.identifiers import PARTITIONS
from streams.faust_app.assignor import _one_per_node, _partitions_by_member
from streams.faust_app.identity import NodeIdentity
from tests.simulation.broker import Broker, Record, nobody
from tests.simulation.world import Machine, World

HEARTBEAT_S = 0.05
COMMIT_S = 1.0
RETRY_S = 0.1


@dataclass(slots=True)
class Member:
    """One member as the coordinator knows it."""

    app: SimApp
    joined: bool
    lost_s: float | None = None
    """Since when nothing is heard of it."""


class Coordinator:
    """The broker's side of the group."""

    def __init__(self, world: World, broker: Broker, session_s: float) -> None:
        self.world, self.broker, self.session_s = world, broker, session_s
        self.rebalance_s = max(session_s, 3.0)
        self.members: dict[str, Member] = {}
        self.generation = 0
        self.state = "stable"
        self.on_joined: Callable[[SimApp], None] = nobody
        self._round = self._numbers = 0

    def join(self, app: SimApp) -> None:
        """A JoinGroup request arrived: of a new member, or of one that rejoins."""
        member = self.members.get(app.member_id)
        if member is None:
            self._numbers += 1
            app.member_id = f"{app.identity.node_id}-{self._numbers}"
            member = self.members[app.member_id] = Member(app, True)
            self.on_joined(app)
        if self.state != "preparing":
            self._prepare(member)
        member.joined = True
        self.world.at(0.02, self._complete_if_all, self._round)

    def leave(self, app: SimApp) -> None:
        """A LeaveGroup request arrived."""
        if self.members.pop(app.member_id, None) is not None:
            self._prepare()
            self.world.at(0.001, self._complete_if_all, self._round)

    def silent(self, machine: Machine) -> None:
        """Nothing more is heard of a machine."""
        for member_id, member in self.members.items():
            if member.app.machine is machine and member.lost_s is None:
                member.lost_s = self.world.now_s
                self.world.at(self.session_s, self._expire, member_id, member, member.lost_s)

    def heard(self, machine: Machine) -> None:
        """It is heard again: it learns where it stands with its next heartbeat."""
        for member in self.members.values():
            if member.app.machine is machine:
                member.lost_s = None
                if self.state == "preparing" and not member.joined:
                    member.app.told_to_rejoin()
                return
        for app in machine.apps:
            app.told_to_rejoin()

    def _expire(self, member_id: str, member: Member, lost_s: float) -> None:
        if self.members.get(member_id) is not member or member.lost_s != lost_s:
            return
        if self.broker.away:
            member.lost_s = self.world.now_s
            self.world.at(self.session_s, self._expire, member_id, member, member.lost_s)
            return
        self.world.counted["session expired"] += 1
        self.world.trace("group", f"{member_id} expired")
        del self.members[member_id]
        self._prepare()
        self.world.at(0.001, self._complete_if_all, self._round)

    def _prepare(self, joiner: Member | None = None) -> None:
        if self.state == "preparing":
            return
        self.state, self._round = "preparing", self._round + 1
        self.world.trace("group", f"rebalance {self._round} of {sorted(self.members)}")
        for member in self.members.values():
            member.joined = member is joiner
            if not member.joined:
                member.app.told_to_rejoin()
        self.world.at(self.rebalance_s, self._time_is_up, self._round)

    def _time_is_up(self, number: int) -> None:
        if number == self._round and self.state == "preparing":
            late = [member_id for member_id, member in self.members.items() if not member.joined]
            for member_id in late:
                self.world.counted["rebalance did not wait"] += 1
                del self.members[member_id]
            self._complete_if_all(number)

    def _complete_if_all(self, number: int) -> None:
        if number != self._round or self.state != "preparing" or not all(m.joined for m in self.members.values()):
            return
        if self.broker.away:
            self.world.at(RETRY_S, self._complete_if_all, number)
            return
        self.state = "syncing"
        self.generation += 1
        if self.members:
            leader = next(iter(self.members.values()))
            self.world.at(
                self.broker.delay_s(leader.app.machine), self._lead, leader, self.generation, machine=leader.app.machine
            )

    def _lead(self, leader: Member, generation: int) -> None:
        """On the leader's coordinator thread: the answer to its JoinGroup holds the members."""
        if generation != self.generation or self.state != "syncing":
            return
        if not self.broker.reaches(leader.app.machine):
            self.world.at(RETRY_S, self._lead, leader, generation, machine=leader.app.machine)
            return
        members = {member_id: member.app.identity.member for member_id, member in self.members.items()}
        serving = _one_per_node(members)
        given = _partitions_by_member(serving, PARTITIONS)
        commands = _partitions_by_member(serving, 1)
        leader.app.on_led(tuple(sorted(members[member_id] for member_id in serving.values())))
        self.world.at(self.broker.delay_s(leader.app.machine), self._sync, generation, given, commands)

    def _sync(self, generation: int, given: dict[str, list[int]], commands: dict[str, list[int]]) -> None:
        if generation != self.generation or self.state != "syncing":
            return
        self.state = "stable"
        self.world.trace("group", f"generation {generation}: {sorted(self.members)}")
        for member_id, member in self.members.items():
            app = member.app
            partitions = given.get(member_id, []), commands.get(member_id, [])
            self.world.at(self.broker.delay_s(app.machine), app.answered, generation, *partitions, machine=app.machine)

    def commit(self, app: SimApp, offsets: dict[Place, int]) -> bool:
        """Offsets of a member of this generation; of any other they are refused."""
        if app.member_id not in self.members or app.generation != self.generation:
            return False
        if self.broker.reaches(app.machine):
            self.broker.committed.update(offsets)
        return True


class SimApp:
    """A Faust app as `GroupMembership` and the agents use it."""

    coordinator: Coordinator

    def __init__(self, identity: NodeIdentity, on_led: Callable[..., None], results: str, commands: str) -> None:
        self.machine = Machine.current
        self.identity, self.on_led = identity, on_led
        self.results, self.commands = results, commands
        self.member_id, self.generation = "", -1
        self.on_partitions_assigned, self.on_partitions_revoked = Signal(), Signal()
        self.streams: dict[str, Stream] = {}
        self.stopped = asyncio.Event()
        self.places: frozenset[Place] = frozenset()
        self._tasks: list[asyncio.Task[None]] = []
        self._rejoining = self._stopping = False
        self._done: dict[Place, int] = {}
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
        if self.broker.reaches(self.machine):
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

    def _hear(self) -> None:
        if not self.broker.reaches(self.machine):
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
        if self.broker.reaches(self.machine):
            self.world.at(self.broker.delay_s(self.machine), self._join_arrives)
        else:
            self.world.at(RETRY_S, self._join, machine=self.machine)

    def _join_arrives(self) -> None:
        if self.machine.alive and not self._stopping:
            self.coordinator.join(self)
            if self.machine.frozen or not self.broker.reaches(self.machine):
                self.coordinator.silent(self.machine)

    def answered(self, generation: int, results: Iterable[int], commands: Iterable[int]) -> None:
        """SyncGroup's answer."""
        if self._rejoining or self._stopping:
            return
        if not self.broker.reaches(self.machine):
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
        done, self._done = self._done, {}
        if done and not self.coordinator.commit(self, done):
            self.world.counted["commit refused"] += 1


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
