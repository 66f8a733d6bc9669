"""Is Faust still reading? A watchdog over the group's own committed offsets.

Rule: a partition of ours has stalled if records wait behind what the group has committed, and the commit has not moved
for STALL_S since the last assignment, of which only the time counts in which the loop had nothing to do: a node with
more work than processor is late and has not stalled, and to start it anew would bring it a rebalance on top. The app is
then started anew: stalls after rebalances are known of Faust, and a folded partition that nobody reads looks healthy
from everywhere else. Why committed offsets and not our own counters: they also show the partition that never began.
`Progress` is the rule, `StallWatch` asks Kafka.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from structlog import get_logger

from connectors.kafka.ends import EndOffsets
from connectors.kafka.places import Place
from connectors.kafka.settings import KafkaAccess

log = get_logger()

STALL_S = 10.0
ASK_EVERY_S = 2.0
ANSWER_S = 3.0
SCHEDULED = Path("/proc/thread-self/schedstat")
"""Nanoseconds that this thread has run, and that it waited for a processor (Linux)."""


def idle_s(scheduled: Path = SCHEDULED) -> float:
    """Seconds in which the calling thread had nothing to do, of a clock that only goes on; all, where nobody counts."""
    try:
        ran_ns, waited_ns = map(int, scheduled.read_text().split()[:2])
    except (OSError, ValueError):
        ran_ns = waited_ns = 0
    return time.monotonic() - (ran_ns + waited_ns) / 1e9


@dataclass(slots=True)
class Progress:
    """Since when each place has stood still with records waiting. Pure: the clock is an argument."""

    stall_s: float = STALL_S
    _since: dict[Place, tuple[int, float]] = field(default_factory=dict)

    def observe(self, committed: Mapping[Place, int], ends: Mapping[Place, int], now_s: float) -> list[Place]:
        """Places that have stalled. A place that is not asked about any more is forgotten."""
        stalled: list[Place] = []
        since: dict[Place, tuple[int, float]] = {}
        for place, end in ends.items():
            offset = committed.get(place, 0)
            if offset >= end:
                continue
            known = self._since.get(place)
            since[place] = known if known is not None and known[0] == offset else (offset, now_s)
            if now_s - since[place][1] >= self.stall_s:
                stalled.append(place)
        self._since = since
        return stalled

    def forget(self) -> None:
        """A new assignment, or no right to act: everything begins again."""
        self._since.clear()


def from_oldest(committed: Mapping[Place, int], oldest: Mapping[Place, int]) -> dict[Place, int]:
    """Where reading stands: records that have expired wait for nobody, and a place without a commit begins behind them.

    Without this a place whose records all expired before the group read them would count as stalled for ever.
    """
    return {place: max(offset, committed.get(place, 0)) for place, offset in oldest.items()}


class StallWatch:
    """Asks every ASK_EVERY_S while `watched` gives places (none while the node may not act)."""

    def __init__(
        self,
        access: KafkaAccess,
        group: str,
        watched: Callable[[], list[Place]],
        on_stall: Callable[[list[Place]], None],
    ) -> None:
        self._ends = EndOffsets(access)
        # Asks as a member that never joins. The admin client's question for a group's offsets can abort the process
        # when the broker leaves in the middle of it (librdkafka 2.16, enq_once of a coordinator request).
        self._member = Consumer({**access.reader(), "group.id": group, "logger": logging.getLogger("watchbill.stall")})
        self._watched = watched
        self._on_stall = on_stall
        self._progress = Progress()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await asyncio.sleep(ASK_EVERY_S)
            places = self._watched()
            if not places:
                self._progress.forget()
                continue
            answer = await asyncio.to_thread(self._ask, places)
            stalled = self._progress.observe(*answer, idle_s()) if answer is not None else []
            if stalled:
                log.error("partitions stalled", count=len(stalled), first=f"{stalled[0].topic}/{stalled[0].partition}")
                self._progress.forget()
                self._on_stall(stalled)

    def assigned(self) -> None:
        """The group gave partitions out anew: what was worked off and not committed yet is read again."""
        self._progress.forget()

    def _ask(self, places: list[Place]) -> tuple[dict[Place, int], dict[Place, int]] | None:
        """Committed and end offsets; None if Kafka does not answer, which is no stall of Faust's."""
        ends, oldest = self._ends.ask(places), self._ends.ask(places, oldest=True)
        if ends is None or oldest is None:
            return None
        try:
            committed = self._member.committed([TopicPartition(*place) for place in places], timeout=ANSWER_S)
        except KafkaException as fault:
            log.debug("cannot ask for the group's offsets", error=str(fault))
            return None
        return from_oldest({Place(spot.topic, spot.partition): spot.offset for spot in committed}, oldest), ends
