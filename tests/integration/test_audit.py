"""`watchbill audit` on a real cluster: a node killed, one ended in order, records that nobody may write, a node whose
states are not the log's; and `show node` of one that sleeps.

The audit is run as a process and sees nothing but Kafka; what it says is held against what the test did.
"""

from __future__ import annotations

import json
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from connectors.replica.digest import Digest, hash_of, packed
from connectors.replica.states import StateReplica
from infra.kafka.broker import Broker
from schemas.cluster import Phase
from schemas.codec import encode
from schemas.identifiers import NodeId
from schemas.states import ServiceState, State
from schemas.topics import NODES, SERVICE_STATES
from streams.audit.findings import StateRecord
from tests.integration.cluster import NODE_IDS, Cluster, add_monitor, prepared, state_records
from tests.integration.conftest import delete_topics
from tests.integration.test_show import watchbill
from tests.integration.writing import Writer
from tests.servers.running import free_port
from tests.waiting import wait_until

NAMES = [f"svc{number:02d}" for number in range(24)]
TAKEOVER_S = 30.0
REPORTED_S = 30.0
FAILOVER_S = 5.0
"""The session time-out of 1.5 s, and what a shared machine may need besides."""
HEARTBEAT_LATE_MS = 5_000
"""What a node applied is known as of its last heartbeat, which a shared machine may hold up."""
Data = dict[str, Any]


