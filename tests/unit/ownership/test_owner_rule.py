"""Which node owns a service: the seat's node, else the preference list (O-4, A-1)."""

from __future__ import annotations

from schemas.identifiers import PARTITIONS, SEATS, EntityId, NodeId, ViewId, entity_id, partition_of, seat_of
from streams.ownership.hashing import preference_list
from streams.ownership.owner import owner, seating
from streams.ownership.view import EMPTY_VIEW, Member, View

NODES = tuple(NodeId(f"b{index}") for index in range(4))
VIEW = View(ViewId(3), 1, tuple(Member(node, "run1") for node in NODES), NODES[0])
PLACEMENT = seating(VIEW)
SERVICES = [entity_id(offset, 0) for offset in range(200)]


def prl(service: EntityId) -> tuple[NodeId, ...]:
    return preference_list(seat_of(service), NODES, SEATS)


def test_O4_where_every_node_hosts_the_owner_is_the_node_of_the_seat() -> None:
    for service in SERVICES:
        assert owner(service, None, VIEW) == PLACEMENT.node_of(seat_of(service))


def test_A1_a_seat_node_that_does_not_host_is_skipped_for_the_first_of_the_list_that_does() -> None:
    for service in SERVICES:
        placed = PLACEMENT.node_of(seat_of(service))
        hosts = [node for node in NODES if node != placed]
        assert owner(service, hosts, VIEW) == next(node for node in prl(service) if node != placed)


def test_O4_a_host_outside_the_view_is_no_owner() -> None:
    two = View(ViewId(4), 2, VIEW.members[:2], NODES[0])
    for service in SERVICES:
        assert owner(service, None, two) in two.nodes
        assert owner(service, [NODES[3]], two) is None


def test_without_any_host_or_any_view_there_is_no_owner() -> None:
    assert owner(SERVICES[0], [], VIEW) is None
    assert owner(SERVICES[0], None, EMPTY_VIEW) is None


def test_a_seat_lies_in_one_partition_so_that_every_client_can_work_out_both() -> None:
    for service in SERVICES:
        assert seat_of(service) % PARTITIONS == partition_of(service)
