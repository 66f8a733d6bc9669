"""States against the truth: what the targets really did, where a test or an operator knows it.

Rule: a DOWN is false if the target was well at that instant and for the slack before it; a change of the target that
lasts is to be told within the bound. What was shorter is nobody's to notice. What was found before is not told after
what was found since: it is no longer so, by who has looked later. Why by transitions and not by states: a
transition carries the instant of the probe that made it, whatever the record's way took.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from schemas.identifiers import EntityId, ViewId, partition_of
from schemas.states import ServiceTransition, State
from streams.audit.findings import NO_OFFSET, Breach, Fault


@dataclass(frozen=True, slots=True)
class Turn:
    """A target became well or ill."""

    at_ms: int
    well: bool


Truth = Mapping[EntityId, Sequence[Turn]]
"""The turns of each service's target, ascending; of the time before the first one nothing is known."""


@dataclass(frozen=True, slots=True)
class Detection:
    """How long a lasting turn took to be told; `took_ms` None: it was not told before the next turn."""

    entity_id: EntityId
    turn: Turn
    took_ms: int | None


@dataclass(frozen=True, slots=True)
class Judgement:
    """What came of the comparison."""

    detections: tuple[Detection, ...]
    breaches: tuple[Breach, ...]


def judge(
    truth: Truth, transitions: Iterable[ServiceTransition], bound_ms: int, slack_ms: int, until_ms: int
) -> Judgement:
    """Compare what was told with what was so, up to `until_ms`.

    `bound_ms`: what a lasting turn may take to be told; `slack_ms`: how long after a target is well again a probe may
    still have met it ill.
    """
    lines: dict[EntityId, list[ServiceTransition]] = defaultdict(list)
    for line in transitions:
        if line.entity_id in truth:
            lines[line.entity_id].append(line)
    detections: list[Detection] = []
    breaches: list[Breach] = []
    for service, turns in truth.items():
        # In the order of telling: an owner that is back may tell by a probe that is older than what its successor told.
        told = sorted(lines[service], key=lambda line: (line.view_id, line.sequence))
        breaches += _false_downs(service, turns, told, slack_ms)
        breaches += _told_old(service, told, slack_ms)
        found = list(_detections(service, turns, told, bound_ms, until_ms))
        detections += found
        breaches += _late(found, bound_ms)
    return Judgement(tuple(detections), tuple(breaches))


def _false_downs(
    service: EntityId, turns: Sequence[Turn], told: Sequence[ServiceTransition], slack_ms: int
) -> Iterator[Breach]:
    for line in told:
        index = bisect_right(turns, line.at_ms, key=lambda turn: turn.at_ms) - 1
        if line.after is not State.DOWN or index < 0:
            continue
        if turns[index].well and line.at_ms - turns[index].at_ms > slack_ms:
            text = (
                f"{line.name}: DOWN by {line.owner} at {line.at_ms}, well since {turns[index].at_ms}: {line.cause.text}"
            )
            yield Breach(Fault.FALSE_DOWN, service, partition_of(service), NO_OFFSET, text, line.at_ms)


def _told_old(service: EntityId, told: Sequence[ServiceTransition], slack_ms: int) -> Iterator[Breach]:
    for before, line in pairwise(told):
        if before.at_ms - line.at_ms > slack_ms:
            text = (
                f"{line.name}: {line.after.value} by {line.owner} as of {line.at_ms} behind "
                f"{before.after.value} by {before.owner} as of {before.at_ms}: {line.cause.text}"
            )
            yield Breach(Fault.TOLD_OLD, service, partition_of(service), NO_OFFSET, text, line.at_ms)


def gaps(transitions: Iterable[ServiceTransition]) -> Iterator[Breach]:
    """Where a line of history does not begin with the state that the one before it ended with.

    A node that was killed may have told a state and not its line: of such a log this asks too much.
    """
    lines: dict[EntityId, dict[tuple[ViewId, int], ServiceTransition]] = defaultdict(dict)
    for line in transitions:
        lines[line.entity_id][line.view_id, line.sequence] = line
    for service, told in lines.items():
        for before, line in pairwise(told[order] for order in sorted(told)):
            if line.before is not before.after:
                text = (
                    f"{line.name}: ({line.view_id}, {line.sequence}) from {line.before.value} behind "
                    f"({before.view_id}, {before.sequence}) to {before.after.value}"
                )
                yield Breach(Fault.HISTORY_GAP, service, partition_of(service), NO_OFFSET, text, line.at_ms)


def _detections(
    service: EntityId, turns: Sequence[Turn], told: Sequence[ServiceTransition], bound_ms: int, until_ms: int
) -> Iterator[Detection]:
    """One for each turn that lasted for longer than the bound."""
    ends = [*(turn.at_ms for turn in turns[1:]), until_ms]
    for turn, end_ms in zip(turns, ends, strict=True):
        if end_ms - turn.at_ms <= bound_ms:
            continue
        wanted = State.UP if turn.well else State.DOWN
        before = [line for line in told if line.at_ms <= turn.at_ms]
        if before and before[-1].after is wanted:
            yield Detection(service, turn, 0)
            continue
        at_ms = next((line.at_ms for line in told if turn.at_ms < line.at_ms < end_ms and line.after is wanted), None)
        yield Detection(service, turn, None if at_ms is None else at_ms - turn.at_ms)


def _late(detections: Iterable[Detection], bound_ms: int) -> Iterator[Breach]:
    for found in detections:
        if found.took_ms is None or found.took_ms > bound_ms:
            fault = Fault.LATE_UP if found.turn.well else Fault.LATE_DOWN
            took = "never told" if found.took_ms is None else f"told after {found.took_ms} ms"
            text = f"{found.entity_id}: {'well' if found.turn.well else 'ill'} at {found.turn.at_ms}, {took}"
            yield Breach(fault, found.entity_id, partition_of(found.entity_id), NO_OFFSET, text, found.turn.at_ms)
