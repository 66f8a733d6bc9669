"""What a node says of its paths: once, under the lease, in the view, and again when it was not delivered."""

from __future__ import annotations

from dataclasses import dataclass, field

from connectors.replica.paths import report_key
from schemas.codec import decode
from schemas.identifiers import EntityId, NodeId, ViewId, partition_of
from schemas.probes import PathReport, PathState
from streams.node import path_reports
from streams.node.path_reports import PathReports
from tests.unit.node.fakes import Later, RecordingSender, Sent, Switch

B0 = NodeId("b0")
WEB, SHOP = EntityId("5-0"), EntityId("6-0")
UP, DOWN, GONE = PathState.UP, PathState.DOWN, PathState.UNKNOWN


@dataclass(slots=True)
class Desk:
    sender: RecordingSender = field(default_factory=RecordingSender)
    later: Later = field(default_factory=Later)
    lease: Switch = field(default_factory=Switch)
    reports: PathReports = field(init=False)

    def __post_init__(self) -> None:
        self.reports = PathReports(B0, self.sender, "path-reports", self.lease, self.later, lambda: 9_000)
        self.reports.view_id = ViewId(7)

    def tick(self) -> list[Sent]:
        self.later.tick()
        return self.sender.take()


def said(sent: list[Sent]) -> list[tuple[bytes | None, PathState]]:
    return [(one.key, GONE if one.value is None else decode(PathReport, one.value).path_state) for one in sent]


def test_P9_a_report_has_service_node_state_and_view_under_its_key() -> None:
    desk = Desk()
    desk.reports.put([WEB], DOWN)
    (sent,) = desk.tick()
    assert (sent.topic, sent.partition, sent.key) == ("path-reports", partition_of(WEB), report_key(WEB, B0))
    assert decode(PathReport, sent.value) == PathReport(WEB, B0, DOWN, ViewId(7), 9_000)


def test_the_newest_goes_and_what_the_log_has_is_not_said_again() -> None:
    desk = Desk()
    desk.reports.put([WEB, SHOP], DOWN)
    desk.reports.put([WEB], UP)
    assert said(desk.tick()) == [(report_key(WEB, B0), UP), (report_key(SHOP, B0), DOWN)]
    desk.reports.put([WEB], UP)
    assert desk.tick() == []
    desk.reports.put([WEB], GONE)
    desk.reports.put([EntityId("8-0")], GONE)
    assert said(desk.tick()) == [(report_key(WEB, B0), GONE)], "and nothing is taken back that was never said"


def test_a_node_that_starts_again_says_only_what_is_other_than_in_its_life_before() -> None:
    desk = Desk()
    desk.reports.begin({WEB: UP, SHOP: DOWN})
    desk.reports.put([WEB, SHOP], UP)
    assert said(desk.tick()) == [(report_key(SHOP, B0), UP)]


def test_without_the_lease_or_outside_the_view_it_waits() -> None:
    desk = Desk()
    desk.lease.on = False
    desk.reports.put([WEB], DOWN)
    assert desk.tick() == []
    desk.lease.on, desk.reports.view_id = True, None
    assert desk.tick() == []
    desk.reports.view_id = ViewId(8)
    (sent,) = desk.tick()
    assert decode(PathReport, sent.value).view_id == 8


def test_what_was_not_delivered_is_said_again_unless_there_is_newer() -> None:
    desk = Desk()
    desk.reports.put([WEB, SHOP], DOWN)
    web, shop = desk.tick()
    desk.reports.put([WEB], UP)
    desk.tick()
    web.settle("timed out")
    shop.settle("timed out")
    desk.reports.keep_house()
    assert said(desk.tick()) == [(report_key(SHOP, B0), DOWN)]
    desk.reports.keep_house()
    assert desk.tick() == []


def test_a_tombstone_that_was_not_delivered_is_said_again() -> None:
    desk = Desk()
    desk.reports.begin({WEB: UP})
    desk.reports.put([WEB], GONE)
    (gone,) = desk.tick()
    gone.settle("timed out")
    desk.reports.keep_house()
    assert said(desk.tick()) == [(report_key(WEB, B0), GONE)]


def test_a_full_queue_is_tried_again() -> None:
    desk = Desk()
    desk.sender.room = 1
    desk.reports.put([WEB, SHOP], UP)
    assert len(desk.tick()) == 1
    desk.sender.room = None
    assert said(desk.tick()) == [(report_key(SHOP, B0), UP)]


def test_the_path_of_a_thousand_services_does_not_hold_the_loop() -> None:
    desk = Desk()
    services = [EntityId(f"{number}-0") for number in range(1_000)]
    desk.reports.put(services, DOWN)
    counts = []
    while len(desk.reports):
        counts.append(len(desk.tick()))
    assert sum(counts) == 1_000
    assert max(counts) == path_reports.REPORTS_PER_TICK


def test_a_report_that_is_not_ours_under_our_key_is_put_right() -> None:
    desk = Desk()
    desk.reports.put([WEB], UP)
    desk.tick()
    desk.reports.read_back(WEB, UP)
    assert desk.tick() == []
    desk.reports.read_back(WEB, DOWN)
    assert said(desk.tick()) == [(report_key(WEB, B0), UP)]
    desk.reports.read_back(SHOP, UP)
    assert said(desk.tick()) == [(report_key(SHOP, B0), GONE)]
