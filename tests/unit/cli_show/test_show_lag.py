"""How far a node is behind, in which partition most, and since when."""

from __future__ import annotations

from streams.cli.show_lag import behind_since_ms, lag_of, unapplied
from streams.cli.show_nodes import node_detail, node_list
from tests.unit.cli_show.samples import knowledge

APPLIED = {"service-states": (5, 9, 7), "views": (3,), "nodes": (40,)}
ENDS = {"service-states": (7, 8, 17), "views": (3,), "nodes": (50,)}


def test_S7_only_what_stands_in_the_log_is_missing() -> None:
    assert unapplied(APPLIED, ENDS) == {
        ("service-states", 0): (5, 7),
        ("service-states", 2): (7, 17),
        ("nodes", 0): (40, 50),
    }
    assert unapplied({"gone": (1,)}, ENDS) == {}


def test_S7_the_partition_that_is_furthest_behind_is_named_and_since_when() -> None:
    states, views, nodes = lag_of(
        APPLIED, ENDS, {("service-states", 0): 900, ("service-states", 2): 950, ("nodes", 0): 1}
    )
    assert (states["behind"], states["partitions_behind"], states["partitions"], states["since_ms"]) == (12, 2, 3, 900)
    assert states["furthest"] == {"partition": 2, "applied": 7, "end": 17, "behind": 10, "since_ms": 950}
    assert (views["behind"], views["furthest"], views["since_ms"]) == (0, None, None)
    assert behind_since_ms([states, views, nodes]) == 900, "heartbeats do not count: each is one behind itself"
    assert behind_since_ms([views, nodes]) is None


def test_S7_a_node_is_told_with_its_lag() -> None:
    known = knowledge()
    b1 = node_list(known)[1]
    told = node_detail(known, b1, lambda missing: dict.fromkeys(missing, known.now_ms - 4_000))
    assert (told["behind_since_ms"], told["behind_for_ms"]) == (known.now_ms - 4_000, 4_000)
    assert sum(one["behind"] for one in told["lag"] if one["counts"]) == told["behind_records"] == 3
