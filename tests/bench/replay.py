"""How long a replica takes from its construction until it is ready, beside a raw client that reads the same partitions.

Starts a Kafka of its own, writes service states as owners would (64 partitions, one in ten superseded by a later
record of its service), and reads them in turns: raw, replica, raw, replica, each in a process of its own, so that
neither finds the other's memory or threads. Figures are medians of the rounds; the ratio is the median of each
round's own ratio, since the two of a round meet the same machine. The raw client has the replica's settings, but
for the wait of a fetch that finds nothing, and touches each error and value.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from confluent_kafka import Consumer, KafkaError, TopicPartition

from connectors.kafka import KafkaAccess, OwnProducer
from connectors.replica import StateReplica
from infra.kafka.broker import Broker
from infra.topics import init
from schemas.codec import encode
from schemas.identifiers import EntityId, NodeId, ViewId, partition_of
from schemas.probes import PathState, Reason, Verdict
from schemas.states import BindingState, BindingVerdict, Cause, CauseKind, ServiceState, State
from schemas.topics import SERVICE_STATES, topic_name

DEFAULT_STATES = 70_000
MILLION = 1_000_000
SUPERSEDED_EVERY = 10
READY_S = 120.0
RAW_RECORDS = 10_000
RAW_TIMEOUT_S = 0.01
RAW_WAIT_MS = 10
"""It hears of each partition's end by a fetch that finds nothing: the replica's wait would be its time."""
LOAD_LINGER_MS = 20
QUEUE_FULL_S = 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """How many states, how many rounds."""
    parser.add_argument("--states", "--services", type=int, default=None, help="only this many, instead of both sizes")
    parser.add_argument("--rounds", type=int, default=5, help="rounds for 70,000 states; larger sizes take three")


def run(args: argparse.Namespace) -> dict[str, Any]:
    """{"states", "ready_s", "raw_s", "ratio"} of 70,000 states, and the same of 1,000,000 under "million"."""
    with tempfile.TemporaryDirectory(prefix="watchbill-replay-") as folder, Broker.start(Path(folder)) as broker:
        if args.states is not None:
            return measure(broker.bootstrap, args.states, args.rounds)
        figures = measure(broker.bootstrap, DEFAULT_STATES, args.rounds)
        return {**figures, "million": measure(broker.bootstrap, MILLION, min(3, args.rounds))}


def measure(bootstrap: str, states: int, rounds: int) -> dict[str, Any]:
    """Writes the states under a cluster name of their own and reads them, raw and as a replica, in turns."""
    cluster = f"replay-{states}"
    init(bootstrap, cluster)
    written = load(bootstrap, cluster, states)
    pairs = []
    for _ in range(rounds):
        raw, ready = (_in_process(reader, bootstrap, cluster) for reader in ("raw", "replica"))
        if not states <= raw["records"] <= written or ready["states"] != states:
            raise RuntimeError(f"{written} records of {states} services were written; read: {raw}, {ready}")
        pairs.append((ready["seconds"], raw["seconds"]))
        print(f"{states:,} states: replica {pairs[-1][0]:.3f} s, raw {pairs[-1][1]:.3f} s", flush=True)
    return {
        "states": states,
        "records": written,
        "ready_s": round(median(ready for ready, _ in pairs), 3),
        "raw_s": round(median(raw for _, raw in pairs), 3),
        "ratio": round(median(ready / raw for ready, raw in pairs), 2),
        "rounds": rounds,
    }


def load(bootstrap: str, cluster: str, states: int) -> int:
    """Writes the states with the product's own producer; how many records that took. Raises unless all were taken."""
    topic, written = topic_name(cluster, SERVICE_STATES), 0
    producer = OwnProducer(
        KafkaAccess(bootstrap, "bench-load"), delivery_timeout_ms=int(READY_S * 1_000), linger_ms=LOAD_LINGER_MS
    )
    for key, value in _records(states):
        while not producer.send(topic, partition_of(EntityId(key)), key.encode(), value):
            time.sleep(QUEUE_FULL_S)
        written += 1
    waiting = producer.flush(READY_S)
    producer.close()
    if waiting or producer.failed:
        raise RuntimeError(f"of {written:,} records {producer.failed:,} failed and {waiting:,} were still to be sent")
    return written


def _records(states: int) -> Iterator[tuple[str, bytes]]:
    """(entity id, bytes): every state once, and one in ten a second time, superseding the first."""
    template = _state("100000-000", "service-000000", 2)
    encoded = encode(template)
    later = encode(replace(template, sequence=3))
    mark, name = b"100000-000", b"service-000000"
    for number in range(states):
        entity_id = f"{100_000 + number // 1_000}-{number % 1_000:03}"
        new = (entity_id.encode(), f"service-{number % 1_000_000:06}".encode())
        yield entity_id, encoded.replace(mark, new[0]).replace(name, new[1])
        if number % SUPERSEDED_EVERY == 0:
            yield entity_id, later.replace(mark, new[0]).replace(name, new[1])


def _state(entity_id: str, name: str, sequence: int) -> ServiceState:
    now_ms = 1_790_000_000_000
    binding = BindingState(
        EntityId("12-3"), BindingVerdict.UP, bytes(1), 8, sequence, 3, 60, Verdict.UP, Reason.OK, "", 1_840, now_ms
    )
    cause = Cause(CauseKind.PROBE, "1 of 1 up", "watchbill.probe-results", 17, 4_711)
    return ServiceState(
        ViewId(12),
        sequence,
        EntityId(entity_id),
        name,
        State.UP,
        NodeId("b0"),
        "b0-7f3a",
        "10.20.30.40",
        8_080,
        None,
        None,
        None,
        PathState.UP,
        1_840,
        None,
        1,
        1,
        cause,
        now_ms,
        now_ms,
        (binding,),
    )


def read_replica(bootstrap: str, cluster: str) -> dict[str, float]:
    """Seconds from construction until ready."""
    start_s = time.perf_counter()
    with StateReplica(bootstrap, cluster) as replica:
        replica.wait_ready(READY_S)
        return {"seconds": time.perf_counter() - start_s, "states": len(replica)}


def read_raw(bootstrap: str, cluster: str) -> dict[str, float]:
    """Seconds a bare consumer takes to the ends of the same partitions, from its construction."""
    topic, records, ended = topic_name(cluster, SERVICE_STATES), 0, 0
    start_s = time.perf_counter()
    consumer = Consumer({**KafkaAccess(bootstrap, "bench-raw").reader(), "fetch.wait.max.ms": RAW_WAIT_MS})
    consumer.assign([TopicPartition(topic, partition, 0) for partition in range(SERVICE_STATES.partitions)])
    while ended < SERVICE_STATES.partitions:
        for message in consumer.consume(RAW_RECORDS, RAW_TIMEOUT_S):
            error = message.error()
            if error is None:
                message.value()
                records += 1
            elif error.code() == KafkaError._PARTITION_EOF:
                ended += 1
    seconds = time.perf_counter() - start_s
    consumer.close()
    return {"seconds": seconds, "records": records}


READERS = {"raw": read_raw, "replica": read_replica}


def _in_process(reader: str, bootstrap: str, cluster: str) -> dict[str, float]:
    """Runs a reader in a process of its own; its figures."""
    command = [sys.executable, "-m", "tests.bench.replay", reader, bootstrap, cluster]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, timeout=2 * READY_S)
    figures: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return figures


if __name__ == "__main__":
    print(json.dumps(READERS[sys.argv[1]](*sys.argv[2:])))
