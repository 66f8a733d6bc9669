"""One schedule played out: machines started and made to fail, configuration sent, checkers told.

Rule: this file only does what the schedule says and counts whether it took effect; what must hold is asked in `checks`.
"""

from __future__ import annotations

from asyncio import events
from collections.abc import Callable
from random import Random

from schemas.config import ConfigCommand, Kind, Operation, Verb
from schemas.identifiers import NodeId, partition_of
from schemas.probes import ProbeResults, ProbeRun, Reason, Verdict
from schemas.topics import (
    CONFIG_COMMANDS,
    CONFIG_ENTITIES,
    PROBE_RESULTS,
    SERVICE_STATES,
    VIEWS,
    Topic,
    topic_name,
)
from streams.audit.reigns import owner_in
from streams.node.settings import NodeSettings
from tests.simulation.broker import Broker
from tests.simulation.clients import SimEnds, SimProducer, SimReader
from tests.simulation.codec import Memory
from tests.simulation.engines import SimEngines, Targets
from tests.simulation.group import Coordinator, SimApp
from tests.simulation.node import SimNode
from tests.simulation.schedule import RETURN_S, Schedule, Step
from tests.simulation.world import Machine, World

CLUSTER = "watchbill"
SESSION_S = 1.5
MONITOR = {"type": "TCP", "interval_ms": 500, "response_timeout_ms": 200, "retries": 2, "down_time_ms": 900}


def named(topic: Topic) -> str:
    return topic_name(CLUSTER, topic)


class Simulation:
    """A world with its broker, group, targets and nodes."""

    def __init__(self, world: World, schedule: Schedule, memory: Memory) -> None:
        self.world, self.schedule, self.memory = world, schedule, memory
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
        self.harmed_s = 0.0
        """The end of the last fault so far that is no orderly change."""
        self._commands = 0
        self._names: list[str] = []
        SimProducer.broker = SimReader.broker = SimEnds.broker = self.broker
        SimApp.coordinator, SimEngines.targets = self.coordinator, self.targets

    def begin(self) -> None:
        """The configuration, the nodes one after the other, and every step in its time."""
        self.send(*self._first_operations())
        for node in self.schedule.nodes:
            self.world.at(self.world.between(0, 0.6), self.start, node)
        for step in self.schedule.steps:
            self.world.at(step.at_s, self._do, step)

    def _first_operations(self) -> list[Operation]:
        operations = [Operation(Verb.ADD, Kind.MONITOR, "m", MONITOR)]
        for number in range(self.schedule.services):
            operations += self._added(number)
        return operations

    def _added(self, number: int) -> list[Operation]:
        name = f"s{number}"
        self._names.append(name)
        return [
            Operation(Verb.ADD, Kind.SERVICE, name, {"address": "10.0.0.1", "port": 1000 + number}),
            Operation(Verb.BIND, Kind.SERVICE, name, {}, Kind.MONITOR, "m"),
        ]

    def send(self, *operations: Operation) -> None:
        """A command, straight into the log: who sends it is not part of the trial."""
        self._commands += 1
        command = ConfigCommand(f"c{self._commands}", 0, "simulation", tuple(operations))
        self.broker.append(named(CONFIG_COMMANDS), 0, None, self.memory.encode(command))

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
        FAULTS[step.fault](self, step)

    def note(self, fault: str, effect: bool = True) -> None:
        """A fault was injected, and whether it took effect."""
        self.world.counted[f"fault {fault}"] += 1
        if effect:
            self.world.counted[f"took effect: {fault}"] += 1


def _crash(simulation: Simulation, step: Step) -> None:
    node = simulation.node(step.node)
    simulation.note("crash", node is not None)
    if node is not None:
        node.machine.end()
        simulation.world.at(step.for_s, _start_again, simulation, step.node)


def _start_again(simulation: Simulation, name: str) -> None:
    if simulation.node(name) is None:
        simulation.world.counted["restarted"] += 1
        simulation.start(name)


