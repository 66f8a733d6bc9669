"""What a node tells of links: from the first success of a run, until the record shows it, of services it watches."""

from __future__ import annotations

from dataclasses import replace

from connectors.engine.binding import Binding
from connectors.engine.runs import RunReport
from connectors.link.neighbours import Neighbour
from schemas.identifiers import EntityId
from schemas.probes import Link, Reason, Verdict
from schemas.states import LayerTwo, ServiceState
from streams.node.inventory import Inventory, Numbered
from streams.node.links import Links
from tests.unit.cli_show.samples import API, WEB, entities, state

ON_LINK = Neighbour("02:00:00:00:00:01", 7, "eth0.7")
FOUND = Link(WEB, 1448, "02:00:00:00:00:01", 7, "eth0.7")


class World:
    """Three services of a file, a neighbour table and the records."""

    def __init__(self) -> None:
        self.inventory = Inventory()
        self.inventory.apply(entities().by_id.values())
        self.neighbours: dict[str, Neighbour] = {"10.0.0.1": ON_LINK}
        self.looked: list[str] = []
        self.records: dict[EntityId, ServiceState] = {}
        self.links = Links(self.inventory, self.records.get, self._look, lambda: 0.0)

    def _look(self, address: str, _: float) -> Neighbour | None:
        self.looked.append(address)
        return self.neighbours.get(address)

    def binding(self, service: EntityId) -> Binding:
        return next(one.binding for one in self.inventory.numbered.values() if one.binding.service_id == service)

    def report(self, service: EntityId, run: int = 1, mss: int = 1448, verdict: Verdict = Verdict.UP) -> None:
        number = self.binding(service).number
        self.links.reported([RunReport(number, 1, run, verdict, Reason.OK, "", 0, 0, 1, 1, 1, 1, mss=mss)])


def test_S1_a_link_is_told_until_the_record_shows_it() -> None:
    world = World()
    assert world.links.news_of(WEB) is None
    world.report(WEB)
    assert world.links.news_of(WEB) == FOUND
    world.records[WEB] = state()
    assert world.links.news_of(WEB) == FOUND, "a lost batch loses nothing"
    world.records[WEB] = replace(state(), mss=1448, layer_two=LayerTwo("02:00:00:00:00:01", 7, "eth0.7"))
    assert world.links.news_of(WEB) is None
    assert world.links.news_of(API) is None


def test_S1_a_link_is_looked_at_once_a_run_of_successes() -> None:
    world = World()
    world.report(WEB, verdict=Verdict.DOWN)
    assert world.looked == []
    for _ in range(5):
        world.report(WEB)
    assert world.looked == ["10.0.0.1"]
    world.neighbours.clear()
    world.report(WEB, run=2, mss=0)
    assert world.links.news_of(WEB) == Link(WEB, 1448, None, None, None), "a kind without TCP leaves the size"


def test_S1_who_watches_no_more_forgets_and_looks_again_when_it_does() -> None:
    world = World()
    world.report(WEB)
    world.links.ended([WEB])
    assert world.links.news_of(WEB) is None
    world.report(WEB)
    assert world.links.news_of(WEB) == FOUND


def test_S1_a_monitor_that_probes_another_address_says_nothing_of_the_service() -> None:
    world = World()
    binding = world.binding(WEB)
    world.inventory.numbered[binding.number] = Numbered(replace(binding, ip="10.9.9.9"), False)
    world.report(WEB)
    assert world.links.news_of(WEB) is None
    world.inventory.numbered[binding.number] = Numbered(replace(binding, ip="10.9.9.9"), False, "10.9.9.9")
    world.report(WEB, run=2)
    assert world.links.news_of(WEB) == Link(WEB, 1448, None, None, None), "a name's address is the service's own"
