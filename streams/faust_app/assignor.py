"""Step 3 of the flow, at the group's leader: which member gets which partition.

Rule: the leader asks the same pure function that every node asks (`place`), so partitions of the consumer group and
placement of services can never disagree, and no node is told by another what it owns (O-6). Faust's own assignor is
sticky: where a partition lands depends on history, which another node cannot recompute.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from faust.assignor.client_assignment import ClientAssignment
from faust.assignor.partition_assignor import PartitionAssignor
from structlog import get_logger

from schemas.identifiers import PARTITIONS, NodeId, Partition
from streams.faust_app.identity import member_of
from streams.ownership.placement import place
from streams.ownership.view import Member

log = get_logger()

Led = Callable[[tuple[Member, ...] | None], None]
"""The members that a round was led for; None: a round begins, and what was led before it is void."""


class Assignor(PartitionAssignor):  # type: ignore[misc]
    """Places partitions by node. `on_led` is called at the leader with the members placed for, before any is told."""

    on_led: Led | None = None

    def metadata(self, topics: Any) -> Any:
        """What this member says as it joins: called for each JoinGroup, also where the round before came to nothing."""
        if self.on_led is not None:
            self.on_led(None)
        return super().metadata(topics)

    def _perform_assignment(self, cluster: Any, member_metadata: Mapping[str, Any]) -> Any:
        clients = {member_id: self._get_client_metadata(data) for member_id, data in member_metadata.items()}
        subscriptions = {member_id: list(data.subscription) for member_id, data in member_metadata.items()}
        self._update_member_urls(clients)
        members = {member_id: member_of(client.url) for member_id, client in clients.items()}
        serving = _one_per_node(members)
        topics = {topic for subscription in subscriptions.values() for topic in subscription}
        groups = self._get_copartitioned_groups(topics, cluster, subscriptions)
        assignments = {member_id: ClientAssignment(actives={}, standbys={}) for member_id in member_metadata}
        topic_groups: dict[str, int] = {}
        for number, (partitions, topic_sets) in enumerate(sorted(groups.items())):
            by_member = _partitions_by_member(serving, partitions)
            for topic in (topic for topic_set in topic_sets for topic in topic_set):
                topic_groups[topic] = number
                for member_id, given in by_member.items():
                    assignments[member_id].actives[topic] = list(given)
        if self.on_led is not None:
            self.on_led(tuple(sorted(members[member_id] for member_id in serving.values())))
        return self._protocol_assignments(
            assignments,
            self._get_changelog_distribution(assignments),
            self._get_external_topic_distribution(assignments),
            topic_groups,
        )


def _one_per_node(members: Mapping[str, Member]) -> dict[NodeId, str]:
    """Node -> member id. Two members of one node id: the greater incarnation serves, the other gets nothing (F15)."""
    serving: dict[NodeId, str] = {}
    for member_id, member in sorted(members.items(), key=lambda item: (item[1].incarnation, item[0])):
        if member.node in serving:
            log.warning("node id used twice", node=member.node, mend="give every node its own --id")
        serving[member.node] = member_id
    return serving


def _partitions_by_member(serving: Mapping[NodeId, str], partitions: int) -> dict[str, list[int]]:
    """Member id -> its partitions. Topics of one partition follow the node of partition 0 of the placement."""
    placement = place(serving, PARTITIONS)
    given: dict[str, list[int]] = {member_id: [] for member_id in serving.values()}
    for partition in range(partitions):
        node = placement.node_of(Partition(partition % PARTITIONS))
        if node is not None:
            given[serving[node]].append(partition)
    return given
