"""Stand-ins for our own small protocols: a sender that keeps what it is given, a clock, and a `call_later`.

None of them is a Kafka: what became of a record is told when the test says so, as the producer's thread would.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from connectors.kafka.producer import Delivery


@dataclass(slots=True)
class Sent:
    """One record as it was given to the sender."""

    topic: str
    partition: int
    key: bytes | None
    value: bytes | None
    on_delivery: Callable[[Delivery], None] | None

    def settle(self, error: str | None = None) -> None:
        """Its fate: delivered, or the error."""
        if self.on_delivery is not None:
            self.on_delivery(Delivery(self.topic, self.partition, -1 if error else 0, error))


@dataclass(slots=True)
class RecordingSender:
    """Takes records until `room` is used up (None: no end). With `at_once` each is delivered as it comes."""

    room: int | None = None
    at_once: bool = False
    sent: list[Sent] = field(default_factory=list)

    def send(
        self,
        topic: str,
        partition: int,
        key: bytes | None,
        value: bytes | None,
        on_delivery: Callable[[Delivery], None] | None = None,
    ) -> bool:
        if self.room == 0:
            return False
        if self.room is not None:
            self.room -= 1
        self.sent.append(Sent(topic, partition, key, value, on_delivery))
        if self.at_once:
            self.sent[-1].settle()
        return True

    def take(self) -> list[Sent]:
        """What was sent since the last call."""
        taken, self.sent = self.sent, []
        return taken


@dataclass(slots=True)
class Later:
    """A `call_later` whose time passes when the test says so."""

    calls: list[tuple[float, Callable[..., Any], tuple[Any, ...]]] = field(default_factory=list)

    def __call__(self, delay_s: float, action: Callable[..., Any], *arguments: Any) -> None:
        self.calls.append((delay_s, action, arguments))

    def tick(self) -> list[float]:
        """Run what waits now; the delays that were asked for."""
        calls, self.calls = self.calls, []
        for _, action, arguments in calls:
            action(*arguments)
        return [delay_s for delay_s, _, _ in calls]


@dataclass(slots=True)
class Clock:
    """Seconds that pass by hand."""

    now_s: float = 100.0

    def __call__(self) -> float:
        return self.now_s


@dataclass(slots=True)
class Switch:
    """Whether a node may act, as the lease would say."""

    on: bool = True

    def __call__(self) -> bool:
        return self.on
