"""A whole node of the product on a simulated machine: what `streams.node` builds, with the world's edges exchanged.

Rule: the names of what touches the world (clients, engines, clock, Faust, entropy) are exchanged in the product's
modules for the time of a run, and nothing else: every line that decides is the product's. Of `Node` only the waits on
threads are said again here.
"""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Iterable, Iterator, MutableMapping
from contextlib import contextmanager
from functools import cache
from types import SimpleNamespace
from typing import Any

import streams.node.folding as folding_module
import streams.node.node as node_module
from connectors.engine.ping_access import PingAccess
from connectors.kafka.ends import EndOffsets
from connectors.kafka.log_reader import LogReader
from connectors.kafka.places import Place
from connectors.kafka.settings import KafkaAccess
from connectors.replica.base import Replica, default_access
from schemas import codec
from schemas.config import ConfigCommand
from schemas.identifiers import EntityId, Partition
from schemas.topics import CONFIG_COMMANDS, SERVICE_STATES, topic_name
from streams.agents import fold_agent
from streams.folding.config.fold import ConfigFold, fold_log
from streams.node import heartbeat, joining, replicas, status
from streams.node.lease import Lease
from streams.node.node import Node
from streams.node.settings import NodeSettings
from streams.tables.replica_store import Store
from tests.simulation.app import SimApp
from tests.simulation.broker import Broker
from tests.simulation.clients import SimEnds, SimProducer, SimReader
from tests.simulation.codec import Memory
from tests.simulation.engines import SimEngines
from tests.simulation.world import Machine, Polled

HOUSEKEEPING_S = 0.2
SWEEP_EVERY = 15
"""The node sweeps every half minute; a schedule is shorter."""
POLL_S = 0.02
BEATS_SPARED = 2
"""A heartbeat goes out half as often as in the product: most events of a schedule are heartbeats. It leaves the lease
less room, not more.
"""


class SimHeartbeat(heartbeat.Heartbeat):
    """The heartbeat without its thread: the same beats on the machine's threads."""

    def __init__(self, *arguments: Any) -> None:
        machine = Machine.current
        super().__init__(*arguments, end_process=machine.end, clock=machine.boot_clock_s)
        self._period_s *= BEATS_SPARED
        self._machine = machine
        self._next: Any = None

    def start(self) -> None:
        self._beat()

    def beat_now(self) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = self._machine.world.at(0.0002, self._beat, machine=self._machine)

    def stop(self, say_so: bool = True) -> None:
        if self._next is not None:
            self._next.cancel()
            self._next = None
            if say_so:
                self._send()

    def _beat(self) -> None:
        self._send()
        self.watch_loop()
        self._next = self._machine.world.at(self._period_s, self._beat, machine=self._machine)


class SimReplicas(replicas.Replicas):
    """The node's replicas; what waits on a thread is polled."""

    def positions(self) -> dict[str, tuple[int, ...]]:
        return {}

    def catch_up(self, partitions: Iterable[Partition], stop_after_s: float = replicas.CATCH_UP_S) -> Any:
        topic = self._listener.settings.topic(SERVICE_STATES)
        ends = self._ends.ask([Place(topic, partition) for partition in partitions])
        if ends is None:
            return Polled(lambda: False, 3.0)
        return Polled(lambda: not self._behind({place: end for place, end in ends.items() if end}), stop_after_s)


class SimTable(MutableMapping[str, bytes]):
    """`ServiceTable`: a write goes to the store, and to the outbox."""

    def __init__(self, replica: Any, outbox: Any) -> None:
        self._outbox = outbox
        self.data = Store.__new__(Store)
        self.data.app = SimpleNamespace(service_replica=replica)
        self.data.__post_init__()

    def __getitem__(self, key: str) -> bytes:
        return self.data[key]

    def __setitem__(self, key: str, value: bytes) -> None:
        self.data[key] = value
        self._outbox.put(EntityId(key), value)

    def __delitem__(self, key: str) -> None:
        del self.data[key]
        self._outbox.put(EntityId(key), None)

    def __iter__(self) -> Iterator[str]:
        return iter(self.data)

    def __len__(self) -> int:
        return len(self.data)

    def __contains__(self, key: object) -> bool:
        return key in self.data


class NoResolver:
    """No service of a schedule has a name to resolve."""

    def __init__(self, *_: Any) -> None:
        return

    async def close(self) -> None:
        return


class SimNode(Node):
    """A node on the machine that runs now."""

    machine: Machine

    def __init__(self, settings: NodeSettings) -> None:
        self.machine = Machine.current
        super().__init__(settings)

    async def run(self) -> None:
        """`Node.run`, without the web, and without its `finally`: a killed process does nothing more."""
        await joining.replay(self)
        if not self.stopping.is_set():
            await self.engines.start()
            self.group.join()
            await self._work()
            await self._hand_over()
        await self._end()
        self.machine.end()

    async def _work(self) -> None:
        while not self.stopping.is_set():
            self._keep_house()
            await asyncio.sleep(HOUSEKEEPING_S)
        await self._give_away()


