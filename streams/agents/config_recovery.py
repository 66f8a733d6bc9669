"""How a node that becomes the config agent learns what its predecessor had done.

Rule: entities with their last mark, and the answers, give the fold at once, if they agree: nothing was written behind
the mark, and the mark's command was answered. If not, a command was cut short by a crash, and the audit log is folded
from its start, which gives the same records again. What stands before the command that the group brings was handled,
and needs no answer as proof: answers are kept for a week only. Runs beside the event loop: it waits for Kafka.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from structlog import get_logger

from connectors.kafka.log_reader import LogReader
from connectors.kafka.places import BEGINNING, LogRecord, Place
from connectors.kafka.settings import KafkaAccess
from schemas.codec import Unreadable, decode, decode_any
from schemas.config import ConfigCommand, ConfigEntity, ConfigResult, ConfigRevision
from schemas.inventory.entities import Entities
from schemas.topics import CONFIG_COMMANDS, CONFIG_ENTITIES, CONFIG_RESULTS
from streams.folding.config.fold import ConfigFold, fold_log
from streams.folding.config.handled import Handled

log = get_logger()

DEADLINE_S = 120.0


@dataclass(slots=True)
class _Written:
    """What `config-entities` holds: entities up to the mark, and whether anything stands behind it."""

    entities: dict[bytes, ConfigEntity] = field(default_factory=dict)
    mark: int = -1
    unmarked: bool = False


def recover(
    access: KafkaAccess, commands_topic: str, entities_topic: str, results_topic: str, before: int
) -> ConfigFold:
    """The fold as it stood after the last command handled, the one at `before` not among them unless it was answered.

    Raises RuntimeError if Kafka does not answer in time.
    """
    written = _read_entities(access, entities_topic)
    answers = list(_read_results(access, results_topic))
    last = last_handled(answers, before)
    if written.unmarked or written.mark > last:
        log.info("a command was cut short: folding the audit log", mark=written.mark, last_handled=last)
        return fold_log(_read_commands(access, commands_topic, last))
    handled = Handled()
    for answer in answers:
        handled.note(answer)
    return ConfigFold(Entities().updated(written.entities.values()), handled, last)


def last_handled(answers: Iterable[ConfigResult], before: int) -> int:
    """The offset of the last command that needs nothing more, seen from the command at `before`."""
    return max([before - 1, *(answer.command_offset for answer in answers)])


def _read_entities(access: KafkaAccess, topic: str) -> _Written:
    written = _Written()
    for record in _read(access, topic):
        written.unmarked = True
        key = record.key() or b""
        if record.value() is None:
            written.entities.pop(key, None)
            continue
        try:
            entity = decode_any(record.value(), CONFIG_ENTITIES.record_bytes)
        except Unreadable:
            continue  # quarantined by every node's replica, which reads this topic too
        if isinstance(entity, ConfigEntity):
            known = written.entities.get(key)
            if known is None or known.revision <= entity.revision:  # else a late writer's
                written.entities[key] = entity
        elif isinstance(entity, ConfigRevision):
            written.mark, written.unmarked = max(written.mark, entity.command_offset), False
    return written


def _read_results(access: KafkaAccess, topic: str) -> Iterator[ConfigResult]:
    for record in _read(access, topic):
        try:
            yield decode(ConfigResult, record.value(), CONFIG_RESULTS.record_bytes)
        except Unreadable as fault:
            log.warning("an answer cannot be read", offset=record.offset(), error=str(fault))


def _read_commands(access: KafkaAccess, topic: str, last: int) -> Iterator[tuple[int, ConfigCommand]]:
    """Commands up to the last handled one; those behind it come to the agent by themselves."""
    for record in _read(access, topic):
        if record.offset() > last:
            return
        try:
            yield record.offset(), decode(ConfigCommand, record.value(), CONFIG_COMMANDS.record_bytes)
        except Unreadable as fault:
            log.warning("a command cannot be read", offset=record.offset(), error=str(fault))


def _read(access: KafkaAccess, topic: str) -> list[LogRecord]:
    """All of a topic of one partition, as far as it went when asked."""
    records: list[LogRecord] = []

    def take(batch: Sequence[LogRecord]) -> None:
        records.extend(batch)

    reader = LogReader(access, {Place(topic, 0): BEGINNING}, take)
    reader.begin()
    try:
        fault = reader.wait_ready(DEADLINE_S)
        if fault is not None:
            raise RuntimeError(f"{topic} cannot be read: {fault.message}")
    finally:
        reader.stop()
    return records
