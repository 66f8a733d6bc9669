"""States and log records for the tests of replicas: small, whole, and as the Kafka client hands them over.

A record here is the client's own message object, made by hand, so that what is tested is what a reader gives.
"""

from __future__ import annotations

from confluent_kafka import Message

from connectors.kafka.places import LogRecord
from schemas.codec import encode
from schemas.identifiers import EntityId, NodeId, ViewId, partition_of
from schemas.probes import PathState, Reason, Verdict
from schemas.states import BindingState, BindingVerdict, Cause, CauseKind, ServiceState, State

TOPIC = "watchbill.service-states"


def service_state(
    entity_id: str, view_id: int = 1, sequence: int = 1, *, state: State = State.UP, name: str = ""
) -> ServiceState:
    """A state as an owner writes it, with one monitor bound."""
    monitor, up, now_ms = EntityId("1-3"), BindingVerdict.UP, 1_790_000_000_000
    binding = BindingState(monitor, up, b"\0", 10, sequence, 3, 2, Verdict.UP, Reason.OK, "", 1_200, now_ms)
    return ServiceState(
        ViewId(view_id),
        sequence,
        EntityId(entity_id),
        name or f"svc-{entity_id}",
        state,
        NodeId("b0"),
        "b0-1",
        "10.0.0.1",
        80,
        None,
        None,
        None,
        PathState.UP,
        1_200,
        None,
        1,
        1,
        Cause(CauseKind.PROBE, "1 of 1 up", "watchbill.probe-results", 3, 100),
        now_ms,
        now_ms + sequence,
        (binding,),
    )


def message(offset: int, key: str | bytes, value: ServiceState | bytes | None) -> LogRecord:
    """A record of the state topic at an offset."""
    data = encode(value) if isinstance(value, ServiceState) else value
    text = key.encode() if isinstance(key, str) else key
    partition = partition_of(EntityId(text.decode(errors="replace")))
    record: LogRecord = Message(topic=TOPIC, partition=partition, offset=offset, key=text, value=data)
    return record
