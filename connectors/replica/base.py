"""What every replica has in common: its reader, whether it is ready, and how old its knowledge is.

Rule: only `wait_ready` raises, because a program that did not ask must not take an empty map for the truth;
everything else answers from memory at once, whether Kafka is there or not (U-9).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import Any, Self

import structlog

from connectors.kafka.faults import LogFault
from connectors.kafka.log_reader import LogReader
from connectors.kafka.places import BadRecord
from connectors.kafka.security import security_from
from connectors.kafka.settings import KafkaAccess
from schemas.topics import Topic, topic_name

_LOG = structlog.get_logger("watchbill.replica")


class NotReady(Exception):
    """The replica has not read its topics to their ends: what it holds is not the whole. `fault` says why."""

    def __init__(self, fault: LogFault) -> None:
        super().__init__(fault.message)
        self.fault = fault


class Replica:
    """Ends with `close`, or when its `with` block is left; what was read stays readable."""

    def __init__(self, cluster: str, topics: tuple[Topic, ...], reader: LogReader) -> None:
        self._cluster, self._topics, self._reader = cluster, topics, reader
        reader.begin()

    def wait_ready(self, deadline_s: float) -> None:
        """Waits until every partition is read to the end it had at the start. Raises NotReady, which says why not."""
        fault = self._reader.wait_ready(deadline_s)
        if fault is not None:
            raise NotReady(fault)

    def close(self) -> None:
        """Stops reading. No callback runs after it."""
        self._reader.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    @property
    def ready(self) -> bool:
        """Whether every topic was once read to the end it had at the start."""
        return self._reader.ready

    @property
    def connected(self) -> bool:
        """Whether Kafka answers."""
        return self._reader.connected

    @property
    def fault(self) -> LogFault | None:
        """What keeps a topic from being read, if anything."""
        return self._reader.fault

    def age_s(self) -> float:
        """Seconds since Kafka last answered: how old this knowledge may be. Infinite before the first answer."""
        return self._reader.age_s()

    def position(self, topic: Topic, partition: int) -> int | None:
        """The next offset to apply; None before the reader knows where it starts."""
        return self._reader.position(topic_name(self._cluster, topic), partition)

    def positions(self) -> dict[str, tuple[int, ...]]:
        """Per topic (without the cluster's prefix) the next offset to apply of each partition, as a heartbeat tells it.

        0 where the start is not known yet (T4).
        """
        return {
            topic.name: tuple(self.position(topic, partition) or 0 for partition in range(topic.partitions))
            for topic in self._topics
        }

    def topic_ids(self) -> Mapping[str, str]:
        """Kafka's id of each topic, by its full name: a topic made anew under the same name has another."""
        return dict(self._reader.topic_ids)


def default_access(bootstrap: str, client_id: str) -> KafkaAccess:
    """Kafka at an address, with the security properties of this process's environment. Raises SecurityRefused."""
    return KafkaAccess(bootstrap, client_id, security_from(os.environ))


def ignore(_: object) -> None:
    """The callback of someone who does not want to be told."""


def call(callback: Callable[..., None], *arguments: Any) -> Exception | None:
    """Calls a caller's function: what it raises is its own; it is logged and returned, and the replica goes on."""
    try:
        callback(*arguments)
    except Exception as error:
        _LOG.exception("callback_failed", callback=repr(callback))
        return error
    return None


def report_bad(on_bad: Callable[[BadRecord], None], bad: BadRecord) -> None:
    """Tells of a record that can not be used."""
    _LOG.warning("bad_record", topic=bad.topic, partition=bad.partition, offset=bad.offset, error=bad.error)
    call(on_bad, bad)