@pytest.fixture(scope="module")
def cluster(broker: Broker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """Three nodes and two dozen services that are UP."""
    with prepared(broker.bootstrap, "audit", tmp_path_factory.mktemp("audit")) as cluster:
        cluster.nodes.start(*NODE_IDS, web_ports=(free_port(),))
        cluster.wait_serving()
        cluster.apply(add_monitor("http", "HTTP"))
        cluster.add_services(NAMES, "http")
        cluster.wait_states(NAMES, State.UP)
        yield cluster
    delete_topics(broker.bootstrap, "audit")


def settled(cluster: Cluster) -> dict[str, NodeId]:
    """Owners by name, once each has told itself."""
    wait_until(
        lambda: cluster.owners(NAMES) == cluster.expected_owners(NAMES), TAKEOVER_S, "owners have told themselves"
    )
    return cluster.owners(NAMES)


def audited(cluster: Cluster, from_ms: int, code: int) -> Data:
    """The answer as JSON; the exit code must be this one."""
    arguments = ("audit", "-o", "json", f"--from={from_ms / 1000:.3f}", f"--failover={FAILOVER_S}")
    ran = watchbill(cluster.bootstrap, cluster.name, *arguments)
    assert ran.returncode == code, f"{ran.returncode}: {ran.stdout[-2_000:]} {ran.stderr}"
    found: Data = json.loads(ran.stdout)
    return found


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def last_record(cluster: Cluster, state: ServiceState) -> ServiceState | None:
    """The last record of a service in the log."""
    records = [one for one in state_records(cluster.records(SERVICE_STATES)) if one.entity_id == state.entity_id]
    return records[-1].state


def former_of(records: list[StateRecord], record: StateRecord) -> list[StateRecord]:
    """Records of the same service that the given one, its last, has superseded."""
    of_service = [one for one in records if one.entity_id == record.entity_id]
    return [one for one in of_service[:-1] if record is of_service[-1] and one.state != record.state]


def former_owners(records: list[ServiceState], state: ServiceState) -> list[ServiceState]:
    """What others told of the same service before."""
    return [one for one in records if one.entity_id == state.entity_id and one.owner != state.owner]


def metric(cluster: Cluster, name: str) -> float:
    """A figure without labels, as b0 tells it to Prometheus."""
    with urllib.request.urlopen(f"http://127.0.0.1:{cluster.node('b0').web_port}/metrics", timeout=5) as page:
        lines = page.read().decode().splitlines()
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{name} "))


@contextmanager
def beating(cluster: Cluster, node_id: str, partition: int, apart: int) -> Iterator[None]:
    """A node that holds what everybody does but in one partition, and says so with every beat; at last it leaves."""
    ended = threading.Event()
    writer = Writer(cluster.bootstrap, cluster.name)
    sound = cluster.control.nodes()[NodeId("b0")]

    def beat(replica: StateReplica, phase: Phase) -> None:
        digests = list(replica.digests())
        digests[partition] = Digest(digests[partition].offset, digests[partition].value ^ apart)
        offsets, data = packed(digests)
        status = replace(sound, node_id=NodeId(node_id), incarnation=f"{node_id}-1", phase=phase, sent_at_ms=now_ms())
        status = replace(status, digest_offsets=offsets, digests=data)
        assert writer.producer.send(cluster.topic(NODES), 0, node_id.encode(), encode(status))

    with StateReplica(cluster.bootstrap, cluster.name, digests=True) as replica:
        replica.wait_ready(TAKEOVER_S)

        def beat_on() -> None:
            while not ended.wait(0.2):
                beat(replica, Phase.SERVING)
            beat(replica, Phase.LEFT)

        thread = threading.Thread(target=beat_on, name=f"beats-{node_id}")
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()
            assert writer.producer.close(5.0) == 0


def test_S7_a_node_that_sleeps_is_shown_behind_and_since_when(cluster: Cluster) -> None:
    owners = settled(cluster)
    asleep = next(node for node in ("b1", "b2") if node in owners.values())
    mine = [name for name in NAMES if owners[name] == asleep]

    def shown() -> Data:
        ran = watchbill(cluster.bootstrap, cluster.name, "show", "node", asleep, "-o", "json")
        assert ran.returncode == 0, ran.stderr
        found: Data = json.loads(ran.stdout)
        return found

    before_ms = now_ms()
    cluster.node(asleep).pause()
    try:
        wait_until(lambda: asleep not in cluster.owners(mine).values(), TAKEOVER_S, "its services are others'")
        found = shown()
    finally:
        cluster.node(asleep).resume()
    (states,) = (one for one in found["lag"] if one["topic"] == SERVICE_STATES.name)
    assert states["behind"] >= len(mine) > 0
    furthest = states["furthest"]
    assert furthest["end"] - furthest["applied"] == furthest["behind"] <= states["behind"]
    assert before_ms - HEARTBEAT_LATE_MS < found["behind_since_ms"] <= states["since_ms"] <= now_ms()
    assert found["behind_for_ms"] > 0
    assert cluster.states.position(SERVICE_STATES, furthest["partition"]) >= furthest["end"]
    cluster.wait_serving(NODE_IDS)
    settled(cluster)
    wait_until(lambda: shown()["behind_records"] == 0, TAKEOVER_S, "it has caught up")


def test_U5_nodes_agree_and_one_that_holds_another_record_is_named_with_it(cluster: Cluster) -> None:
    settled(cluster)
    started_ms = now_ms()
    found = audited(cluster, started_ms, 0)
    assert found["digests"]["compared"] >= 3 * 64
    assert found["digests"]["diverged"] == []
    assert metric(cluster, "watchbill_digest_mismatches") == 0

    records = [one for one in state_records(cluster.records(SERVICE_STATES)) if one.state is not None]
    later = next(one for one in reversed(records) if former_of(records, one))
    former = former_of(records, later)[-1]
    assert former.state is not None
    assert later.state is not None
    apart = hash_of(later.entity_id.encode(), encode(later.state)) ^ hash_of(
        later.entity_id.encode(), encode(former.state)
    )
    with beating(cluster, "b9", later.partition, apart):
        wait_until(lambda: metric(cluster, "watchbill_digest_mismatches") == 1, TAKEOVER_S, "b0 has noticed")
        found = audited(cluster, started_ms, 1)
    (wrong,) = found["digests"]["diverged"]
    assert (wrong["node_id"], wrong["partition"]) == ("b9", later.partition)
    assert int(wrong["node_digest"], 16) ^ int(wrong["log_digest"], 16) == apart
    assert wrong["record"] == {
        "entity_id": later.entity_id,
        "first_offset": former.offset,
        "held_offset": former.offset,
        "log_offset": later.offset,
    }
    assert [one["fault"] for one in found["breaches"]] == ["DIVERGED"]
    wait_until(lambda: metric(cluster, "watchbill_digest_mismatches") == 0, TAKEOVER_S, "b9 has left")


def test_U4_the_audit_finds_each_handover_and_every_record_that_nobody_may_write(cluster: Cluster) -> None:
    before = settled(cluster)
    started_ms = now_ms()
    cluster.node("b2").kill()
    cluster.wait_serving(("b0", "b1"))
    between = settled(cluster)
    assert cluster.node("b1").stop() == 0
    cluster.wait_serving(("b0",))
    settled(cluster)

    def is_reported() -> bool:
        """Whether each new owner has said that it probes; what tells nobody anything new takes some seconds."""
        return not any(handover["unended"] for handover in audited(cluster, started_ms, 0)["handovers"])

    wait_until(is_reported, REPORTED_S, "every new owner's first report")
    found = audited(cluster, started_ms, 0)
    assert (found["kept"], found["double_owners"], found["breaches"]) == (True, 0, [])
    killed, left = found["handovers"]
    assert [(run["node_id"], run["in_order"]) for run in killed["left"]] == [("b2", False)]
    assert [(run["node_id"], run["in_order"]) for run in left["left"]] == [("b1", True)]
    orphans = {name for name, owner in before.items() if owner == "b2"}
    assert killed["moved"] == len(orphans) > 0
    assert left["moved"] == sum(owner == "b1" for owner in between.values())
    assert killed["unmeasured"] == left["unmeasured"] == killed["unended"] == left["unended"] == 0
    assert 0 < killed["gap"]["max_s"] < FAILOVER_S
    assert {gap["service"] for gap in killed["largest_gaps"]} <= orphans
    assert killed["overlap"] is None, "the dead do not probe"
    assert left["gap"] is None, f"no service waited for longer than its interval: {left}"
    assert 0 <= left["overlap"]["p50_s"] < FAILOVER_S


def test_U4_a_record_of_one_who_never_owned_is_listed_and_one_of_a_former_owner_breaks_the_promise(
    cluster: Cluster,
) -> None:
    settled(cluster)
    records = [record.state for record in state_records(cluster.records(SERVICE_STATES)) if record.state is not None]
    good = next(state for state in reversed(records) if state.owner == "b0" and former_owners(records, state))
    former = former_owners(records, good)[-1]
    views = cluster.audit().reigns
    started_ms = now_ms()
    writer = Writer(cluster.bootstrap, cluster.name)
    stranger = replace(good, view_id=views[0].view.view_id, owner=NodeId("b9"), incarnation="b9-1", state=State.DOWN)
    writer.put(stranger)
    wait_until(lambda: last_record(cluster, good) != stranger, TAKEOVER_S, "the record is buried")
    found = audited(cluster, started_ms, 0)
    assert [(one["service"], one["owner"]) for one in found["ineffective"]] == [(good.name, "b9")]
    assert [(one["service"], one["repaired"], one["last_for_s"] < 5) for one in found["stale"]] == [
        (good.name, True, True)
    ]

    zombie = replace(former, sequence=good.sequence + 1, state=State.DOWN)
    writer.put(zombie)
    wait_until(lambda: last_record(cluster, good) != zombie, TAKEOVER_S, "the record is buried")
    found = audited(cluster, started_ms, 1)
    assert (found["kept"], found["double_owners"]) == (False, 1)
    assert [(one["fault"], one["service"]) for one in found["breaches"]] == [("VIEW_WENT_BACK", good.name)]
    shown = watchbill(cluster.bootstrap, cluster.name, "audit", f"--from={started_ms / 1000:.3f}")
    assert shown.returncode == 1
    assert "broken 1 times" in shown.stdout
    assert writer.producer.close(5.0) == 0
