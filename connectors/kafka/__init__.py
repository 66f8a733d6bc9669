"""The Kafka clients of Watchbill, on librdkafka: one settings table, one log reader, one producer.

Belongs here: what every client is told, how a log is read from an offset and how far it was read, how a record is
sent and what became of it. Never here: what a record means. Nothing in this folder joins a consumer group; the group
is the operational view and belongs to Faust (step 3 of the flow).
"""

from connectors.kafka.faults import FaultKind, LogFault
from connectors.kafka.log_reader import LogReader
from connectors.kafka.places import BEGINNING, END, BadRecord, LogRecord, Place, all_partitions
from connectors.kafka.producer import Delivery, OwnProducer
from connectors.kafka.settings import KafkaAccess

__all__ = [
    "BEGINNING",
    "END",
    "BadRecord",
    "Delivery",
    "FaultKind",
    "KafkaAccess",
    "LogFault",
    "LogReader",
    "LogRecord",
    "OwnProducer",
    "Place",
    "all_partitions",
]
