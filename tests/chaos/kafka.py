"""The Kafka of a run: a broker that a fault may stop, kill and start again, on the same folder and port."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.kafka.broker import Broker
from infra.kafka.settings import HOST

HEAP_MB = 384


class Kafka:
    """One folder; the broker that now serves it."""

    def __init__(self, folder: Path, host: str = HOST) -> None:
        self._folder, self._host = folder / "kafka", host
        self.broker = Broker.start(self._folder, host=host, heap_mb=HEAP_MB)

    @property
    def bootstrap(self) -> str:
        """Where clients find it, whether it is there or not."""
        return self.broker.bootstrap

    @property
    def logs(self) -> Path:
        """The folder of its partitions."""
        return self._folder / "logs"

    def start(self) -> None:
        """Come back, where it was."""
        self.broker = Broker.start(self._folder, self.broker.port, host=self._host, heap_mb=HEAP_MB)

    def stop(self) -> None:
        """End in order."""
        if self.broker.is_running():
            self.broker.stop()


@contextmanager
def own_kafka(host: str = HOST) -> Iterator[Kafka]:
    """A Kafka; it is ended when the block is left."""
    with tempfile.TemporaryDirectory(prefix="chaos-kafka-", ignore_cleanup_errors=True) as folder:
        kafka = Kafka(Path(folder), host)
        try:
            yield kafka
        finally:
            kafka.stop()
