"""When a producer that can send no more is given a new client."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.kafka.places import Place
from streams.node.stuck import STREAK, StuckProducers

ONE, OTHER = Place("states", 1), Place("states", 2)


@dataclass
class Client:
    """A producer as the rule sees it."""

    timed_out: dict[Place, int] = field(default_factory=dict)
    replaced: list[str] = field(default_factory=list)

    def replace(self, reason: str) -> None:
        self.replaced.append(reason)

    def fail(self, place: Place = ONE, records: int = 1) -> None:
        self.timed_out[place] = self.timed_out.get(place, 0) + records

    def deliver(self, place: Place = ONE) -> None:
        self.timed_out.pop(place, None)


def test_a_producer_whose_records_time_out_look_after_look_is_replaced_alone() -> None:
    failing, well = Client(), Client()
    stuck = StuckProducers((failing, well))
    for _ in range(STREAK - 1):
        failing.fail(records=5)
        stuck.look(kafka_answers=True)
        stuck.look(kafka_answers=True)
    assert failing.replaced == [], "a look without a new failure counts for nothing"
    failing.fail()
    stuck.look(kafka_answers=True)
    assert failing.replaced == ["records of states/1 time out while Kafka answers"]
    assert well.replaced == []


def test_a_delivery_in_between_or_a_silent_kafka_begins_anew() -> None:
    client = Client()
    stuck = StuckProducers((client,))
    for number in range(3 * STREAK):
        client.fail()
        if number % STREAK == 0:
            client.deliver()
        stuck.look(kafka_answers=True)
    assert client.replaced == [], "it delivers now and then"
    for _ in range(2 * STREAK):
        client.fail()
        stuck.look(kafka_answers=False)
    assert client.replaced == [], "Kafka is away, not the client"


def test_a_storm_on_a_slow_machine_is_no_lost_partition() -> None:
    client = Client()
    stuck = StuckProducers((client,))
    for number in range(5 * STREAK):
        late, through = (ONE, OTHER) if number % 2 else (OTHER, ONE)
        client.fail(late, 50)
        client.deliver(through)
        stuck.look(kafka_answers=True)
    assert client.replaced == []


def test_one_lost_partition_is_seen_although_the_others_get_through() -> None:
    client = Client()
    stuck = StuckProducers((client,))
    for _ in range(STREAK):
        client.fail(ONE)
        client.fail(OTHER)
        client.deliver(OTHER)
        stuck.look(kafka_answers=True)
    assert len(client.replaced) == 1


def test_after_a_replacement_the_new_client_has_its_own_chance() -> None:
    client = Client()
    stuck = StuckProducers((client,))
    for _ in range(2 * STREAK):
        client.fail()
        stuck.look(kafka_answers=True)
    assert len(client.replaced) == 2
