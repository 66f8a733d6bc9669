"""F12: every target falls ill at once, and half of them again and again: what it costs, and how soon it is told."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from schemas.config import Verb
from schemas.states import State
from tests.chaos.tally import Tally
from tests.chaos.world import SETTLED_S, World
from tests.integration.cluster import on_service
from tests.integration.targets import Ailment
from tests.waiting import let_pass, wait_until

WINDOW_S = 20.0
QUICK_WINDOW_S = 6.0
CALM_S = 3.0
TIMES_IDLE = 1.2
NOISE_BYTES_PER_S = 2_000
"""So much more is no matter: heartbeats vary by it."""
NOISE_CPU = 0.03
FLAP_WINDOW = "2m"
NEVER = 16
"""Changes within a second that no target makes: nothing is held DOWN for flapping."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What the cluster took in a window: bytes that came to stand in its topics, and processors of its processes."""

    bytes_per_s: float
    processors: float


def all_at_once(world: World, tally: Tally) -> None:
    """F12: bytes and processor time, idle, with all targets down, and with half of them flapping each second."""
    window_s = QUICK_WINDOW_S if world.quick else WINDOW_S
    let_pass(CALM_S)
    idle = cost(world, window_s)
    struck_s = time.monotonic()
    for name in world.names:
        world.weather.ill(name)
    world.cluster.wait_states(world.names, State.DOWN, SETTLED_S)
    tally.took_effect(f"{len(world.names)} targets ill at once; idle: {idle}")
    tally.note("all_told_max_s", time.monotonic() - struck_s)
    let_pass(CALM_S)
    down = cost(world, window_s)
    compare(tally, "down", idle, down, world.patience)
    for name in world.names:
        world.weather.well(name)
    world.cluster.wait_states(world.names, State.UP, SETTLED_S)
    world.check_truth(tally)
    flapping = flap(world, window_s)
    world.cluster.wait_states(world.names, State.UP, SETTLED_S)
    world.weather.begin()
    compare(tally, "flap", idle, flapping, world.patience)


def compare(tally: Tally, name: str, idle: Cost, now: Cost, patience: float | None) -> None:
    """Note the ratios; a violation if they are over the limit, where there is one."""
    ratios = {
        f"{name}_bytes_max": now.bytes_per_s / idle.bytes_per_s,
        f"{name}_cpu_max": now.processors / idle.processors,
    }
    for figure, ratio in ratios.items():
        tally.note(figure, ratio)
    tally.took_effect(f"{name}: {now}")
    if patience is not None:
        most = TIMES_IDLE * idle.bytes_per_s + NOISE_BYTES_PER_S
        tally.require(now.bytes_per_s <= most, f"{name}: {now.bytes_per_s:.0f} bytes/s, idle {idle.bytes_per_s:.0f}")
        most = TIMES_IDLE * patience * idle.processors + NOISE_CPU
        tally.require(now.processors <= most, f"{name}: {now.processors:.2f} processors, idle {idle.processors:.2f}")


def flap(world: World, window_s: float) -> Cost:
    """What half of the targets cost that change each second, in services that are held DOWN once they flap; each few
    seconds where monitors are more patient.
    """
    half = world.names[::2]
    world.cluster.apply(*(on_service(Verb.SET, name, flap_changes=2, flap_window=FLAP_WINDOW) for name in half))
    ended = threading.Event()

    def change() -> None:
        ill = False
        while not ended.wait(world.patience):
            ill = not ill
            for name in half:
                world.cluster.targets[name].become(Ailment.ERROR if ill else Ailment.NONE)

    thread = threading.Thread(target=change, name="flap", daemon=True)
    thread.start()
    try:
        wait_until(lambda: all(is_held(world, name) for name in half), SETTLED_S, "every flapping service is held DOWN")
        let_pass(CALM_S)
        return cost(world, window_s)
    finally:
        ended.set()
        thread.join()
        for name in half:
            world.cluster.targets[name].become(Ailment.NONE)
        world.cluster.apply(*(on_service(Verb.SET, name, flap_changes=NEVER, flap_window="1s") for name in half))


def is_held(world: World, name: str) -> bool:
    """Whether a service is shown DOWN until it is quiet."""
    state = world.cluster.states.by_name(name)
    return state is not None and state.due_at_ms is not None


def cost(world: World, window_s: float) -> Cost:
    """Measured over a window from now on."""
    bytes_before, cpu_before, begun_s = stored_bytes(world), cpu_s(world), time.monotonic()
    let_pass(window_s)
    took_s = time.monotonic() - begun_s
    return Cost((stored_bytes(world) - bytes_before) / took_s, (cpu_s(world) - cpu_before) / took_s)


def stored_bytes(world: World) -> int:
    """Bytes of the records in the cluster's topics."""
    folders = world.site.kafka.logs.glob(f"{world.cluster.name}.*")
    return sum(path.stat().st_size for folder in folders for path in Path(folder).glob("*.log"))


def cpu_s(world: World) -> float:
    """Processor seconds of all nodes and their engines."""
    total = 0.0
    for node in world.cluster.nodes.running.values():
        parent = psutil.Process(node.pid)
        for process in (parent, *parent.children(recursive=True)):
            times = process.cpu_times()
            total += times.user + times.system
    return total
