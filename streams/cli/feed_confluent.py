"""`watchbill feed confluent`: states in Confluent's framing, for Kafka Connect, Flink, ksqlDB and their like.

Rule: the registry is asked once, at the start; after that a registry that is away stops nobody but its readers. The
topic is made if it is missing, with the settings of the state topic.
"""

from __future__ import annotations

import os
from typing import Annotated

import typer

from schemas.topics import DEFAULT_CLUSTER, FRAMED_STATES, topic_name
from streams.cli.ending import told_to_end
from streams.cli.output import ExitCode, Output, fail, note
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption, Sending

READY_S = 60.0
DELIVERY_TIMEOUT_MS = 10_000


def confluent(
    registry: Annotated[
        str, typer.Option(envvar="WATCHBILL_REGISTRY", help="The registry, http://HOST:PORT of Confluent's interface.")
    ],
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
) -> None:
    """Keep CLUSTER.service-states-confluent current: every service's state, for Confluent's deserializers."""
    from connectors.kafka.log_slice import Unread
    from connectors.kafka.producer import OwnProducer
    from connectors.outbound.confluent import ConfluentFeed, held
    from connectors.outbound.registry import RegistryRefused, canonical, register
    from connectors.replica.base import NotReady, default_access
    from connectors.replica.states import StateReplica
    from infra.topics import init
    from schemas.codec import schema_of
    from schemas.states import ServiceState
    from streams.cli.kafka import errors_told

    address = Sending(bootstrap, cluster, data_dir, READY_S, Output.TABLE).address()
    topic = topic_name(cluster, FRAMED_STATES)
    try:
        schema_id = register(registry, f"{topic}-value", canonical(schema_of(ServiceState)), os.environ)
    except RegistryRefused as fault:
        fail(str(fault), ExitCode.NO_ANSWER)
    with errors_told():
        init(address, cluster, topics=[FRAMED_STATES])
    access = default_access(address, "watchbill-confluent")
    producer = OwnProducer(access, delivery_timeout_ms=DELIVERY_TIMEOUT_MS)
    try:
        with StateReplica(address, cluster, access=access) as states:
            states.wait_ready(READY_S)
            feed = ConfluentFeed(states, producer, topic, schema_id)
            different = feed.begin(held(access, topic, READY_S))
            note(f"feeding {topic} with schema {schema_id}: {len(states):,} services, {different:,} to be written")
            feed.run(told_to_end())
    except (NotReady, Unread) as fault:
        fail(str(fault), ExitCode.NO_ANSWER)
    finally:
        producer.close()
