"""What each fault does to a simulation, how it is taken back, and whether it took effect.

Rule: a fault acts on machines, wires, targets and the log, never on what a node believes. Each notes that it was
injected and whether anything came of it, so that a fault that never takes effect fails the run.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from schemas.config import Kind, Operation, Verb
from schemas.identifiers import partition_of
from schemas.probes import ProbeResults, ProbeRun, Reason, Verdict
from schemas.topics import CONFIG_ENTITIES, PROBE_RESULTS, SERVICE_STATES, VIEWS, Topic
from streams.audit.reigns import owner_in
from tests.simulation.schedule import GROUPS, RETURN_S, Step
from tests.simulation.simulation import Simulation, named
from tests.simulation.world import Machine


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
    machine.engines_go_on = step.fault == "asleep"
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
    if simulation.coordinator.reaches(machine) and not machine.frozen:
        simulation.coordinator.heard(machine)


def _deaf(simulation: Simulation, step: Step) -> None:
    """The wire to the group's coordinator is cut, and to the log it is whole."""
    coordinator, world = simulation.coordinator, simulation.world
    node, expired = simulation.node(step.node), world.counted["session expired"]
    if node is None or step.node in coordinator.deaf:
        return
    coordinator.deaf.add(step.node)
    coordinator.silent(node.machine)
    simulation.deaf.append((step.node, world.now_s, world.now_s + step.for_s))

    def mend() -> None:
        coordinator.deaf.discard(step.node)
        simulation.note("deaf", world.counted["session expired"] > expired)
        if node.machine.alive:
            _heard(simulation, node.machine)

    world.at(step.for_s, mend)


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
    """Bytes that are no record, in any topic, under a key that is one."""
    topic = (SERVICE_STATES, PROBE_RESULTS, VIEWS, CONFIG_ENTITIES)[step.number % 4]
    place = _some_record(simulation, topic, Random(step.number))
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
    topic = (SERVICE_STATES, CONFIG_ENTITIES, PROBE_RESULTS, VIEWS)[step.number % 4]
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


def _configure(simulation: Simulation, step: Step) -> None:
    """A command about some service, or about the monitor of all of them."""
    random, services = Random(step.number), simulation.services
    change = random.choice(CHANGES)
    if not services or change is _added:
        simulation.send(*_added(simulation, "", random))
    else:
        simulation.send(*change(simulation, random.choice(sorted(services)), random))
    simulation.note("configure")


def _added(simulation: Simulation, _: str, random: Random) -> list[Operation]:
    return simulation.added(len(simulation.commands) + 20)


def _removed(simulation: Simulation, name: str, _: Random) -> list[Operation]:
    del simulation.services[name]
    return [Operation(Verb.RM, Kind.SERVICE, name, {})]


def _renamed(simulation: Simulation, name: str, _: Random) -> list[Operation]:
    new_name = f"{name}x"
    simulation.services[new_name] = simulation.services.pop(name)
    return [Operation(Verb.RENAME, Kind.SERVICE, name, {}, new_name=new_name)]


def _moved(simulation: Simulation, name: str, _: Random) -> list[Operation]:
    simulation.services[name] += 10
    return [Operation(Verb.SET, Kind.SERVICE, name, {"port": simulation.services[name]})]


def _switched(_: Simulation, name: str, random: Random) -> list[Operation]:
    return [Operation(random.choice((Verb.DISABLE, Verb.ENABLE)), Kind.SERVICE, name, {})]


def _threshold(_: Simulation, name: str, random: Random) -> list[Operation]:
    return [Operation(Verb.SET, Kind.SERVICE, name, {"threshold": random.choice((0, 1))})]


def _grouped(_: Simulation, name: str, random: Random) -> list[Operation]:
    verb = random.choice((Verb.BIND, Verb.BIND, Verb.UNBIND))
    return [Operation(verb, Kind.SERVICE, name, {}, Kind.NODE_GROUP, random.choice(GROUPS))]


def _monitor(_: Simulation, __: str, random: Random) -> list[Operation]:
    return [Operation(Verb.SET, Kind.MONITOR, "m", {"retries": random.choice((2, 3)), "success_retries": 1})]


CHANGES = (_added, _removed, _renamed, _moved, _switched, _switched, _threshold, _grouped, _grouped, _monitor)


def _wall_clock(simulation: Simulation, step: Step) -> None:
    node = simulation.node(step.node)
    simulation.note("wall clock", node is not None)
    if node is not None:
        node.machine.wall_offset_ms += 3_600_000 if step.number % 2 else -3_600_000


FAULTS: dict[str, Callable[[Simulation, Step], None]] = {
    "crash": _crash,
    "leave": _leave,
    "join": _join,
    "join slowly": _join_slowly,
    "pause": _pause,
    "suspend": _pause,
    "asleep": _pause,
    "deaf": _deaf,
    "cut": _cut,
    "cut out": _cut,
    "cut in": _cut,
    "slow": _slow,
    "loss": _loss,
    "blocked": _block,
    "broker away": _broker_away,
    "configure": _configure,
    "poison": _poison,
    "repeat": _repeat,
    "foreign": _foreign,
    "wall clock": _wall_clock,
    "targets cut": _targets_cut,
    "compact": _compact,
}
"""What each fault of a schedule does."""