def _leave(simulation: Simulation, step: Step) -> None:
    node = simulation.node(step.node)
    staying = [each for each in simulation.living() if not each.stopping.is_set() and each is not node]
    simulation.note("leave", node is not None and bool(staying))
    if node is not None and staying:
        node.machine.loop.call_soon_threadsafe(node.stopping.set)
        if step.number % 2:
            simulation.world.at(step.for_s + RETURN_S, _start_again, simulation, step.node)


def _join(simulation: Simulation, step: Step) -> None:
    simulation.note("join")
    simulation.start(step.node)


def _join_slowly(simulation: Simulation, step: Step) -> None:
    simulation.note("join slowly")
    simulation.start(step.node, 1.0 + step.number % 20 / 10)


def _pause(simulation: Simulation, step: Step) -> None:
    node = simulation.node(step.node)
    if node is None or node.machine.frozen:
        return
    machine, expired = node.machine, simulation.world.counted["session expired"]
    machine.freeze()
    simulation.coordinator.silent(machine)

    def wake() -> None:
        simulation.note(step.fault, simulation.world.counted["session expired"] > expired)
        if step.fault == "suspend":
            machine.slept_s += step.for_s
        if machine.alive:
            simulation.world.trace(machine.name, "goes on")
            machine.go_on()
            _heard(simulation, machine)

    simulation.world.at(step.for_s, wake)


def _block(simulation: Simulation, step: Step) -> None:
    node = simulation.node(step.node)
    if node is None or node.machine.frozen or node.machine.blocked:
        return
    machine = node.machine
    machine.blocked = True
    simulation.note("blocked")
    simulation.world.at(step.for_s, lambda: None if machine.frozen else machine.go_on())


def _cut(simulation: Simulation, step: Step) -> None:
    wire = simulation.broker.wires[step.node]
    out, into = step.fault != "cut in", step.fault != "cut out"
    held = simulation.world.counted["record held up"]
    wire.cuts_out, wire.cuts_in = wire.cuts_out + out, wire.cuts_in + into
    for node in simulation.living():
        if node.machine.name == step.node:
            simulation.coordinator.silent(node.machine)

    def mend() -> None:
        wire.cuts_out, wire.cuts_in = wire.cuts_out - out, wire.cuts_in - into
        simulation.note(step.fault, not out or simulation.world.counted["record held up"] > held)
        node = simulation.node(step.node)
        if node is not None:
            _heard(simulation, node.machine)

    simulation.world.at(step.for_s, mend)


def _heard(simulation: Simulation, machine: Machine) -> None:
    if simulation.broker.reaches(machine) and not machine.frozen:
        simulation.coordinator.heard(machine)


def _broker_away(simulation: Simulation, step: Step) -> None:
    if simulation.broker.away:
        return
    simulation.broker.away = True
    held = simulation.world.counted["record held up"]

    def back() -> None:
        simulation.broker.away = False
        simulation.note("broker away", simulation.world.counted["record held up"] > held)
        for node in simulation.living():
            _heard(simulation, node.machine)

    simulation.world.at(step.for_s, back)


def _slow(simulation: Simulation, step: Step) -> None:
    wire = simulation.broker.wires[step.node]
    before = simulation.world.counted["wire slow"]
    wire.slow_s = 0.05 + step.number % 40 / 100

    def mend() -> None:
        wire.slow_s = 0.0
        simulation.note("slow", simulation.world.counted["wire slow"] > before)

    simulation.world.at(step.for_s, mend)


def _loss(simulation: Simulation, step: Step) -> None:
    wire = simulation.broker.wires[step.node]
    before = simulation.world.counted["packet lost"]
    wire.loss = 0.3

    def mend() -> None:
        wire.loss = 0.0
        simulation.note("loss", simulation.world.counted["packet lost"] > before)

    simulation.world.at(step.for_s, mend)


def _targets_cut(simulation: Simulation, step: Step) -> None:
    before = simulation.world.counted["probe cut off"]
    simulation.targets.cut.add(step.node)

    def mend() -> None:
        simulation.targets.cut.discard(step.node)
        simulation.note("targets cut", simulation.world.counted["probe cut off"] > before)

    simulation.world.at(step.for_s, mend)


