"""F11 and F13: a node that hardly gets the processor, one whose loop stands still, and one whose clock is wrong."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from infra.cluster.nodes import Launch, NodeProcess
from schemas.identifiers import NodeId
from tests.chaos.paused_node import ARMED_VARIABLE
from tests.chaos.tally import Tally
from tests.chaos.weather import wall_ms
from tests.chaos.world import SETTLED_S, World
from tests.integration.cluster import NODE_IDS
from tests.waiting import let_pass, wait_until

SHARE = 0.1
TURN_S = 0.1
STARVED_S = 60.0
QUICK_STARVED_S = 12.0
BLOCKED_S = 3.0
VIEWS_PER_MINUTE = 2
HOUR_S = 3600
SHIFTED_S = 10.0
WRONG_CLOCK = Path(__file__).parent.parent / "wrong_clock"
OFF_BY_S = 60


def launches(folder: Path) -> Mapping[str, Launch]:
    """Nodes whose loop can be made to stand still."""
    return {
        node_id: Launch(
            module="tests.chaos.paused_node",
            environment={ARMED_VARIABLE: str(folder / f"{node_id}.armed")},
        )
        for node_id in NODE_IDS
    }


def starved(world: World, tally: Tally) -> None:
    """F11: a node at a tenth of its processor time, then one whose loop is blocked for 3 s: no DOWN is false."""
    probes = sum(len(target.probed_at_s) for target in world.cluster.targets.values())
    victim = world.node_of(world.plan.node_ids)
    lasts_s = QUICK_STARVED_S if world.quick else STARVED_S
    world.grace_s = lasts_s
    with world.weather.changing():
        cpu_before, begun_s = cpu_s(world.cluster.node(victim).pid), time.monotonic()
        with at_a_tenth(world.cluster.node(victim)):
            let_pass(lasts_s)
        took_s = time.monotonic() - begun_s
        share = (cpu_s(world.cluster.node(victim).pid) - cpu_before) / took_s
        tally.took_effect(f"{victim} at {SHARE:.0%} for {took_s:.0f} s: it had {share:.1%} of a processor")
        changes = world.view_changes()
        allowed = VIEWS_PER_MINUTE * max(1.0, took_s / 60)
        tally.require(changes <= allowed, f"{changes} view changes in {took_s:.0f} s, at most {allowed:g}")
        tally.note("views_per_minute_max", changes / max(1.0, took_s / 60))
        world.settled()
        block_loop(world, tally)
    world.settled()
    tally.note("probes", sum(len(target.probed_at_s) for target in world.cluster.targets.values()) - probes)


@contextmanager
def at_a_tenth(node: NodeProcess) -> Iterator[None]:
    """The node and its engines stand still for nine tenths of each 0.1 s."""
    ended = threading.Event()

    def turn() -> None:
        while not ended.is_set():
            node.pause(with_engines=True)
            ended.wait(TURN_S * (1 - SHARE))
            node.resume()
            ended.wait(TURN_S * SHARE)

    thread = threading.Thread(target=turn, name="starve", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        node.resume()


def block_loop(world: World, tally: Tally) -> None:
    """One node's loop stands still for BLOCKED_S; its threads and its engines go on."""
    victim = world.node_of(world.plan.node_ids)
    block = world.folder / f"{victim}.armed.block"
    block.write_text(str(BLOCKED_S))
    wait_until(lambda: not block.exists(), SETTLED_S, f"the loop of {victim} stood still")
    tally.took_effect(f"the loop of {victim} stood still for {BLOCKED_S:g} s")
    let_pass(1.0)


def cpu_s(pid: int) -> float:
    """Processor seconds that a process had."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def offset_file(folder: Path, node_id: str) -> Path:
    """What says by how much a node's wall clock is wrong."""
    return folder / f"{node_id}.offset"


def launches_with_clocks(folder: Path) -> Mapping[str, Launch]:
    """Nodes whose wall clock can be set; the monotonic ones go as they go."""
    for node_id in NODE_IDS:
        offset_file(folder, node_id).write_text("0")
    return {
        node_id: Launch(
            environment={
                "PYTHONPATH": str(WRONG_CLOCK),
                "WATCHBILL_CHAOS_CLOCK": str(offset_file(folder, node_id)),
            }
        )
        for node_id in NODE_IDS
    }


def clock(world: World, tally: Tally) -> None:
    """F13: the wall clock of a node jumps by an hour, there and back: nothing changes."""
    victim = world.node_of(world.plan.node_ids)
    jump_s = world.random.choice((HOUR_S, -HOUR_S))
    before, owners = world.view_changes(), world.cluster.owners(world.names)
    with world.weather.changing():
        let_pass(world.random.uniform(0.0, 2.0))
        for seconds in (jump_s, 0):
            offset_file(world.folder, victim).write_text(str(seconds))
            wait_until(lambda wanted=seconds: is_off_by(world, victim, wanted), SETTLED_S, f"the clock of {victim}")
            if seconds:
                tally.took_effect(f"the wall clock of {victim} is off by {seconds:+d} s")
            let_pass(SHIFTED_S)
    tally.require(world.view_changes() == before, "the view changed")
    tally.require(world.cluster.owners(world.names) == owners, "owners changed")


def is_off_by(world: World, node_id: str, seconds: int) -> bool:
    """Whether a node's last heartbeat bears a time so far from ours."""
    sent_at_ms = world.cluster.control.nodes()[NodeId(node_id)].sent_at_ms
    return abs((sent_at_ms - wall_ms()) / 1000 - seconds) < OFF_BY_S
