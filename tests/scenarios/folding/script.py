"""The little language of the fold's scenarios, and the machine that runs it.

A line is `<time> <verb> <words>`; below it stand the facts it made, each behind `=`. A file is run by writing all facts
anew and comparing the whole text, so that a difference is read as a diff. To accept what the fold now does:
`python -m tests.scenarios.folding.script`, then read the diff of the files.

    0s   owner b0 view=3                              who owns the service under a view
    0s   configure web 10.0.0.1:80 threshold=40 : http weight=20, tcp weight=40 retries=2
    0s   configure web 10.0.0.1:80 paths=together : http          paths=individual, or off as by default
    0s   configure web 10.0.0.1:80 flap_changes=2 flap_window=30 : http alert_retries=5 slow_above_us=900, tcp shadow
    0s   disable | disable delay=60 | disable graceful | enable | remove
    60s  due                                          the node's housekeeping says what time it is
    1s   claim b0 view=3                              the owner declares itself
    2s   report b0 view=3 : http run=1 UP OK 1 300us, tcp run=1 DOWN REFUSED 2 "no listener"
    2s   report b0 view=3 ask=b1 : http run=1 DOWN REFUSED 3    b0 doubts itself: b1 is to be asked (U-8)
    2s   opine b1 view=3 : http run=1 DOWN REFUSED 1           what b1 found
    2s   paths b1 b2 | paths none | paths              which nodes have no path; all reach it; none has reported (P-10)
    2s   again                                        the last record of a node once more (at least once)
    2s   again 3                                      the last three
    3s   restart b0                                   the node has another incarnation from now on
    3s   crash                                        the fold starts anew from the last record in the topic
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field, replace
from pathlib import Path

from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import PathState, ProbeRun, Reason, Verdict
from schemas.states import PathMonitoring, ServiceState
from streams.folding.events import (
    BindingConfig,
    Claimed,
    Configured,
    Due,
    Opined,
    PathsChanged,
    Reach,
    Reported,
    Sender,
    ServiceConfig,
    Source,
)
from streams.folding.facts import Alert, Fact, Publish, Refuse, Remove, Transition
from streams.folding.service import ServiceFold

SERVICE = EntityId("5-0")
CASES = Path(__file__).parent / "cases"


@dataclass
class World:
    """One service, its fold, and what the topics hold."""

    fold: ServiceFold = field(default_factory=lambda: ServiceFold(SERVICE))
    config: ServiceConfig | None = None
    owners: dict[ViewId, NodeId] = field(default_factory=dict)
    incarnations: dict[str, int] = field(default_factory=dict)
    sequences: dict[str, int] = field(default_factory=dict)
    sent: list[Reported | Claimed | Opined] = field(default_factory=list)
    offset: int = 0

    def run(self, line: str) -> list[str]:
        time, verb, *rest = line.split(maxsplit=2)
        now_ms = round(float(time.removesuffix("s")) * 1000)
        facts = getattr(self, verb)(rest[0] if rest else "", now_ms)
        return [] if facts is None else [written(fact) for fact in facts] or ["nothing"]

    def owner(self, words: str, now_ms: int) -> None:
        node, view = words.split()
        self.owners[view_of(view)] = NodeId(node)

    def configure(self, words: str, now_ms: int) -> list[Fact]:
        head, _, bindings = words.partition(" :")
        name, address, *settings = head.split()
        ip_address, port = address.rsplit(":", 1)
        named = dict(word.split("=") for word in settings)
        bound = tuple(binding_of(text) for text in bindings.split(",") if text.strip())
        enabled = self.config.enabled if self.config else True
        config = ServiceConfig(SERVICE, name, ip_address, int(port), enabled, int(named.get("threshold", 0)), bound)
        flap_changes, flap_window_ms = int(named.get("flap_changes", 0)), 1000 * int(named.get("flap_window", 60))
        leave_ms, graceful = (self.config.leave_ms, self.config.graceful) if self.config else (0, False)
        config = replace(config, path_monitoring=PathMonitoring[named.get("paths", "off").upper()])
        damped = replace(config, flap_changes=flap_changes, flap_window_ms=flap_window_ms)
        return self._configured(replace(damped, leave_ms=leave_ms, graceful=graceful), now_ms)

    def enable(self, words: str, now_ms: int) -> list[Fact]:
        assert self.config is not None
        return self._configured(replace(self.config, enabled=True, leave_ms=0, graceful=False), now_ms)

    def disable(self, words: str, now_ms: int) -> list[Fact]:
        assert self.config is not None
        leave_ms = 1000 * int(words.removeprefix("delay=")) if words.startswith("delay=") else 0
        graceful = words == "graceful"
        return self._configured(replace(self.config, enabled=False, leave_ms=leave_ms, graceful=graceful), now_ms)

    def due(self, words: str, now_ms: int) -> list[Fact]:
        return list(self.fold.apply(Due(), now_ms))

    def paths(self, words: str, now_ms: int) -> list[Fact]:
        unreachable = tuple(NodeId(node) for node in words.split() if node != "none")
        state = PathState.DOWN if unreachable else PathState.UP if words else PathState.UNKNOWN
        return list(self.fold.apply(PathsChanged(Reach(state, unreachable)), now_ms))

    def remove(self, words: str, now_ms: int) -> list[Fact]:
        return self._configured(None, now_ms)

    def claim(self, words: str, now_ms: int) -> list[Fact]:
        node, view, *ask = words.split()
        owner = self.owners.get(view_of(view))
        return self._send(Claimed(self._sender(node, view), owner, asked_in(ask)), now_ms)

    def report(self, words: str, now_ms: int) -> list[Fact]:
        head, _, runs = words.partition(" : ")
        node, view, *ask = head.split()
        sender = self._sender(node, view)
        reported = self._runs_of(sender, runs, now_ms)
        return self._send(Reported(sender, self.owners.get(view_of(view)), reported, asked_in(ask)), now_ms)

    def opine(self, words: str, now_ms: int) -> list[Fact]:
        head, _, runs = words.partition(" : ")
        sender = self._sender(*head.split())
        return self._send(Opined(sender, self._runs_of(sender, runs, now_ms)), now_ms)

    def again(self, words: str, now_ms: int) -> list[Fact]:
        return [fact for event in self.sent[-int(words or 1) :] for fact in self.fold.apply(event, now_ms)]

    def restart(self, words: str, now_ms: int) -> None:
        self.incarnations[words] = self.incarnations.get(words, 1) + 1

    def crash(self, words: str, now_ms: int) -> list[Fact]:
        self.fold = ServiceFold(SERVICE, self.fold.record)
        return list(self.fold.configured(self.config, self._source("config-entities"), now_ms))

    def _configured(self, config: ServiceConfig | None, now_ms: int) -> list[Fact]:
        self.config = config
        return list(self.fold.apply(Configured(config, self._source("config-entities")), now_ms))

    def _send(self, event: Reported | Claimed | Opined, now_ms: int) -> list[Fact]:
        self.sent.append(event)
        return list(self.fold.apply(event, now_ms))

    def _sender(self, node: str, view: str) -> Sender:
        incarnation = f"{node}#{self.incarnations.get(node, 1)}"
        return Sender(NodeId(node), incarnation, view_of(view), self._source("probe-results"))

    def _source(self, topic: str) -> Source:
        self.offset += 1
        return Source(topic, 9, self.offset)

    def _runs_of(self, sender: Sender, text: str, now_ms: int) -> tuple[ProbeRun, ...]:
        return tuple(self._run_of(sender, each, now_ms) for each in re.split(r",\s*(?=\w+ run=)", text))

    def _run_of(self, sender: Sender, text: str, now_ms: int) -> ProbeRun:
        monitor, run, verdict, reason, count, *more = shlex.split(text)
        sequence = self.sequences[sender.incarnation] = self.sequences.get(sender.incarnation, 0) + 1
        response_us = next((int(word[:-2]) for word in more if re.fullmatch(r"\d+us", word)), 0)
        detail = next((word for word in more if not re.fullmatch(r"\d+us", word)), "")
        return ProbeRun(
            SERVICE,
            EntityId(monitor),
            sequence,
            int(run.removeprefix("run=")),
            Verdict[verdict],
            Reason[reason],
            detail,
            now_ms,
            now_ms,
            int(count),
            response_us,
            response_us,
            response_us,
        )


def view_of(word: str) -> ViewId:
    return ViewId(int(word.removeprefix("view=")))


def asked_in(words: list[str]) -> NodeId | None:
    return next((NodeId(word.removeprefix("ask=")) for word in words if word.startswith("ask=")), None)


def doubt_in(state: ServiceState) -> str:
    if state.doubt is None:
        return ""
    until_ms = state.doubt.until_ms
    return f" asks {state.doubt.asked}" + (" further" if until_ms is None else f" until {until_ms / 1000:g}s")


def binding_of(text: str) -> BindingConfig:
    monitor, *settings = text.split()
    named = {name: int(value) for name, _, value in (word.partition("=") for word in settings) if value}
    return BindingConfig(EntityId(monitor), monitor_name=monitor, counts="shadow" not in settings, **named)


def written(fact: Fact) -> str:
    """A fact on one line."""
    match fact:
        case Publish(state):
            bindings = " ".join(f"{binding.monitor_id}:{binding.state.value}" for binding in state.bindings)
            response = "" if state.response_time_us is None else f" {state.response_time_us}us"
            due = "" if state.due_at_ms is None else f" due {state.due_at_ms / 1000:g}s"
            times = f" since {state.changed_at_ms / 1000:g}s{due}{doubt_in(state)}"
            return (
                f"{state.view_id}/{state.sequence} {state.name} {state.state.value} {state.up_weight}"
                f" of {state.threshold}{response} by {state.owner} [{bindings}]"
                f"{times} | {state.cause.kind.value} {state.cause.text}"
            )
        case Transition(transition):
            return f"{transition.before.value} -> {transition.after.value} at {transition.at_ms / 1000:g}s"
        case Alert():
            return f"alert {fact.kind.value} {fact.text}"
        case Remove(entity_id):
            return f"removed {entity_id}"
        case Refuse(_, reason, text):
            return f"refused {reason.value}: {text}"


def rewrite(text: str) -> str:
    """The scenario with the facts that the fold makes of it now."""
    world, lines = World(), []
    for line in text.splitlines():
        if line.lstrip().startswith("="):
            continue
        lines.append(line)
        if line.strip() and not line.startswith("#"):
            lines += [f"     = {fact}" for fact in world.run(line)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    for case in sorted(CASES.glob("*.txt")):
        case.write_text(rewrite(case.read_text()))