def _compact(simulation: Simulation, step: Step) -> None:
    gone = simulation.broker.compact(named(SERVICE_STATES)) + simulation.broker.compact(named(CONFIG_ENTITIES))
    simulation.note("compact", gone > 0)


def _poison(simulation: Simulation, step: Step) -> None:
    """Bytes that are no record, in any topic, under a key that is one; but not in `config-entities`, where nobody
    repairs: compaction would leave the poison alone.
    """
    topic = (SERVICE_STATES, PROBE_RESULTS, VIEWS, CONFIG_ENTITIES)[step.number % 4]
    place = None if topic is CONFIG_ENTITIES else _some_record(simulation, topic, Random(step.number))
    data = Random(step.number).randbytes(step.number % 60)
    simulation.note("poison")
    if place is None:
        simulation.broker.append(named(topic), 0, b"poison", data, "fault")
    else:
        simulation.broker.append(named(topic), place[0], place[1], data, "fault")


def _some_record(simulation: Simulation, topic: Topic, random: Random) -> tuple[int, bytes | None, bytes | None] | None:
    history = simulation.broker.history[named(topic)]
    if not history:
        return None
    record = random.choice(history)
    return record.partition_, record.key_, record.value_


def _repeat(simulation: Simulation, step: Step) -> None:
    """A record from earlier stands in the log once more (F8), as if an old process had sent it again."""
    topic = (SERVICE_STATES, SERVICE_STATES, PROBE_RESULTS, VIEWS)[step.number % 4]
    found = _some_record(simulation, topic, Random(step.number))
    simulation.note("repeat", found is not None)
    if found is not None:
        record = simulation.broker.append(named(topic), *found, "fault")
        record.excused = True


def _foreign(simulation: Simulation, step: Step) -> None:
    """A node says DOWN of a service that another owns, under the view in force: a fault of its own, or a forgery."""
    random = Random(step.number)
    node = simulation.node(step.node)
    view = node.views.held if node is not None else None
    services = sorted(node.monitoring.inventory.services) if node is not None else []
    if node is None or view is None or not services:
        return
    service = random.choice(services)
    monitored = node.monitoring.inventory.services[service]
    if owner_in(service, view, frozenset(monitored.node_groups)) == node.machine.name or not monitored.bindings:
        return
    at_ms = node.machine.now_ms()
    run = ProbeRun(
        service, monitored.bindings[0].monitor_id, 1 << 40, 1 << 30, Verdict.DOWN, Reason.REFUSED, "foreign",
        at_ms, at_ms, 100, 0, 0, 0,
    )  # fmt: skip
    incarnation = node.identity.incarnation
    batch = ProbeResults(node.identity.node_id, incarnation, view.view_id, at_ms, (service,), (run,))
    data = simulation.memory.encode(batch)
    simulation.broker.append(named(PROBE_RESULTS), partition_of(service), node.machine.name.encode(), data, "fault")
    simulation.note("foreign")


def _wall_clock(simulation: Simulation, step: Step) -> None:
    node = simulation.node(step.node)
    simulation.note("wall clock", node is not None)
    if node is not None:
        node.machine.wall_offset_ms += 3_600_000 if step.number % 2 else -3_600_000


ORDERLY = {"leave", "join", "join slowly", "compact", "configure", "foreign", "wall clock"}
"""What harms nobody: make before break holds through these."""

FAULTS: dict[str, Callable[[Simulation, Step], None]] = {
    "crash": _crash,
    "leave": _leave,
    "join": _join,
    "join slowly": _join_slowly,
    "pause": _pause,
    "suspend": _pause,
    "cut": _cut,
    "cut out": _cut,
    "cut in": _cut,
    "slow": _slow,
    "loss": _loss,
    "blocked": _block,
    "broker away": _broker_away,
    "configure": lambda *_: None,
    "poison": _poison,
    "repeat": _repeat,
    "foreign": _foreign,
    "wall clock": _wall_clock,
    "targets cut": _targets_cut,
    "compact": _compact,
}
"""What each fault of a schedule does."""
