"""A consumer's reader of paths without Kafka: what its four logs have told it is enough to answer."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from confluent_kafka import Message

from connectors.kafka.places import LogRecord
from connectors.replica.config_table import EntityChange
from connectors.replica.paths import report_key
from connectors.replica.reach import Reach
from schemas.cluster import ViewChange, ViewMember
from schemas.codec import encode
from schemas.config import Kind
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import PathReport, PathState
from schemas.states import PathMonitoring, State
from tests.unit.config.config_words import folded
from tests.unit.replica.samples import message, service_state

B0, B1, B2 = (NodeId(f"b{number}") for number in range(3))
NOBODY = "127.0.0.1:1"
ENTITIES = folded("""
add node_group edge
add service web address=10.0.0.1 port=80 path_monitor=yes
add service_group farm
add member farm/10.0.0.2:80
add vserver shop address=10.1.1.1 port=80
bind vserver shop service web
bind vserver shop node_group edge
""").entities


def id_of(name: str) -> EntityId:
    entity = ENTITIES.find(Kind.SERVICE, name)
    assert entity is not None
    return entity.entity_id


def report(node: NodeId, state: PathState) -> LogRecord:
    web = id_of("web")
    value = encode(PathReport(web, node, state, ViewId(0), 1))
    record: LogRecord = Message(
        topic="watchbill.path-reports", partition=0, offset=0, key=report_key(web, node), value=value
    )
    return record


def proposal(prev_view: int, *nodes: NodeId) -> ViewChange:
    members = tuple(ViewMember(node, f"{node}-run", ("edge",) if node != B2 else ()) for node in nodes)
    return ViewChange(ViewId(prev_view), 1, members, nodes[0], 0)


@pytest.fixture
def reach() -> Iterator[Reach]:
    """It has read the configuration, a view of b0, b1 and b2, web's state, and that b1 cannot reach web."""
    with Reach(NOBODY) as made:
        changes = [EntityChange(f"{each.kind.value}/{each.entity_id}", None, each) for each in ENTITIES.by_id.values()]
        made._configured(changes, 0)
        made._viewed(0, proposal(-1, B0, B1, B2))
        made._viewed(1, proposal(-1, B1))
        record = replace(service_state(id_of("web"), name="web"), path_monitoring=PathMonitoring.INDIVIDUAL)
        made.states._take([message(0, id_of("web"), record)])
        made.paths._take([report(B0, PathState.UP), report(B1, PathState.DOWN), report(B2, PathState.UP)])
        yield made


def test_P4_by_which_state_each_node_serves(reach: Reach) -> None:
    assert [reach.effective("web", node) for node in (B0, B1, NodeId("b9"))] == [State.UP, State.DOWN, None]
    assert reach.service("web").processing_set == (B0, B2)
    assert reach.view.nodes == (B0, B1, B2), "a lost race is no view"


def test_PS1_PS2_who_processes_a_vservers_traffic_and_where_the_others_send_it(reach: Reach) -> None:
    shop = reach.vserver("shop")
    assert (shop.processing_set, shop.redirects) == ((B0,), {B1: B0, B2: B0})


def test_V8_a_node_that_left_the_view_counts_no_more(reach: Reach) -> None:
    reach._viewed(2, proposal(0, B0))
    assert reach.service("web").processing_set == (B0,)


def test_a_member_is_a_service_and_what_is_not_there_is_said(reach: Reach) -> None:
    assert reach.service("farm/10.0.0.2:80").told is State.UNKNOWN
    for ask in (reach.service, reach.vserver):
        with pytest.raises(KeyError, match="nobody"):
            ask("nobody")
