"""The group's assignor with Faust's own objects: every partition once, where `place` has it (O-6), and who is named.

No broker: the members' metadata is made by Faust's assignor of an app that is never started, as it would join a group.
"""

from __future__ import annotations

from typing import Any

import pytest
from aiokafka.cluster import ClusterMetadata
from aiokafka.coordinator.protocol import ConsumerProtocolMemberMetadata
from faust.assignor.client_assignment import ClientMetadata

from schemas.identifiers import PARTITIONS, NodeId, Partition
from schemas.topics import CONFIG_COMMANDS, PROBE_RESULTS, SERVICE_STATES, topic_name
from streams.faust_app.app import AppSettings, WatchbillApp, build, state_table
from streams.faust_app.assignor import Assignor
from streams.faust_app.identity import NodeIdentity
from streams.node.lease import Lease
from streams.ownership.placement import place
from streams.ownership.view import Member

CLUSTER = "watchbill"
RESULTS, COMMANDS, STATES = (topic_name(CLUSTER, topic) for topic in (PROBE_RESULTS, CONFIG_COMMANDS, SERVICE_STATES))
COUNTS = {RESULTS: PARTITIONS, STATES: PARTITIONS, COMMANDS: 1}


class Cluster:
    """What the assignor asks of the client's metadata."""

    def partitions_for_topic(self, topic: str) -> set[int] | None:
        return set(range(COUNTS[topic])) if topic in COUNTS else None


def app_of(node: str, incarnation: str = "run1", groups: tuple[str, ...] = ()) -> WatchbillApp:
    settings = AppSettings("127.0.0.1:1", CLUSTER, 3.0, 0.3)
    identity = NodeIdentity(NodeId(node), incarnation, groups)
    app = build(settings, identity, None, None, lambda members: None, Lease(2.0))
    state_table(app, CLUSTER)
    return app


def joined(app: WatchbillApp) -> ConsumerProtocolMemberMetadata:
    metadata: ConsumerProtocolMemberMetadata = app.assignor.metadata({RESULTS, COMMANDS, STATES})
    return ConsumerProtocolMemberMetadata.decode(metadata.encode())


class Round:
    """One generation: what the leader (the first app) makes of the members."""

    def __init__(self, **apps: WatchbillApp) -> None:
        self.led: list[tuple[Member, ...]] = []
        self.leader: Assignor = next(iter(apps.values())).assignor
        self.leader.on_led = self.hear
        members = {member_id: joined(app) for member_id, app in apps.items()}
        cluster: Any = Cluster()
        self.told = self.leader.assign(cluster, members)

    def hear(self, members: tuple[Member, ...] | None) -> None:
        """As the leader of a group hears it: what was led before a round is void."""
        self.led = [] if members is None else [*self.led, members]

    def given(self, member_id: str) -> dict[str, set[int]]:
        return {topic: set(partitions) for topic, partitions in self.told[member_id].assignment if partitions}


def test_O6_partitions_go_where_placement_has_them_and_each_to_one() -> None:
    round = Round(one=app_of("b0"), two=app_of("b1"))
    placement = place([NodeId("b0"), NodeId("b1")])
    for member_id, node in (("one", NodeId("b0")), ("two", NodeId("b1"))):
        given = round.given(member_id)
        assert given[RESULTS] == given[STATES] == set(placement.partitions_of(node))
        assert (COMMANDS in given) == (placement.node_of(Partition(0)) == node)
    assert round.given("one")[RESULTS] | round.given("two")[RESULTS] == set(range(PARTITIONS))
    assert not round.given("one")[RESULTS] & round.given("two")[RESULTS]


def test_the_leader_is_told_the_members_with_run_and_node_groups() -> None:
    round = Round(two=app_of("b1", "run7", ("west", "dmz")), one=app_of("b0"))
    assert round.led == [
        (Member(NodeId("b0"), "run1"), Member(NodeId("b1"), "run7", frozenset({"dmz", "west"}))),
    ]


def test_V1_whoever_joins_has_led_nothing_yet() -> None:
    app, told = app_of("b0"), list[object]()
    app.assignor.on_led = told.append
    joined(app)
    joined(app)
    assert told == [None, None]


def test_who_leads_and_who_came_first_makes_no_difference() -> None:
    one = Round(one=app_of("b0"), two=app_of("b1"), three=app_of("b2"))
    other = Round(three=app_of("b2"), two=app_of("b1"), one=app_of("b0"))
    assert all(one.given(member_id) == other.given(member_id) for member_id in ("one", "two", "three"))
    assert one.led == other.led


def test_F15_of_two_members_of_one_node_id_the_later_run_serves_and_the_other_gets_nothing() -> None:
    round = Round(old=app_of("b0", "run1"), new=app_of("b0", "run2"), other=app_of("b1"))
    assert round.given("old") == {}
    assert round.given("new")[RESULTS] | round.given("other")[RESULTS] == set(range(PARTITIONS))
    assert round.led == [(Member(NodeId("b0"), "run2"), Member(NodeId("b1"), "run1"))]


def test_members_take_what_they_are_told() -> None:
    apps = {"one": app_of("b0"), "two": app_of("b1")}
    round = Round(**apps)
    for member_id, app in apps.items():
        told = type(round.told[member_id]).decode(round.told[member_id].encode())
        app.assignor.on_assignment(told)
        placed = place([NodeId("b0"), NodeId("b1")]).partitions_of(NodeId({"one": "b0", "two": "b1"}[member_id]))
        assert {tp.partition for tp in app.assignor.assigned_actives() if tp.topic == RESULTS} == set(placed)
        assert app.assignor.assigned_standbys() == set(), "no standbys: the replica has every state"


def test_a_member_of_another_program_in_the_group_is_named() -> None:
    app = app_of("b0")
    stranger = app.assignor._metadata
    metadata = ClientMetadata(assignment=stranger.assignment, url="http://worker:6066", changelog_distribution={})
    cluster: Any = Cluster()
    member = ConsumerProtocolMemberMetadata(app.assignor.version, [RESULTS], metadata.dumps())
    with pytest.raises(ValueError, match="not a Watchbill node"):
        app.assignor.assign(cluster, {"stranger": member})


def test_a_topic_that_is_not_there_yet_is_left_out() -> None:
    class Empty(Cluster):
        def partitions_for_topic(self, topic: str) -> set[int] | None:
            return None

    app = app_of("b0")
    cluster: Any = Empty()
    told = app.assignor.assign(cluster, {"one": joined(app)})
    assert list(told["one"].assignment) == []
    assert hasattr(ClusterMetadata, "partitions_for_topic")
