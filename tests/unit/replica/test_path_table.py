"""The bitmap of paths: the last report of each node counts, and every report is kept."""

from __future__ import annotations

import pytest

from connectors.replica.path_table import PathChange, PathTable
from connectors.replica.paths import read_report, report_key
from schemas.codec import Unreadable, encode
from schemas.identifiers import EntityId, NodeId, ViewId
from schemas.probes import PathReport, PathState
from schemas.processing import ServicePaths

WEB, SHOP = EntityId("5-0"), EntityId("6-0")
B0, B1, B2 = NodeId("b0"), NodeId("b1"), NodeId("b2")
UP, DOWN, UNKNOWN = PathState.UP, PathState.DOWN, PathState.UNKNOWN


def table(*reports: tuple[EntityId, NodeId, PathState]) -> PathTable:
    made = PathTable()
    for report in reports:
        made.note(*report)
    return made


def test_P13_each_service_has_a_bit_of_each_node() -> None:
    made = table((WEB, B0, UP), (WEB, B1, DOWN), (SHOP, B1, UP))
    assert made.paths(WEB) == ServicePaths(frozenset({B0}), frozenset({B1}))
    assert made.paths(SHOP) == ServicePaths(frozenset({B1}), frozenset())
    assert [made.of(WEB, node) for node in (B0, B1, B2)] == [UP, DOWN, UNKNOWN]
    assert made.paths(EntityId("7-0")) == ServicePaths()
    assert len(made) == 2


@pytest.mark.parametrize(
    ("before", "after", "change"),
    [
        ([], UP, PathChange(WEB, B0, UNKNOWN, UP)),
        ([UP], UP, None),
        ([UP], DOWN, PathChange(WEB, B0, UP, DOWN)),
        ([UP, DOWN], UP, PathChange(WEB, B0, DOWN, UP)),
        ([DOWN], UNKNOWN, PathChange(WEB, B0, DOWN, UNKNOWN)),
        ([], UNKNOWN, None),
    ],
)
def test_the_last_report_counts_and_the_same_again_is_no_change(
    before: list[PathState], after: PathState, change: PathChange | None
) -> None:
    made = table(*[(WEB, B0, state) for state in before], (WEB, B1, UP))
    assert made.note(WEB, B0, after) == change
    assert made.of(WEB, B0) is after
    assert made.of(WEB, B1) is UP, "and it is nobody else's"


def test_what_was_taken_back_leaves_nothing() -> None:
    made = table((WEB, B0, DOWN), (WEB, B0, UNKNOWN))
    assert (len(made), made.services(), made.reported_by(B0), made.cut_off_from([B0])) == (0, [], [], [])


def test_services_by_who_cannot_reach_them_and_by_who_reported() -> None:
    made = table((WEB, B0, DOWN), (SHOP, B1, DOWN), (SHOP, B0, UP))
    assert made.cut_off_from([B0]) == [WEB]
    assert sorted(made.cut_off_from([B0, B1])) == [WEB, SHOP]
    assert made.cut_off_from([B2]) == []
    assert sorted(made.reported_by(B0)) == [WEB, SHOP]
    assert made.reported_by(B1) == [SHOP]
    assert sorted(made.services()) == [WEB, SHOP]


REPORT = PathReport(WEB, B0, DOWN, ViewId(3), 1_000)


def test_P9_a_report_is_read_under_its_key_and_a_tombstone_takes_it_back() -> None:
    assert read_report(report_key(WEB, B0), encode(REPORT)) == (WEB, B0, DOWN)
    assert read_report(report_key(WEB, B0), None) == (WEB, B0, UNKNOWN)


@pytest.mark.parametrize(
    ("key", "value", "why"),
    [
        (report_key(WEB, B1), encode(REPORT), "stands under 5-0/b1"),
        (report_key(SHOP, B0), encode(REPORT), "stands under 6-0/b0"),
        (b"5-0", encode(REPORT), "the key is not"),
        (b"/b0", None, "the key is not"),
        (None, encode(REPORT), "the key is not"),
        (b"\xff/b0", encode(REPORT), "no UTF-8"),
        (report_key(WEB, B0), b"", "too short"),
        (report_key(WEB, B0), encode(REPORT)[:-1], "ends within"),
        (report_key(WEB, B0), encode(REPORT) + b"\0", "not a PathReport"),
        (report_key(WEB, B0), encode(REPORT) + bytes(300_000), "over the limit"),
    ],
)
def test_what_is_no_report_says_why(key: bytes | None, value: bytes | None, why: str) -> None:
    with pytest.raises(Unreadable, match=why):
        read_report(key, value)
