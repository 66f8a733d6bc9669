"""When a producer that can send no more is given a new client."""

from __future__ import annotations

from dataclasses import dataclass, field

from streams.node.stuck import STREAK, StuckProducers


@dataclass
class Client:
    """A producer as the rule sees it."""

    failed: int = 0
    replaced: list[str] = field(default_factory=list)

    def replace(self, reason: str) -> None:
        self.replaced.append(reason)


def test_a_producer_whose_records_time_out_look_after_look_is_replaced_alone() -> None:
    failing, well = Client(), Client()
    stuck = StuckProducers((failing, well))
    for _ in range(STREAK - 1):
        failing.failed += 5
        stuck.look(kafka_answers=True)
    assert failing.replaced == []
    failing.failed += 1
    stuck.look(kafka_answers=True)
    assert failing.replaced == ["records time out while Kafka answers"]
    assert well.replaced == []


def test_a_look_without_a_failure_or_without_the_lease_begins_anew() -> None:
    client = Client()
    stuck = StuckProducers((client,))
    for number in range(3 * STREAK):
        client.failed += number % STREAK != 0
        stuck.look(kafka_answers=True)
    assert client.replaced == [], "it delivers now and then"
    for _ in range(2 * STREAK):
        client.failed += 1
        stuck.look(kafka_answers=False)
    assert client.replaced == [], "without the lease Kafka is away, not the client"


def test_after_a_replacement_the_new_client_has_its_own_chance() -> None:
    client = Client()
    stuck = StuckProducers((client,))
    for _ in range(2 * STREAK):
        client.failed += 1
        stuck.look(kafka_answers=True)
    assert len(client.replaced) == 2
