"""U-8 in the batches: a node that doubts itself says so, and what it was asked to find out goes by itself."""

from __future__ import annotations

from schemas.identifiers import EntityId, NodeId, ViewId, partition_of
from streams.faust_app.identity import NodeIdentity
from streams.node.results import ResultPublisher
from tests.unit.folding.builders import TCP, WEB, probed
from tests.unit.node.fakes import Later, RecordingSender, Switch
from tests.unit.node.test_result_publisher import API, Desk, batch_of


class Asked(Desk):
    """A publisher of b0, which owns WEB under view 7 and is asked of API under view 9."""

    def __init__(self) -> None:
        self.sender, self.later, self.suspects = RecordingSender(), Later(), False
        self.publisher = ResultPublisher(
            NodeIdentity(NodeId("b0"), "b0-run"),
            self.sender,
            "probe-results",
            {WEB: ViewId(7)}.get,
            Switch(),
            self.later,
            lambda: 1_000,
            opinion_view={API: ViewId(9)}.get,
            suspect=lambda: self.suspects,
        )


def test_U8_opinions_go_in_batches_of_their_own_under_the_view_held() -> None:
    desk = Asked()
    desk.publisher.report([probed(1), probed(2, service=API), probed(3, service=EntityId("9-9"))])
    own, opinion = desk.tick()
    assert (own.view_id, own.opinion, [run.service_id for run in own.runs]) == (7, False, [WEB])
    assert (opinion.view_id, opinion.opinion, [run.service_id for run in opinion.runs]) == (9, True, [API])


def test_U8_a_service_that_is_asked_of_and_still_held_is_spoken_of_as_asked() -> None:
    desk = Desk()
    desk.publisher._opinion_view = {WEB: ViewId(9)}.get
    desk.publisher.report([probed(1)])
    (batch,) = desk.tick()
    assert (batch.view_id, batch.opinion) == (9, True)


def test_U8_runs_of_one_service_stand_together_in_an_opinion() -> None:
    desk = Asked()
    same = next(each for n in range(1000) if partition_of(each := EntityId(f"{n}-3")) == partition_of(API))
    desk.publisher._opinion_view = {API: ViewId(9), same: ViewId(9)}.get
    desk.publisher.report([probed(1, service=API), probed(2, service=same), probed(3, service=API, monitor=TCP)])
    (batch,) = desk.tick()
    services = [run.service_id for run in batch.runs]
    assert services == sorted(services)


def test_U8_every_batch_of_a_node_that_doubts_itself_says_so() -> None:
    desk = Asked()
    desk.suspects = True
    desk.publisher.claim([WEB])
    desk.publisher.report([probed(1), probed(2, service=API)])
    assert sorted((batch.opinion, batch.suspect) for batch in desk.tick()) == [
        (False, True),
        (False, True),
        (True, True),
    ]
    desk.suspects = False
    desk.publisher.report([probed(4)])
    assert [batch.suspect for batch in desk.tick()] == [False]


def test_U8_an_opinion_that_was_not_delivered_is_sent_again_as_one() -> None:
    desk = Asked()
    desk.publisher.report([probed(2, service=API)])
    (record,) = desk.sent()
    record.settle("timed out")
    desk.publisher.keep_house()
    desk.later.tick()
    (again,) = desk.tick()
    assert again == batch_of(record)
