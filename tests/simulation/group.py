"""The broker's side of the consumer group: sessions, generations, rebalances, and the offsets committed.

Rule: what the product leans on is kept. A session ends when nothing is heard for so long; a rebalance waits for every
member or its time-out; the leader places with our own assignor's functions; a commit of another generation is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from connectors.kafka.places import Place
from schemas.identifiers import PARTITIONS
from streams.faust_app.assignor import _one_per_node, _partitions_by_member
from tests.simulation.app import SimApp
from tests.simulation.broker import Broker, nobody
from tests.simulation.world import Machine, World

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
        self.deaf: set[str] = set()
        """Machines whose wire to the coordinator alone is cut."""
        self._round = self._numbers = 0

    def reaches(self, machine: Machine) -> bool:
        """Whether a machine and the coordinator hear each other."""
        return machine.name not in self.deaf and self.broker.reaches(machine)

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
        if not self.reaches(leader.app.machine):
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
        if self.reaches(app.machine):
            self.broker.committed.update(offsets)
        return True
