"""The configured entities as they now stand in Kafka, read once to the end.

Rule: nothing of a command is shown before the mark behind it has come (`replica/config_table` keeps that), so a
snapshot is always that of whole commands. A program that stays and wants every change uses ControlReplica instead.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from connectors.kafka.log_reader import LogReader
from connectors.kafka.places import BEGINNING, LogRecord, Place
from connectors.kafka.settings import KafkaAccess
from connectors.replica.base import NotReady, default_access, ignore, report_bad
from connectors.replica.config_table import ConfigTable
from schemas.inventory.entities import Entities
from schemas.topics import CONFIG_ENTITIES, DEFAULT_CLUSTER, topic_name


def read_entities(
    bootstrap: str, cluster: str = DEFAULT_CLUSTER, deadline_s: float = 10.0, access: KafkaAccess | None = None
) -> Entities:
    """Every entity as of now. Raises NotReady, which says why and what to do, if Kafka gives no answer in time."""
    table = ConfigTable()

    def take(records: Sequence[LogRecord]) -> None:
        for record in records:
            table.take(record.key(), record.value())

    reader = LogReader(
        access or default_access(bootstrap, "watchbill-config-reader"),
        {Place(topic_name(cluster, CONFIG_ENTITIES), 0): BEGINNING},
        take,
        on_bad=partial(report_bad, ignore),
    )
    reader.begin()
    try:
        fault = reader.wait_ready(deadline_s)
        if fault is not None:
            raise NotReady(fault)
    finally:
        reader.stop()
    return Entities().updated(table.entities.values())
