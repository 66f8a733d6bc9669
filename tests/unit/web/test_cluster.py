"""Nodes and views in JSON."""

from __future__ import annotations

from dataclasses import replace

from schemas.cluster import Phase
from streams.ownership.view import RefusalReason
from streams.web.cluster import nodes_page, views_page
from tests.unit.web.fake_source import B0, B1, FakeSource, judged, status

LOG = [judged(0, -1), judged(1, -1, RefusalReason.LOST_RACE), judged(2, 0), judged(5, 2)]


def test_nodes_come_by_name_with_the_age_of_their_heartbeat() -> None:
    body = nodes_page(FakeSource(statuses=[status(B1, Phase.JOINING), status(B0)]), ()).body
    assert (body["view_id"], body["count"]) == (5, 2)
    assert [(row["node_id"], row["phase"], row["in_view"], row["partitions"]) for row in body["nodes"]] == [
        ("b0", "SERVING", True, 64),
        ("b1", "JOINING", False, 0),
    ]
    assert body["nodes"][0]["silent_s"] == 0.25
    assert body["nodes"][0]["applied"] == {"views": [6]}
    assert body["nodes"][0]["started_at"] == "2026-09-21T14:14:00.000Z"


def test_views_come_newest_first_with_why_one_was_refused() -> None:
    body = views_page(FakeSource(log=LOG), ()).body
    assert (body["held"]["view_id"], body["accepted"], body["refused"]) == (5, 3, 1)
    assert [(row["offset"], row["accepted"], row["refused"]) for row in body["views"]] == [
        (5, True, None),
        (2, True, None),
        (1, False, "LOST_RACE"),
        (0, True, None),
    ]
    assert body["views"][2]["why"] == RefusalReason.LOST_RACE.value


def test_T5_a_member_that_is_leaving_is_told_as_such() -> None:
    change = LOG[-1].change
    leaving = replace(change, members=(replace(change.members[0], leaving=True), *change.members[1:]))
    body = views_page(FakeSource(log=[*LOG[:-1], replace(LOG[-1], change=leaving)]), ()).body
    assert [member["leaving"] for member in body["views"][0]["members"]] == [True]
    assert not any(member["leaving"] for member in body["views"][1]["members"])


def test_views_are_read_page_by_page() -> None:
    source = FakeSource(log=LOG)
    first = views_page(source, (("limit", "3"),)).body
    assert first["next_before"] == 1
    rest = views_page(source, (("limit", "3"), ("before", "1"))).body
    assert ([row["offset"] for row in rest["views"]], rest["next_before"]) == ([0], None)


def test_an_empty_log_of_views() -> None:
    assert views_page(FakeSource(), ()).body["views"] == []


def test_nodes_take_no_parameter() -> None:
    answer = nodes_page(FakeSource(), (("limit", "1"),))
    assert (answer.status, answer.body) == (400, {"error": "no parameter 'limit': this page takes none"})
