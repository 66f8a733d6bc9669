"""An explanation in a cluster of ten thousand services: what is read for it, and that it does not take long (U-1)."""

from __future__ import annotations

import resource
import subprocess
import sys
from dataclasses import replace

import pytest

from connectors.kafka.log_slice import LogSlices, Piece
from connectors.kafka.places import LogRecord, Place
from connectors.kafka.producer import OwnProducer
from connectors.replica.base import default_access
from infra.kafka.broker import Broker
from schemas.codec import encode
from schemas.config import BoundTo, ConfigEntity, ConfigRevision, Kind
from schemas.identifiers import entity_id, partition_of
from schemas.inventory.entities import entity_key
from schemas.topics import CONFIG_ENTITIES, SERVICE_STATES, VIEWS, topic_name
from streams.cli.gather import TOPICS_READ, gather
from streams.cli.library import opened
from tests.unit.cli_show.samples import HTTP, entities, proposal, state

SERVICES = 10_000
ASKED = entity_id(1, 7_000)
MOST_S = 5.0
"""Of processor time: some two seconds, most of it Python's start and the ten thousand configured services."""


@pytest.fixture
def filled(broker: Broker, cluster: str) -> str:
    """The cluster's name."""
    producer = OwnProducer(default_access(broker.bootstrap, "test"), delivery_timeout_ms=60_000)
    config, states = topic_name(cluster, CONFIG_ENTITIES), topic_name(cluster, SERVICE_STATES)

    def send(topic: str, key: str | None, value: bytes, partition: int = 0) -> None:
        while not producer.send(topic, partition, None if key is None else key.encode(), value):
            producer.flush(1.0)

    monitor = entities().by_id[HTTP]
    send(config, entity_key(monitor.kind, monitor.entity_id), encode(monitor))
    for index in range(SERVICES):
        service = entity_id(1, index)
        settings, bound = {"address": "10.0.0.1", "port": 80}, (BoundTo(Kind.MONITOR, HTTP, 1, True),)
        entity = ConfigEntity(service, Kind.SERVICE, f"service-{index}", 1, True, settings, bound)
        send(config, entity_key(Kind.SERVICE, service), encode(entity))
        send(states, service, encode(replace(state(), entity_id=service, name=entity.name)), partition_of(service))
    send(config, "revision", encode(ConfigRevision(1, "command")))
    for change in (proposal(-1, "b0"), proposal(0, "b0", "b1")):
        send(topic_name(cluster, VIEWS), None, encode(change))
    assert producer.close(60.0) == 0
    return cluster


def test_U1_of_the_states_only_the_partition_of_the_service_is_read(
    broker: Broker, filled: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[Place] = []
    read = LogSlices.read

    def noted(slices: LogSlices, pieces: dict[Place, Piece]) -> list[LogRecord]:
        asked.extend(pieces)
        return read(slices, pieces)

    monkeypatch.setattr(LogSlices, "read", noted)
    with opened(broker.bootstrap, filled, None, TOPICS_READ) as library:
        evidence = gather(library, "service-7000", None)
    assert evidence.then.told is not None
    assert evidence.then.told.entity_id == ASKED
    keyed = {place for place in asked if place.topic != topic_name(filled, CONFIG_ENTITIES) and place.partition}
    assert {place.partition for place in keyed} == {partition_of(ASKED)}

    before_s = used_s()
    command = [sys.executable, "-m", "streams.cli.main", "explain", "service-7000", "--bootstrap", broker.bootstrap]
    ran = subprocess.run([*command, "--cluster", filled], capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
    assert "service-7000" in ran.stdout
    took_s = used_s() - before_s
    print(f"explain of one of {SERVICES:,} services: {took_s:.1f} s of processor time")
    assert took_s < MOST_S


def used_s() -> float:
    """Processor time of the programs that were started from here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
