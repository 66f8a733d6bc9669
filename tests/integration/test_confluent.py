"""States read by Confluent's own deserializer, with schemas from a real registry."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

from connectors.outbound.registry import RegistryRefused, register
from infra.kafka.broker import Broker
from schemas.identifiers import EntityId
from schemas.states import State
from schemas.topics import FRAMED_STATES, topic_name
from tests.integration.apicurio import apicurio
from tests.integration.writing import Writer
from tests.unit.replica.samples import service_state
from tests.waiting import wait_until

SETTLED_S = 60.0
WEB, SHOP, GONE = EntityId("3-0"), EntityId("4-0"), EntityId("5-0")


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with apicurio(tmp_path_factory.mktemp("apicurio")) as url:
        yield url


class Others:
    """A consumer as others write it: nothing of Watchbill's in it but the topic's name."""

    def __init__(self, bootstrap: str, topic: str, registry: str, login: Mapping[str, str] | None = None) -> None:
        self.read: dict[str, dict[str, Any] | None] = {}
        self.ids: set[int] = set()
        self._decode = AvroDeserializer(SchemaRegistryClient({"url": registry, **(login or {})}))
        self._consumer = Consumer(
            {"bootstrap.servers": bootstrap, "group.id": f"others-{topic}", "auto.offset.reset": "earliest"}
        )
        self._consumer.subscribe([topic])
        self._topic = topic

    def until(self, condition: Callable[[dict[str, dict[str, Any] | None]], bool], what: str) -> None:
        def enough() -> bool:
            for message in self._consumer.consume(100, 0.1):
                assert message.error() is None, message.error()
                context = SerializationContext(self._topic, MessageField.VALUE)
                value = message.value()
                self.ids |= set() if value is None else {int.from_bytes(value[1:5], "big")}
                self.read[message.key().decode()] = self._decode(value, context)
            return condition(self.read)

        wait_until(enough, SETTLED_S, what)

    def close(self) -> None:
        self._consumer.close()


@contextmanager
def feeding(
    bootstrap: str, cluster: str, registry: str, log_path: Path, environment: Mapping[str, str] | None = None
) -> Iterator[subprocess.Popen[bytes]]:
    words = ["feed", "confluent", "--bootstrap", bootstrap, "--cluster", cluster, "--registry", registry]
    with log_path.open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "streams.cli.main", *words],
            stdout=log,
            stderr=log,
            env={**os.environ, **(environment or {})},
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(SETTLED_S) == 0, log_path.read_text()


@pytest.mark.timeout(300)
def test_confluents_deserializer_reads_every_state(
    broker: Broker, cluster: str, writer: Writer, registry: str, tmp_path: Path
) -> None:
    topic, log_path = topic_name(cluster, FRAMED_STATES), tmp_path / "feed.log"
    writer.put(service_state(WEB, name="web"), service_state(GONE, name="gone"))
    with feeding(broker.bootstrap, cluster, registry, log_path) as process:
        wait_until(lambda: "feeding" in log_path.read_text() or process.poll(), SETTLED_S, f"it feeds; see {log_path}")
        others = Others(broker.bootstrap, topic, registry)
        others.until(lambda read: {WEB, GONE} <= set(read), "both services are read")
        web = others.read[WEB]
        assert web is not None
        assert (web["name"], web["state"], web["owner"]) == ("web", "UP", "b0")
        writer.put(service_state(WEB, sequence=2, state=State.DOWN, name="web"))
        others.until(lambda read: (read[WEB] or {})["state"] == "DOWN", "the change is read")
    writer.raw(GONE, None)
    writer.put(service_state(SHOP, name="shop"))
    with feeding(broker.bootstrap, cluster, registry, log_path):
        others.until(lambda read: read[GONE] is None and SHOP in read, "what happened meanwhile is made up for")
    others.close()
    assert len(others.ids) == 1, "one text of the schema has one id at every start"
    assert "2 to be written" in log_path.read_text().splitlines()[-1]


@pytest.mark.timeout(120)
def test_a_registry_that_is_none_is_told(registry: str, broker: Broker) -> None:
    for url, told in (
        ("localhost:8081", "is no URL"),
        ("http://127.0.0.1:1", "no schema registry answers"),
        (registry.replace("/apis/ccompat/v7", "/nothing"), "is it the base of Confluent's interface?"),
    ):
        with pytest.raises(RegistryRefused, match=told.replace("?", r"\?")):
            register(url, "any-value", '"string"', {})
    with pytest.raises(RegistryRefused, match="does not take the schema of any-value"):
        register(registry, "any-value", '{"type": "nonsense"}', {})
