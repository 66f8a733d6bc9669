"""Nodes as processes: `watchbill node` started, waited for, killed and stopped, by process id.

Rule: only what was started here is ended here. Each node is a session of its own, so that a kill takes its engines
along by their own rule (they end with their node), as on a real machine.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from connectors.replica.control import ControlReplica
from schemas.cluster import NodeStatus, Phase
from schemas.identifiers import NodeId

POLL_S = 0.02
SESSION_TIMEOUT_S = 1.5


class NotInTime(Exception):
    """A condition did not come true before its deadline; the message says which, and where to look."""


def wait_until(condition: Callable[[], bool], deadline_s: float, what: str) -> float:
    """Seconds until the condition held. Raises NotInTime."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > deadline_s:
            raise NotInTime(f"not within {deadline_s:g} s: {what}")
        time.sleep(POLL_S)
    return time.monotonic() - started


@dataclass(frozen=True, slots=True)
class Launch:
    """How a node's process is started where not just as an operator would: behind a command that ends in running it
    (`ip netns exec …`), from an entry of the caller's own, with more environment (a library preloaded) or options.
    """

    prefix: tuple[str, ...] = ()
    module: str = "streams.cli.main"
    environment: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()


AS_AN_OPERATOR = Launch()


@dataclass(slots=True)
class NodeProcess:
    """One running node. Made by `start_node`."""

    node_id: NodeId
    process: subprocess.Popen[bytes]
    log_path: Path
    web_port: int | None = None
    asked_to_end: bool = False
    """A second SIGTERM would end it at once, with nothing handed over."""

    @property
    def pid(self) -> int:
        """The node's process id."""
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def kill(self) -> None:
        """End at once, as a crash does (SIGKILL)."""
        self._signal(signal.SIGKILL)
        self.process.wait()

    def terminate(self) -> None:
        """Ask for an orderly end (SIGTERM): the node hands over by itself."""
        self.asked_to_end = True
        self._signal(signal.SIGTERM)

    def pause(self, *, with_engines: bool = False) -> None:
        """Stop the process where it is (SIGSTOP); with its engines, as a machine that sleeps does."""
        self._signal(signal.SIGSTOP, whole=with_engines)

    def resume(self) -> None:
        """Let a paused process go on, and its engines (SIGCONT)."""
        self._signal(signal.SIGCONT, whole=True)

    def stop(self, deadline_s: float = 10.0) -> int:
        """End in order, or by force at the deadline; the exit code."""
        if not self.asked_to_end:
            self.terminate()
        try:
            return self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.kill()
            return self.process.returncode

    def last_lines(self, count: int = 20) -> str:
        """The end of the node's log."""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-count:])

    def _signal(self, number: int, *, whole: bool = False) -> None:
        if self.is_alive:
            (os.killpg if whole else os.kill)(self.process.pid, number)


def start_node(
    node_id: str,
    bootstrap: str,
    cluster: str,
    log_dir: Path,
    *,
    engines: int = 1,
    web_port: int | None = None,
    node_groups: Sequence[str] = (),
    session_timeout_s: float = SESSION_TIMEOUT_S,
    log_level: str = "info",
    prefix: Sequence[str] = (),
    options: Sequence[str] = (),
    launch: Launch = AS_AN_OPERATOR,
) -> NodeProcess:
    """Start a node; it joins by itself. Its log is `<log_dir>/<node>.log`, appended to.

    `prefix`: a command that becomes the node, such as `ip netns exec NAME`; the node's engines are its children.
    `options`: more of what `watchbill node` takes.
    """
    log_dir.mkdir(parents=True, exist_ok=True)
    log_path = log_dir / f"{node_id}.log"
    arguments = [*prefix, *launch.prefix, sys.executable, "-m", launch.module, "node", "--id", node_id]
    arguments += ["--bootstrap", bootstrap, "--cluster", cluster, "--engines", str(engines)]
    arguments += ["--session-timeout", str(session_timeout_s), "--log-level", log_level]
    if web_port is not None:
        arguments += ["--web", f"127.0.0.1:{web_port}"]
    for group in node_groups:
        arguments += ["--node-group", group]
    arguments += [*launch.options, *options]
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            env={**os.environ, **launch.environment},
        )
    return NodeProcess(NodeId(node_id), process, log_path, web_port)


@dataclass(slots=True)
class Nodes:
    """The nodes of one cluster, and what the `nodes` topic says of them. Leaving its `with` block ends them all."""

    bootstrap: str
    cluster: str
    log_dir: Path
    running: dict[NodeId, NodeProcess] = field(default_factory=dict)
    launches: dict[NodeId, Launch] = field(default_factory=dict)
    """How some of them are started, again and again."""

    def start(self, *node_ids: str, engines: int = 1, web_ports: Sequence[int | None] = (), **settings: float) -> None:
        """Start these nodes; they join by themselves."""
        for index, node_id in enumerate(node_ids):
            web_port = web_ports[index] if index < len(web_ports) else None
            node = start_node(
                node_id,
                self.bootstrap,
                self.cluster,
                self.log_dir,
                engines=engines,
                web_port=web_port,
                session_timeout_s=settings.get("session_timeout_s", SESSION_TIMEOUT_S),
                launch=self.launches.get(NodeId(node_id), AS_AN_OPERATOR),
            )
            self.running[node.node_id] = node

    def wait_serving(self, control: ControlReplica, node_ids: Iterable[str], deadline_s: float = 60.0) -> float:
        """Seconds until exactly these nodes serve, in one view that all of them hold."""
        wanted = {NodeId(node_id) for node_id in node_ids}

        def settled() -> bool:
            dead = [node for node in wanted if node in self.running and not self.running[node].is_alive]
            if dead:
                gone = self.running[dead[0]]
                raise NotInTime(f"node {dead[0]} ended by itself, {gone.process.returncode}:\n{gone.last_lines()}")
            return serving_one_view(control.nodes().values(), self._fresh(control)) == wanted

        return wait_until(settled, deadline_s, f"nodes {sorted(wanted)} serving in one view; see {self.log_dir}")

    def _fresh(self, control: ControlReplica) -> set[NodeId]:
        """Nodes whose process runs here, and whose last status is of this very process."""
        alive = {node_id for node_id, node in self.running.items() if node.is_alive}
        return {node_id for node_id in alive if node_id in control.nodes()}

    def stop(self) -> None:
        """End all nodes in order, side by side."""
        for node in self.running.values():
            if node.is_alive:
                node.terminate()
        for node in self.running.values():
            node.stop()

    def __enter__(self) -> Nodes:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def serving_one_view(statuses: Iterable[NodeStatus], among: set[NodeId]) -> set[NodeId]:
    """The nodes that serve, if all of them hold one view; the empty set if they do not agree yet."""
    serving = [status for status in statuses if status.phase is Phase.SERVING and status.node_id in among]
    if len({status.view_id for status in serving}) != 1:
        return set()
    return {status.node_id for status in serving}
