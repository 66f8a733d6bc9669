"""The running demo: a Kafka, eight services, three nodes, and what a person can do to them.

Rule: whoever starts something ends it, in the reverse order and under a deadline, whatever happened in between; a node
or a broker that was not started here is never touched. The acts (break, heal, kill, term, start) are the same from the
keyboard and from another terminal, and answer a sentence; one that makes no sense now raises NotNow, which says why.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from connectors.config.producer import NoAnswer
from connectors.replica.base import NotReady
from infra.cluster.nodes import SESSION_TIMEOUT_S, NotInTime
from infra.demo.config import ConfigRefused, configure
from infra.demo.control import Door
from infra.demo.crew import NODE_IDS, Crew, NotNow, end_left_over
from infra.demo.interrupts import Interrupts
from infra.demo.kafka import DemoKafka
from infra.demo.services import FLAPPING, DemoServices, Unknown, free_ports
from infra.demo.target import Ailment
from infra.demo.witness import Witness
from infra.errors import InfraError
from infra.topics import init
from schemas.identifiers import NodeId
from schemas.states import ServiceState, State

FAILURES = (InfraError, NotReady, NotInTime, NoAnswer, ConfigRefused, OSError)
"""What can go wrong while a demo starts and runs: each says what to do."""
READY_DEADLINE_S = 90.0
LOGS = "logs"
ANSWER_LATE_S = 5.0
NODE_PORTS_APART = 311
"""How far apart the searches for ports of nodes and of services begin."""


class Act(StrEnum):
    """What can be done to a running demo."""

    BREAK = "break"
    HEAL = "heal"
    KILL = "kill"
    TERM = "term"
    START = "start"


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """`bootstrap` None: a Kafka of its own, in `data_dir`. `cluster` is the prefix of the topics."""

    data_dir: Path
    bootstrap: str | None = None
    cluster: str = "demo"
    session_timeout_s: float = SESSION_TIMEOUT_S


class Demo:
    """`start` begins it; `stop` ends everything, and may be called at any stage of the start."""

    def __init__(self, settings: DemoSettings, interrupts: Interrupts, say: Callable[[str], None]) -> None:
        """`say` tells a person what happens, one line at a time."""
        self.settings, self._interrupts, self._say = settings, interrupts, say
        self.started_s, self.starting = time.monotonic(), True
        self.kafka = DemoKafka(settings.data_dir / "kafka", settings.bootstrap)
        self.services = DemoServices(seed=os.getpid())
        self._web_ports = dict(zip(NODE_IDS, free_ports(os.getpid() + NODE_PORTS_APART), strict=False))
        self.on_act: Callable[[str], None] = lambda _: None
        """Told of each act that was done, in a sentence."""
        self._acting = threading.Lock()
        self._witness: Witness | None = None
        self._crew: Crew | None = None

    @property
    def witness(self) -> Witness:
        """What the demo sees of the cluster."""
        assert self._witness is not None, "the demo does not run"
        return self._witness

    @property
    def crew(self) -> Crew:
        """The node processes."""
        assert self._crew is not None, "the demo does not run"
        return self._crew

    def start(self) -> float:
        """Starts everything; seconds until every service is in its expected state.

        Raises one of FAILURES; `stop` is to be called all the same.
        """
        left_over = end_left_over(self.settings.data_dir / LOGS)
        if left_over:
            self._say(f"{left_over} nodes that a killed demo left behind: ended")
        self.kafka.start(self._say)
        init(self.kafka.bootstrap, self.settings.cluster)
        self._say(f"topics of cluster {self.settings.cluster} are there")
        with self._interrupts.held():
            self.services.start()
        self._start_nodes()
        self._witness = Witness(self.kafka.bootstrap, self.settings.cluster)
        self._witness.wait_ready(READY_DEADLINE_S)
        self._configure()
        self.wait(self.as_expected, READY_DEADLINE_S, "every service in its expected state")
        ready_s = time.monotonic() - self.started_s
        self._say(f"all {len(self.services.targets)} services are in their expected state after {ready_s:.1f} s")
        self.starting = False
        return ready_s

    def door(self) -> Door:
        """The control socket for other terminals; to be closed before `stop`. Raises DemoRuns."""
        return Door(self.settings.data_dir, self._answer)

    def stop(self) -> None:
        """Ends nodes, services and Kafka, and says so. May be called twice."""
        with self._acting:
            if self._crew is not None:
                ended = self._crew.stop()
                self._crew = None
                self._say(f"nodes {', '.join(ended) or 'none'}: ended")
            if self._witness is not None:
                self._witness.close()
                self._witness = None
            self.services.stop()
            told = self.kafka.stop()
            if told is not None:
                self._say(told)

    def act(self, act: Act, name: str) -> str:
        """Does it; a sentence that says what was done. Raises NotNow."""
        with self._acting:
            if self._crew is None:
                raise NotNow("the demo has not begun, or is ending")
            told = _ACTS[act](self, name)
        self.on_act(told)
        return told

    def wait(self, condition: Callable[[], bool], deadline_s: float, what: str) -> float:
        """As Witness.wait; a node that ended by itself ends the wait. What was not as expected is told."""

        def told() -> bool:
            self.crew.refuse_lost()
            return condition()

        return self.witness.wait(told, deadline_s, lambda: f"{what}; {self.unexpected() or 'now it is'}")

    def as_expected(self) -> bool:
        """Whether all hold: as many members in the view as nodes run, and every service as it should be."""
        return self.unexpected() is None

    def unexpected(self) -> str | None:
        """The first thing that is not as it should be, in words; None: all is."""
        serving = set(self.witness.serving())
        if serving != set(self.crew.alive()):
            return f"nodes serving are {sorted(serving) or 'none'}, running are {sorted(self.crew.alive())}"
        states = {state.name: state for state in self.witness.services()}
        found = (self._wrong(name, states.get(name)) for name in self.services.targets)
        return next((wrong for wrong in found if wrong is not None), None)

    def healthy(self, name: str) -> bool:
        """Whether a service is well and steady, so that it must never be told DOWN."""
        target = self.services.targets.get(name)
        return target is not None and name != FLAPPING and target.ailment is Ailment.NONE

    def _wrong(self, name: str, state: ServiceState | None) -> str | None:
        if state is None:
            return f"{name} has no state yet"
        member = self.witness.view.member(state.owner)
        elected = self.witness.elected(state.entity_id)
        if member is None or elected != state.owner or member.incarnation != state.incarnation:
            return f"{name} was last told by {state.owner}, its owner is {elected}"
        wanted = State.UP if self.services.targets[name].ailment is Ailment.NONE else State.DOWN
        accepted = (State.UP, State.DOWN) if name == FLAPPING else (wanted,)
        return None if state.state in accepted else f"{name} is {state.state.value}, should be {wanted.value}"

    def _answer(self, request: dict[str, str]) -> dict[str, Any]:
        """A request from another terminal; on the door's thread."""
        try:
            return {"ok": True, "text": self.act(Act(request.get("act", "")), request.get("name", ""))}
        except (NotNow, ValueError) as error:
            return {"ok": False, "text": str(error)}

    def _start_nodes(self) -> None:
        with self._interrupts.held():
            settings = self.settings
            log_dir = settings.data_dir / LOGS
            self._crew = Crew(self.kafka.bootstrap, settings.cluster, log_dir, settings.session_timeout_s)
            for node_id in NODE_IDS:
                self._crew.start(node_id, self._web_ports[node_id])
        self._say(f"nodes {', '.join(NODE_IDS)} are starting, logs in {log_dir}")
        boards = ", ".join(f"http://127.0.0.1:{self._web_ports[node_id]}/" for node_id in NODE_IDS)
        self._say(f"their dashboards, for a browser: {boards}")

    def _configure(self) -> None:
        """Beside the wait for it, so that a node that ends meanwhile is told at once."""
        settings, targets = self.settings, self.services.targets.values()
        outcome: list[int | BaseException] = []

        def work() -> None:
            try:
                outcome.append(
                    configure(self.kafka.bootstrap, settings.cluster, targets, settings.data_dir, READY_DEADLINE_S)
                )
            except FAILURES as error:
                outcome.append(error)

        threading.Thread(target=work, name="demo-configure", daemon=True).start()
        took_s = self.wait(lambda: bool(outcome), READY_DEADLINE_S + ANSWER_LATE_S, "an answer to the configuration")
        if isinstance(outcome[0], BaseException):
            raise outcome[0]
        self._say(f"configuration of {len(targets)} services accepted, {outcome[0]} operations, after {took_s:.1f} s")

    def _break(self, name: str) -> str:
        return f"{name} {self._known(name, self.services.break_).value}"

    def _heal(self, name: str) -> str:
        self._known(name, self.services.heal)
        return f"{name} is healed"

    def _kill(self, name: str) -> str:
        return f"node {name} killed with -9 (pid {self.crew.kill(NodeId(name))})"

    def _term(self, name: str) -> str:
        return f"node {name} asked to leave with SIGTERM (pid {self.crew.term(NodeId(name))})"

    def _start(self, name: str) -> str:
        if name not in NODE_IDS:
            raise NotNow(f"no node {name!r}: there are {', '.join(NODE_IDS)}")
        node_id = NodeId(name)
        return f"node {name} is starting (pid {self.crew.start(node_id, self._web_ports[node_id]).pid})"

    @staticmethod
    def _known(name: str, do: Callable[[str], Ailment | None]) -> Ailment:
        try:
            return do(name) or Ailment.NONE
        except (Unknown, OSError) as error:
            raise NotNow(str(error)) from error


_ACTS: dict[Act, Callable[[Demo, str], str]] = {
    Act.BREAK: Demo._break,
    Act.HEAL: Demo._heal,
    Act.KILL: Demo._kill,
    Act.TERM: Demo._term,
    Act.START: Demo._start,
}
