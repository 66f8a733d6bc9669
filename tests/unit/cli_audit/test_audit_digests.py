"""Digests that nodes told, held against a log: who agrees, who differs, and by which record."""

from __future__ import annotations

from dataclasses import replace

from connectors.kafka.places import LogRecord
from connectors.replica.digest import Digest, Digests, packed
from connectors.replica.state_map import StateMap
from schemas.cluster import NodeStatus, Phase
from schemas.identifiers import EntityId, NodeId, ViewId, partition_of
from streams.cli.audit_digests import Replay, explained, service_of
from streams.cli.audit_report import diverged_breaches, diverged_data
from tests.unit.replica.samples import message, service_state

KEY = "1-0"
PARTITION = partition_of(EntityId(KEY))
LOG = [message(offset, KEY, service_state(KEY, 1, offset + 1)) for offset in range(4)]


def digest_after(records: list[LogRecord]) -> Digest:
    """What a sound node holds after these records."""
    states, digests = StateMap(), Digests()
    states.replay(records, [], [])
    offsets = [0] * 64
    offsets[PARTITION] = records[-1].offset() + 1 if records else 0
    digests.start(states.values, offsets, 0.0)
    return digests.now(PARTITION)


def beat(node: str, digest: Digest) -> NodeStatus:
    """A heartbeat with a digest of KEY's partition, and those of nothing for the others."""
    told = [Digest(0, 0)] * 64
    told[PARTITION] = digest
    offsets, data = packed(told)
    status = NodeStatus(NodeId(node), f"{node}-1", Phase.SERVING, (), 1, None, ViewId(0), {}, (), 1, 0, 1_000, "0.1.0")
    return replace(status, digest_offsets=offsets, digests=data)


def replayed(*statuses: NodeStatus) -> Replay:
    replay = Replay(statuses)
    for record in LOG:
        replay.take(record)
    replay.end()
    return replay


def test_U5_nodes_that_are_differently_far_agree_with_the_log() -> None:
    replay = replayed(*(beat(f"b{end}", digest_after(LOG[:end])) for end in range(5)))
    assert replay.diverged == []
    assert replay.compared == 5 * 64


def test_U5_a_node_that_kept_an_older_record_is_named_with_both_records() -> None:
    stuck = Digest(4, digest_after(LOG[:2]).value)
    (found,) = replayed(beat("b0", digest_after(LOG)), beat("b1", stuck)).diverged
    found = explained(found, LOG)
    assert (found.node_id, found.partition, found.offset) == ("b1", PARTITION, 4)
    assert found.explained is not None
    assert service_of(found.explained) == KEY
    assert diverged_data(found)["record"] == {
        "entity_id": KEY,
        "first_offset": 1,
        "held_offset": 1,
        "log_offset": 3,
    }
    (breach,) = diverged_breaches([found], 5)
    assert breach.text.endswith("of 1-0 it holds the record at 1, the log gives that at 3")
    assert breach.offset == 1


def test_U5_what_no_record_explains_is_said_to_be_so() -> None:
    (found,) = replayed(beat("b1", Digest(4, 99))).diverged
    found = explained(found, LOG)
    assert found.explained is None
    assert diverged_data(found)["record"] is None
    assert "more than one record" in diverged_breaches([found], 5)[0].text
