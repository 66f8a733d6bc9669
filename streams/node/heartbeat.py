"""A node's heartbeat: its status on the `nodes` topic, from a thread of its own.

Rule: the heartbeat says that the *process* is alive and reaches Kafka; the watchdog beside it says whether the event
loop still turns. aiokafka heartbeats from another thread and would keep a node whose loop is stuck in the group for
ever, so a loop that is silent for LOOP_SILENCE_S ends the process: a restart is a clean leave, a stuck owner is not.
After a suspend both were silent, and the loop gets its time again. A heartbeat that fails for good ends the process
too: without it there is no lease and no watchdog, and nobody would see why.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

from structlog import get_logger

from schemas.cluster import NodeStatus
from schemas.codec import encode
from streams.node.lease import Lease, boot_clock_s
from streams.tables.outbox import Sender

log = get_logger()

LOOP_SILENCE_S = 10.0
HELD_UP_S = 2.0
"""The thread itself came so much later than it should: the whole process stood still."""
EXIT_STUCK = 70


class Heartbeat:
    """Sends `status(beat)` every period until stopped."""

    def __init__(
        self,
        sender: Sender,
        topic: str,
        period_s: float,
        lease: Lease,
        status: Callable[[int], NodeStatus],
        end_process: Callable[[int], None] = os._exit,
        clock: Callable[[], float] = boot_clock_s,
    ) -> None:
        self._sender = sender
        self._topic = topic
        self._period_s = period_s
        self._lease = lease
        self._status = status
        self._end_process = end_process
        self._stopping = threading.Event()
        self._now = threading.Event()
        self._clock = clock
        self._loop_seen_at = self._looked_at = clock()
        self._watching = False
        self._last_beat = True
        self.beat = 0
        self._thread = threading.Thread(target=self._run, name="heartbeat", daemon=True)

    def start(self) -> None:
        """Begin; the first beat goes out at once."""
        self._thread.start()

    def stop(self, say_so: bool = True) -> None:
        """End; with a last beat of the status of now, unless another process beats under this id."""
        if not self._thread.is_alive():
            return
        self._last_beat = say_so
        self._stopping.set()
        self._now.set()
        self._thread.join(timeout=2)

    def beat_now(self) -> None:
        """Send the status at once: its phase or its view has changed."""
        self._now.set()

    def loop_turned(self) -> None:
        """The event loop is alive. From the first call on, its silence ends the process."""
        self._loop_seen_at = self._clock()
        self._watching = True

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._send()
                self.watch_loop()
                self._now.wait(self._period_s)
                self._now.clear()
            if self._last_beat:
                self._send()
        except Exception:
            log.exception("the heartbeat failed, ending the process")
            self._end_process(EXIT_STUCK)

    def _send(self) -> None:
        self.beat += 1
        status = self._status(self.beat)
        data = encode(status)
        self._lease.sent(self.beat)
        if not self._sender.send(self._topic, 0, status.node_id.encode(), data):
            log.warning("heartbeat not queued", beat=self.beat, mend="the producer's queue is full: is Kafka away?")

    def watch_loop(self) -> None:
        """End the process if the loop is stuck. Called after each beat."""
        now_s = self._clock()
        held_up = now_s - self._looked_at > self._period_s + HELD_UP_S
        self._looked_at = now_s
        if held_up:
            self._loop_seen_at = now_s
        silence_s = now_s - self._loop_seen_at
        if self._watching and silence_s > LOOP_SILENCE_S:
            log.critical("event loop stuck, ending the process", silence_s=round(silence_s, 1))
            self._end_process(EXIT_STUCK)
