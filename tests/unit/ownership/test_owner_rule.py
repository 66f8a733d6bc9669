"""Which node owns a service: the seat's node, else the preference list (O-4, A-1)."""

from __future__ import annotations

from schemas.identifiers import PARTITIONS, SEATS, EntityId, NodeId, ViewId, entity_id, partition_of, seat_of
from streams.ownership.hashing import preference_list
from streams.ownership.owner import OwnerKind, owner, owner_of_kind, seating, second_of_kind
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


def test_U8_the_second_opinion_is_the_next_of_the_list_that_hosts_it() -> None:
    some = frozenset({"dmz"})
    members = tuple(Member(node, "run1", some if node != NODES[2] else frozenset({"lan"})) for node in NODES)
    view = View(ViewId(5), 1, members, NODES[0])
    for service in SERVICES:
        for groups, hosts in ((frozenset(), set(NODES)), (some, set(NODES) - {NODES[2]})):
            kind = OwnerKind(seat_of(service), groups)
            others = [
                node for node in prl(service) if node in hosts and node != owner_of_kind(kind, seating(view), view)
            ]
            assert second_of_kind(kind, seating(view), view) == others[0]


def test_U8_who_doubts_itself_too_is_passed_over() -> None:
    for service in SERVICES:
        kind = OwnerKind(seat_of(service), frozenset())
        first = second_of_kind(kind, PLACEMENT, VIEW)
        assert first is not None
        third = second_of_kind(kind, PLACEMENT, VIEW, frozenset({first}))
        others = [node for node in prl(service) if node not in (first, owner_of_kind(kind, PLACEMENT, VIEW))]
        assert third == others[0]
        assert second_of_kind(kind, PLACEMENT, VIEW, frozenset(NODES)) is None


def test_U8_nobody_gives_a_second_opinion_of_what_one_node_hosts_or_every_node_probes() -> None:
    alone = View(ViewId(6), 1, VIEW.members[:1], NODES[0])
    assert second_of_kind(OwnerKind(seat_of(SERVICES[0]), frozenset()), seating(alone), alone) is None
    assert second_of_kind(OwnerKind(seat_of(SERVICES[0]), frozenset(), internal=True), seating(VIEW), VIEW) is None
