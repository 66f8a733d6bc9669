"""Step 1 of the flow: sends a command to `config-commands` and waits for its answer on `config-results`.

Rule: the answers are read from their end before the command is sent, so the answer cannot be missed. A command that
was sent and not answered in time may still take effect when a node runs; it is told so, with its id, and sending it
again under the same id is harmless. Why Kafka and not a node's web page: a command must be in the one order that all
nodes fold.
"""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Self

from confluent_kafka import KafkaException

from connectors.kafka.faults import rights_mend
from connectors.kafka.log_reader import LogReader
from connectors.kafka.places import END, LogRecord, Place
from connectors.kafka.producer import Delivery, OwnProducer
from connectors.kafka.settings import KafkaAccess
from connectors.replica.base import NotReady, default_access
from schemas.codec import decode, encode
from schemas.config import ConfigCommand, ConfigResult, Operation
from schemas.parameters.written_secrets import written_secret
from schemas.topics import CONFIG_COMMANDS, CONFIG_RESULTS, DEFAULT_CLUSTER, topic_name

DELIVERY_TIMEOUT_MS = 10_000
READY_S = 10.0


class NoAnswer(Exception):
    """A command was not answered in time. The message says how far it came, and what to look at."""

    def __init__(self, command_id: str, message: str) -> None:
        super().__init__(message)
        self.command_id = command_id


class SecretWritten(Exception):
    """A command holds a secret where a reference belongs; the message says what to write. Nothing was sent."""


class ConfigProducer:
    """Sends commands one after the other, from one thread. Ends with `close`, or when its `with` block is left."""

    def __init__(self, bootstrap: str, cluster: str = DEFAULT_CLUSTER, *, access: KafkaAccess | None = None) -> None:
        access = access or default_access(bootstrap, "watchbill-config")
        self._bootstrap = access.bootstrap
        self._commands = topic_name(cluster, CONFIG_COMMANDS)
        self._answers: dict[str, ConfigResult] = {}
        self._awaited: str | None = None
        self._delivery: Delivery | None = None
        self._changed = threading.Condition()
        start = {Place(topic_name(cluster, CONFIG_RESULTS), 0): END}
        self._reader = LogReader(access, start, self._take)
        self._reader.begin()
        self._producer = OwnProducer(access, delivery_timeout_ms=DELIVERY_TIMEOUT_MS)

    def send(
        self,
        operations: Iterable[Operation],
        issuer: str,
        command_id: str | None = None,
        deadline_s: float = 10.0,
    ) -> ConfigResult:
        """Send the operations as one command; its answer, accepted or rejected.

        Raises NoAnswer if none came within `deadline_s`, NotReady if Kafka or its topics are not there (nothing was
        sent), TooLarge if the command is over its limit and SecretWritten if it holds a secret (nothing was sent).
        """
        command_id = command_id or uuid.uuid4().hex
        command = ConfigCommand(command_id, int(time.time() * 1000), issuer, tuple(operations))
        fault = written_secret(command.operations)
        if fault is not None:
            raise SecretWritten(fault)
        value = encode(command, CONFIG_COMMANDS.record_bytes)
        self._wait_for_results()
        with self._changed:
            self._awaited, self._delivery = command_id, None
        try:
            sent = self._producer.send(self._commands, 0, command_id.encode(), value, self._delivered)
        except KafkaException as error:
            raise NoAnswer(command_id, f"Kafka does not take the command: {error.args[0].str()}") from error
        if not sent:
            raise NoAnswer(command_id, "the command was not sent: too much waits for Kafka already")
        return self._answer(command_id, deadline_s)

    def close(self) -> None:
        """Ends both connections."""
        self._reader.stop()
        self._producer.close(1.0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _wait_for_results(self) -> None:
        fault = self._reader.wait_ready(READY_S)
        if fault is not None:
            raise NotReady(fault)

    def _answer(self, command_id: str, deadline_s: float) -> ConfigResult:
        with self._changed:
            self._changed.wait_for(lambda: command_id in self._answers or self._failed(), deadline_s)
            self._awaited = None
            answer = self._answers.pop(command_id, None)
            if answer is not None:
                return answer
            raise NoAnswer(command_id, self._why(command_id, deadline_s))

    def _failed(self) -> bool:
        return self._delivery is not None and self._delivery.error is not None

    def _why(self, command_id: str, deadline_s: float) -> str:
        delivery = self._delivery
        if delivery is None:
            return f"no Kafka broker at {self._bootstrap} took the command within {deadline_s:g} s: is it running?"
        if delivery.error is not None:
            said = self._producer.replaced_because or delivery.error
            why = f"{said}{rights_mend(said)}"
            return f"Kafka did not take the command ({why}): nothing was changed, as far as can be told"
        return (
            f"no node answered within {deadline_s:g} s: is one running? See `watchbill show node`. "
            f"The command {command_id} stands in the log and takes effect when a node runs"
        )

    def _take(self, records: Sequence[LogRecord]) -> None:
        """On the reader's thread. Only the awaited answer is decoded."""
        with self._changed:
            for record in records:
                if self._awaited is not None and record.key() == self._awaited.encode():
                    self._answers[self._awaited] = decode(ConfigResult, record.value(), CONFIG_RESULTS.record_bytes)
                    self._changed.notify_all()

    def _delivered(self, delivery: Delivery) -> None:
        """On the producer's thread."""
        with self._changed:
            self._delivery = delivery
            self._changed.notify_all()
