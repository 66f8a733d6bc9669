"""AlertReplica: what people were told of each service, by whichever node; for nodes that tell a webhook.

Rule: the topic is read whole before anything is told, so that a node that begins knows what others told. What this
node tells it notes here at once, and not when Kafka gives it back, or it would tell it twice meanwhile; the order of
(view_id, sequence) makes the two the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from connectors.kafka.log_reader import LogReader
from connectors.kafka.places import BadRecord, LogRecord, all_partitions, bad_record
from connectors.kafka.settings import KafkaAccess
from connectors.replica.base import Replica, default_access, ignore, report_bad
from schemas.alerts import AlertTold
from schemas.codec import Unreadable, decode
from schemas.identifiers import EntityId
from schemas.precedence import supersedes
from schemas.topics import ALERTS, DEFAULT_CLUSTER, topic_name


class ToldTable:
    """The newest of each service. Single look-ups are safe from any thread."""

    def __init__(self) -> None:
        self._told: dict[EntityId, AlertTold] = {}

    def get(self, service: EntityId) -> AlertTold | None:
        """What was told last of a service."""
        return self._told.get(service)

    def down(self) -> list[EntityId]:
        """Services that are DOWN by what was told last."""
        return [told.entity_id for told in list(self._told.values()) if told.is_down]

    def note(self, told: AlertTold) -> None:
        """This was told, unless something newer was."""
        held = self._told.get(told.entity_id)
        if held is None or not supersedes((held.view_id, held.sequence), (told.view_id, told.sequence)):
            self._told[told.entity_id] = told

    def forget(self, service: EntityId) -> None:
        """The service is gone, and that was told."""
        self._told.pop(service, None)


class AlertReplica(Replica):
    """Begins to read when it is made; `close` ends it."""

    def __init__(
        self,
        bootstrap: str,
        cluster: str = DEFAULT_CLUSTER,
        *,
        access: KafkaAccess | None = None,
        on_bad: Callable[[BadRecord], None] = ignore,
    ) -> None:
        self.table = ToldTable()
        self._on_bad = on_bad
        reader = LogReader(
            access or default_access(bootstrap, "watchbill-alerts"),
            all_partitions(topic_name(cluster, ALERTS), ALERTS.partitions),
            self._take,
        )
        super().__init__(cluster, (ALERTS,), reader)

    def _take(self, records: Sequence[LogRecord]) -> None:
        for record in records:
            try:
                service, told = read_alert(record.key(), record.value())
            except Unreadable as error:
                report_bad(self._on_bad, bad_record(record, error))
                continue
            if told is None:
                self.table.forget(service)
            else:
                self.table.note(told)


def read_alert(key: bytes | None, value: bytes | None) -> tuple[EntityId, AlertTold | None]:
    """The service, and what was told of it; None: it is gone. Raises Unreadable, also where key and body differ."""
    try:
        service = EntityId((key or b"").decode())
    except UnicodeDecodeError as error:
        raise Unreadable(f"the key is no UTF-8 text: {(key or b'')[:40].hex()}") from error
    if value is None:
        return service, None
    told = decode(AlertTold, value, ALERTS.record_bytes)
    if told.entity_id != service:
        raise Unreadable(f"tells of {told.entity_id}, but stands under the key {service}")
    return service, told
