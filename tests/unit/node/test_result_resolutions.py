"""The publisher and names: what is held of a name travels with each run at its addresses, and by itself."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from schemas.codec import decode
from schemas.identifiers import NodeId, ViewId
from schemas.probes import ProbeResults, Reason, Resolution
from schemas.topics import PROBE_RESULTS
from streams.faust_app.identity import NodeIdentity
from streams.node.results import ResultPublisher
from streams.node.settings import NodeSettings
from tests.unit.folding.builders import WEB, probed
from tests.unit.node.fakes import Later, RecordingSender, Switch

SAID = Resolution(WEB, "web.test", "10.0.0.5", 30, 1_000, Reason.OK, "")


@dataclass(slots=True)
class Desk:
    """A publisher of the owner of one domain-based service."""

    sender: RecordingSender = field(default_factory=RecordingSender)
    later: Later = field(default_factory=Later)
    publisher: ResultPublisher = field(init=False)

    def __post_init__(self) -> None:
        names = {WEB: SAID}
        self.publisher = ResultPublisher(
            NodeIdentity(NodeId("b0"), "b0-run"),
            self.sender,
            "probe-results",
            {WEB: ViewId(7)}.get,
            Switch(),
            self.later,
            lambda: 1_000,
            names.get,
        )

    def batches(self, error: str | None = None) -> list[ProbeResults]:
        """What went out with this tick, and its fate."""
        self.later.tick()
        sent = self.sender.take()
        for record in sent:
            record.settle(error)
        return [decode(ProbeResults, record.value, PROBE_RESULTS.record_bytes) for record in sent]


def test_D3_a_run_at_a_resolved_address_comes_with_what_dns_said() -> None:
    desk = Desk()
    desk.publisher.report([replace(probed(1), ip_address="10.0.0.5"), replace(probed(2, run=2), ip_address="10.0.0.6")])
    (batch,) = desk.batches()
    assert ([run.ip_address for run in batch.runs], batch.resolutions) == (["10.0.0.5", "10.0.0.6"], (SAID,))


def test_a_run_of_any_other_service_carries_nothing_of_names() -> None:
    desk = Desk()
    desk.publisher.report([probed(1)])
    (batch,) = desk.batches()
    assert batch.resolutions == ()


def test_D4_what_dns_said_goes_out_by_itself_and_again_if_it_was_lost() -> None:
    desk = Desk()
    desk.publisher.resolved([WEB])
    (batch,) = desk.batches(error="timed out")
    assert (batch.runs, batch.claims, batch.resolutions) == ((), (), (SAID,))
    desk.publisher.keep_house()
    assert [batch.resolutions for batch in desk.batches()] == [(SAID,)]
    desk.publisher.keep_house()
    assert desk.batches() == []


@pytest.mark.parametrize("server", ["10.0.0.53", "10.0.0.53:5353", "::1", "[::1]:53"])
def test_D4_a_nodes_dns_servers_are_addresses(server: str) -> None:
    assert NodeSettings(NodeId("b0"), "127.0.0.1:9092", resolvers=(server,)).resolvers == (server,)


@pytest.mark.parametrize("server", ["dns.test", "10.0.0.53:", "10.0.0.53:70000", ""])
def test_D4_anything_else_is_no_dns_server(server: str) -> None:
    with pytest.raises(ValueError, match=r"is no DNS server: give ADDRESS\[:PORT\]"):
        NodeSettings(NodeId("b0"), "127.0.0.1:9092", resolvers=(server,))
