"""The demo's nodes: processes with a web port each, and which of them were ended on purpose.

Rule: a node that ends by itself is a failure of the product, and whoever waits for something hears of it at once, with
the end of its log; a node that was killed or asked to leave is not. Only nodes named here can be started, so that a
typing error does not make a fourth one.
"""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

from infra.cluster.nodes import NodeProcess, Nodes, NotInTime
from infra.kafka.process import RunningProcess, start_time
from schemas.identifiers import NodeId

NODE_IDS = tuple(NodeId(name) for name in ("b0", "b1", "b2"))
MOST_LINES = 12
NOTED = "nodes.json"
"""The processes of the nodes, for the next demo in this folder: this one may be killed before it can end them."""


class NotNow(Exception):
    """What was asked for makes no sense now: nothing was done, and the message says why."""


class Crew:
    """Started with `start`, ended with `stop`."""

    def __init__(self, bootstrap: str, cluster: str, log_dir: Path, session_timeout_s: float) -> None:
        self._nodes = Nodes(bootstrap, cluster, log_dir)
        self._session_timeout_s = session_timeout_s
        self._dismissed: set[NodeId] = set()
        self.log_dir = log_dir

    def start(self, node_id: NodeId, web_port: int) -> NodeProcess:
        """Starts a node. Raises NotNow when it runs."""
        if self.is_alive(node_id):
            raise NotNow(f"node {node_id} runs already")
        self._nodes.start(node_id, web_ports=[web_port], session_timeout_s=self._session_timeout_s)
        self._dismissed.discard(node_id)
        self._note()
        return self._nodes.running[node_id]

    def kill(self, node_id: NodeId) -> int:
        """Ends a node as a crash does; its process id. Raises NotNow."""
        node = self._alive(node_id)
        self._dismissed.add(node_id)
        node.kill()
        return node.pid

    def term(self, node_id: NodeId) -> int:
        """Asks a node to leave; its process id. It hands over by itself. Raises NotNow."""
        node = self._alive(node_id)
        self._dismissed.add(node_id)
        node.terminate()
        return node.pid

    def is_alive(self, node_id: NodeId) -> bool:
        """Whether the node's process runs."""
        node = self._nodes.running.get(node_id)
        return node is not None and node.is_alive

    def alive(self) -> Iterator[NodeId]:
        """Nodes whose processes run."""
        return (node_id for node_id in NODE_IDS if self.is_alive(node_id))

    def exit_code(self, node_id: NodeId) -> int | None:
        """The exit code of a node that has ended; None while it runs and before it was started."""
        node = self._nodes.running.get(node_id)
        return None if node is None else node.process.poll()

    def refuse_lost(self) -> None:
        """Raises NotInTime for a node that ended by itself, with the end of its log."""
        for node_id, node in self._nodes.running.items():
            if not node.is_alive and node_id not in self._dismissed:
                raise NotInTime(
                    f"node {node_id} ended by itself with exit code {node.process.returncode}:\n"
                    f"{node.last_lines(MOST_LINES)}"
                )

    def stop(self) -> list[NodeId]:
        """Ends all nodes in order, by force at a deadline; those that ran."""
        ran = list(self.alive())
        self._dismissed.update(NODE_IDS)
        self._nodes.stop()
        (self.log_dir / NOTED).unlink(missing_ok=True)
        return ran

    def _note(self) -> None:
        """By process id and start time: the same number may be somebody else's later."""
        pids = [node.pid for node in self._nodes.running.values() if node.is_alive]
        self.log_dir.mkdir(parents=True, exist_ok=True)
        (self.log_dir / NOTED).write_text(json.dumps([[pid, start_time(pid)] for pid in pids]), encoding="utf-8")

    def _alive(self, node_id: NodeId) -> NodeProcess:
        if node_id not in NODE_IDS:
            raise NotNow(f"no node {node_id!r}: there are {', '.join(NODE_IDS)}")
        if not self.is_alive(node_id):
            raise NotNow(f"node {node_id} does not run")
        return self._nodes.running[node_id]


def end_left_over(log_dir: Path) -> int:
    """Ends the nodes that a killed demo left behind; how many there were."""
    noted = log_dir / NOTED
    try:
        known = [RunningProcess(int(pid), str(started)) for pid, started in json.loads(noted.read_text("utf-8"))]
    except (OSError, ValueError, TypeError):  # none noted, or cut short in the writing
        return 0
    ended = sum(process.signal(signal.SIGKILL) for process in known)
    noted.unlink(missing_ok=True)
    return ended
