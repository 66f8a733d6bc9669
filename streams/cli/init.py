"""`watchbill init`: creates the topics of a cluster, and verifies those that exist.

Run once for a cluster, and harmless ever after. A topic with the wrong partitions or settings is refused with what to
change; nothing that exists is altered. The kind of Kafka is printed first: own broker, or an existing cluster.
"""

from __future__ import annotations

from typing import Annotated

import typer

from streams.cli.kafka import Bootstrap, DataDir, Output, OutputOption, errors_told, print_facts


def init(
    bootstrap: Bootstrap = None,
    cluster: Annotated[str, typer.Option(envvar="WATCHBILL_CLUSTER", help="Name before each topic.")] = "watchbill",
    data_dir: DataDir = None,
    replication: Annotated[int, typer.Option(help="Copies of each partition, -1: the broker's default.")] = -1,
    output: OutputOption = Output.TABLE,
) -> None:
    """Create the topics of the cluster and verify those that exist."""
    from infra.kafka.locate import locate
    from infra.topics import init as init_topics

    with errors_told():
        kafka = locate(bootstrap, data_dir)
        report = init_topics(kafka.bootstrap, cluster, replication=replication)
    facts: dict[str, object] = {
        "kind": kafka.kind,
        "bootstrap": kafka.bootstrap,
        "cluster": report.cluster,
        "created": report.created,
        "verified": report.verified,
        "views_id": report.views_id,
    }
    if output is Output.TABLE:
        facts |= {
            key: ", ".join(names) or "none"
            for key, names in (("created", report.created), ("verified", report.verified))
        }
    print_facts(facts, output)