async def wait_ready(node: SimNode, name: str, replica: Replica) -> None:
    """`joining._wait_ready`: the replica's own wait is another thread's."""
    while not (replica.ready or node.stopping.is_set()):
        await asyncio.sleep(POLL_S)


async def begin_to_beat(node: SimNode) -> None:
    """`joining._begin_to_beat`: no two processes of a schedule have one node id at a time."""
    node.heartbeat.start()


def build(
    settings: Any, identity: Any, replica: Any, outbox: Any, on_led: Callable[..., None], listener: Lease
) -> SimApp:
    """`faust_app.build`."""
    results_topic = f"{settings.cluster}.probe-results"
    app = SimApp(identity, on_led, listener, results_topic, topic_name(settings.cluster, CONFIG_COMMANDS))
    app.table = SimTable(replica, outbox)  # type: ignore[attr-defined]
    return app


TIME = SimpleNamespace(
    monotonic=lambda: Machine.current.monotonic_s(),
    time_ns=lambda: Machine.current.now_ms() * 1_000_000,
)
"""What the module `time` is to the product in a run; whoever asks it for more is told that it has no such thing."""
PRODUCT = ("streams.node.", "streams.agents.", "streams.tables.", "connectors.replica.")
EVERYWHERE: dict[str, Any] = {
    "time": time,
    "LogReader": LogReader,
    "EndOffsets": EndOffsets,
    "default_access": default_access,
    "encode": codec.encode,
    "decode": codec.decode,
    "decode_any": codec.decode_any,
}
"""What touches the world under one name in many modules: exchanged wherever a module of the product has it."""


@cache
def holders() -> tuple[tuple[Any, str], ...]:
    """Modules of the product that have one of these, under its own name."""
    modules = [module for name, module in list(sys.modules.items()) if name.startswith(PRODUCT)]
    return tuple((m, name) for m in modules for name, held in EVERYWHERE.items() if getattr(m, name, None) is held)


def exchanges(broker: Broker, memory: Memory) -> list[tuple[Any, str, Any]]:
    """(module, name, what stands there in a run)."""
    instead = {
        "time": TIME,
        "LogReader": SimReader,
        "EndOffsets": SimEnds,
        "default_access": lambda *_: KafkaAccess("simulated:1", "simulated"),
        "encode": memory.encode,
        "decode": memory.decode,
        "decode_any": memory.decode_any,
    }

    def recover(_access: Any, commands: str, _entities: str, _results: str, before: int) -> ConfigFold:
        log = broker.history[commands]
        return fold_log((r.offset_, memory.decode(ConfigCommand, r.value_)) for r in log if r.offset_ < before)

    def entropy(_bytes: int) -> str:
        return f"{Machine.current.world.random.randrange(1 << 24):06x}"

    def lease(duration_s: float) -> Lease:
        return Lease(duration_s, Machine.current.boot_clock_s)

    quiet = SimpleNamespace(keep_house=lambda *_, **__: None)
    rows: list[tuple[Any, str, Any]] = [
        (node_module, "secrets", SimpleNamespace(token_hex=entropy)),
        (node_module, "Lease", lease),
        (node_module, "OwnProducer", SimProducer),
        (node_module, "Heartbeat", SimHeartbeat),
        (node_module, "EnginePool", SimEngines),
        (node_module, "Resolver", NoResolver),
        (node_module, "DnsLookup", lambda *_: None),
        (node_module, "StallWatch", lambda *_: SimpleNamespace(assigned=lambda: None)),
        (node_module, "Garbage", lambda: quiet),
        (node_module, "Replicas", SimReplicas),
        (folding_module, "build", build),
        (folding_module, "state_table", lambda app, _cluster: app.table),
        (folding_module, "results_topic", lambda app, _cluster: app.results),
        (folding_module, "commands_topic", lambda app, _cluster: app.commands),
        (folding_module, "assert_ours", lambda *_: None),
        (folding_module, "recover", recover),
        (folding_module, "SWEEP_EVERY", SWEEP_EVERY),
        (fold_agent, "POLL_S", POLL_S),
        (status, "ping_access", lambda: PingAccess.NONE),
        (joining, "_wait_ready", wait_ready),
        (joining, "_begin_to_beat", begin_to_beat),
    ]
    return rows + [(module, name, instead[name]) for module, name in holders()]


@contextmanager
def exchanged(rows: Iterable[tuple[Any, str, Any]]) -> Iterator[None]:
    """These names stand for these things within."""
    kept: list[tuple[Any, str, Any]] = []
    try:
        for module, name, value in rows:
            kept.append((module, name, getattr(module, name)))
            setattr(module, name, value)
        yield
    finally:
        for module, name, value in reversed(kept):
            setattr(module, name, value)
