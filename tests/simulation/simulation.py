"""One schedule played out: machines started and made to fail, configuration sent, checkers told.

Rule: this file only does what the schedule says and counts whether it took effect; what must hold is asked in `checks`.
"""

from __future__ import annotations

from asyncio import events
from collections.abc import Callable, Mapping

from schemas.config import ConfigCommand, Kind, Operation, Verb
from schemas.identifiers import NodeId
from schemas.topics import (
    CONFIG_COMMANDS,
    Topic,
    topic_name,
)
from streams.node.settings import NodeSettings
from tests.simulation.app import SimApp
from tests.simulation.broker import Broker
from tests.simulation.clients import SimEnds, SimProducer, SimReader
from tests.simulation.codec import Memory
from tests.simulation.engines import SimEngines, Targets
from tests.simulation.group import Coordinator
from tests.simulation.node import SimNode
from tests.simulation.schedule import DEAF, DOUBTED, GROUPS, ORDERLY, WOKEN, Schedule, Step
from tests.simulation.world import Machine, World

Fault = Callable[["Simulation", Step], None]
CLUSTER = "watchbill"
SESSION_S = 1.5
MONITOR = {"type": "TCP", "interval_ms": 500, "response_timeout_ms": 200, "retries": 2, "down_time_ms": 900}


def named(topic: Topic) -> str:
    return topic_name(CLUSTER, topic)


class Simulation:
    """A world with its broker, group, targets and nodes."""

    def __init__(self, world: World, schedule: Schedule, memory: Memory, faults: Mapping[str, Fault]) -> None:
        self.world, self.schedule, self.memory = world, schedule, memory
        self.faults = faults
        self.broker = Broker(world)
        self.coordinator = Coordinator(world, self.broker, SESSION_S)
        self.targets = Targets(world)
        for service, at_s in schedule.turns:
            self.targets.turns[1000 + service].append(at_s)
        self.groups = dict(zip(schedule.nodes, schedule.groups, strict=True))
        self.nodes: dict[str, SimNode] = {}
        """The last run of each node."""
        self.runs: list[SimNode] = []
        """Every run of every node."""
        self.on_started: Callable[[SimNode], None] = lambda _: None
        self.deaf: list[tuple[str, float, float]] = []
        """(node, from, until): it had no word from the coordinator."""
        self.harmed_s = 0.0
        """The end of the last fault so far that is no orderly change."""
        self.commands: list[tuple[int, int, ConfigCommand]] = []
        """(offset, milliseconds, command): everything that was ever configured."""
        self.services: dict[str, int] = {}
        """Configured services, by name, and their ports; the names that commands go by."""
        SimProducer.broker = SimReader.broker = SimEnds.broker = self.broker
        SimApp.coordinator, SimEngines.targets = self.coordinator, self.targets
        SimApp.asks = schedule.kind == DEAF
        SimEngines.late_s = 0.05 if schedule.kind == WOKEN else 0.0

    def begin(self) -> None:
        """The configuration, the nodes one after the other, and every step in its time."""
        self.send(*self._first_operations())
        for node in self.schedule.nodes:
            self.world.at(self.world.between(0, 0.6), self.start, node)
        for step in self.schedule.steps:
            self.world.at(step.at_s, self._do, step)

    def _first_operations(self) -> list[Operation]:
        operations = [Operation(Verb.ADD, Kind.MONITOR, "m", MONITOR)]
        operations += [Operation(Verb.ADD, Kind.NODE_GROUP, group, {}) for group in GROUPS]
        for number in range(self.schedule.services):
            operations += self.added(number)
        return operations

    def address_of(self, number: int) -> str:
        """All at one, which makes nobody doubt itself, or at several where that is what is tried."""
        return f"10.0.0.{1 + number % 3 * (self.schedule.kind == DOUBTED)}"

    def added(self, number: int) -> list[Operation]:
        """What adds a service."""
        name, port = f"s{number}", 1000 + number
        self.services[name] = port
        return [
            Operation(Verb.ADD, Kind.SERVICE, name, {"address": self.address_of(number), "port": port}),
            Operation(Verb.BIND, Kind.SERVICE, name, {}, Kind.MONITOR, "m"),
        ]

    def send(self, *operations: Operation) -> None:
        """A command, straight into the log: who sends it is not part of the trial."""
        command = ConfigCommand(f"c{len(self.commands)}", 0, "simulation", tuple(operations))
        record = self.broker.append(named(CONFIG_COMMANDS), 0, None, self.memory.encode(command))
        self.commands.append((record.offset_, int(self.world.now_s * 1000), command))

    def start(self, name: str, replay_s: float = 0.0) -> None:
        """A run of a node begins."""
        machine = Machine(self.world, name)
        machine.replay_s = replay_s
        machine.on_end.append(lambda: self.coordinator.silent(machine))
        self.world.trace(name, "starts")
        machine.enter(self._boot, machine)

    def _boot(self, machine: Machine) -> None:
        settings = NodeSettings(
            NodeId(machine.name),
            "simulated:1",
            CLUSTER,
            session_timeout_s=SESSION_S,
            node_groups=self.groups.get(machine.name, ()),
        )
        node = SimNode(settings)
        self.nodes[machine.name] = node
        self.runs.append(node)
        self.on_started(node)
        machine.loop.create_task(node.run(), name="node")

    def node(self, name: str) -> SimNode | None:
        """The run of a node that lives now."""
        node = self.nodes.get(name)
        return node if node is not None and node.machine.alive else None

    def living(self) -> list[SimNode]:
        return [node for node in self.nodes.values() if node.machine.alive]

    def close(self) -> None:
        """The end of the world: coroutines are closed where they wait, and do nothing more."""
        for node in self.runs:
            events._set_running_loop(node.machine.loop)
            node.machine.alive = False
            node.group._leaving = True
            node.folding._awaited = None
            for task in node.machine.loop.tasks:
                if not task.done():
                    task.get_coro().close()  # type: ignore[union-attr]
        events._set_running_loop(None)
        self.runs.clear()
        self.nodes.clear()

    def _do(self, step: Step) -> None:
        self.world.trace("fault", f"{step.fault} {step.node} for {step.for_s:.2f} s")
        if step.fault not in ORDERLY:
            self.harmed_s = max(self.harmed_s, self.world.now_s + step.for_s)
        self.faults[step.fault](self, step)

    def note(self, fault: str, effect: bool = True) -> None:
        """A fault was injected, and whether it took effect."""
        self.world.counted[f"fault {fault}"] += 1
        if effect:
            self.world.counted[f"took effect: {fault}"] += 1
