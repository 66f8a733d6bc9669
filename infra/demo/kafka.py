"""The Kafka of the demo: one of its own, or a cluster that exists and is only used.

Rule: its own begins empty each time, because it is a demo's: what the last one left is thrown away, if the folder is
one that a broker of ours has made. A broker that an earlier demo left behind (killed with -9) is ended first. An
existing cluster is neither started nor stopped, and which of the two it is stands in every message.
"""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Callable
from pathlib import Path

from infra.errors import BrokerUnreachable, InfraError
from infra.kafka.broker import KIND, Broker
from infra.kafka.jars import kafka_version, read_lock
from infra.kafka.locate import EXISTING

OURS = "server.properties"
"""The file by which a folder shows that it is a broker's of ours."""
CONNECT_S = 3.0


class DemoKafka:
    """`start` and `stop` are harmless for an existing cluster. `kind` says in words which one it is."""

    def __init__(self, data_dir: Path, bootstrap: str | None) -> None:
        self._data_dir, self._existing = data_dir, bootstrap
        self._broker: Broker | None = None
        self._begun = False

    @property
    def kind(self) -> str:
        """Such as `own Kafka 4.3.0, from pip` or `existing cluster`."""
        if self._existing is not None:
            return EXISTING
        return KIND.replace("Kafka", f"Kafka {kafka_version(read_lock())}", 1)

    @property
    def bootstrap(self) -> str:
        """Its address."""
        if self._existing is not None:
            return self._existing
        assert self._broker is not None, "the demo's Kafka has not been started"
        return self._broker.bootstrap

    def start(self, say: Callable[[str], None]) -> None:
        """Starts its own Kafka, empty. Raises an InfraError."""
        if self._existing is not None:
            refuse_silence(self._existing)
            say(f"{EXISTING} at {self._existing}")
            return
        self._begun = True
        self._clear()
        started_s = time.monotonic()
        say(f"{self.kind}: starting in {self._data_dir}")
        self._broker = Broker.start(self._data_dir, progress=say)
        say(f"{self.kind}: ready in {time.monotonic() - started_s:.1f} s at {self._broker.bootstrap}")

    def stop(self) -> str | None:
        """Ends its own Kafka, also one whose start was interrupted; a sentence if there was one to end."""
        broker = (self._broker or Broker.attach(self._data_dir)) if self._begun else None
        self._broker, self._begun = None, False
        if broker is None:
            return None
        return f"{self.kind}: {'stopped' if broker.stop() else 'had to be killed'}"

    def _clear(self) -> None:
        left = Broker.attach(self._data_dir)
        if left is not None:
            left.stop()
        if not self._data_dir.exists() or not any(self._data_dir.iterdir()):
            return
        if not (self._data_dir / OURS).exists():
            raise InfraError(
                "the folder is not empty, and not one of a demo's Kafka: nothing was changed",
                str(self._data_dir),
                "choose another with --data-dir",
            )
        shutil.rmtree(self._data_dir)


def refuse_silence(bootstrap: str) -> None:
    """Raises BrokerUnreachable at once where nothing listens: a client would try again for half a minute."""
    for address in bootstrap.split(","):
        host, _, port = address.strip().rpartition(":")
        try:
            socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
        except (OSError, ValueError, OverflowError):
            continue
        return
    raise BrokerUnreachable(
        "no Kafka answers", bootstrap, "give the address of yours with --bootstrap, or none: the demo starts its own"
    )
