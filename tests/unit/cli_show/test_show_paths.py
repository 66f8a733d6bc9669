"""What `show` tells of paths: a service node by node, who processes a vserver's traffic, and how a node pings."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.identifiers import EntityId, NodeId
from schemas.processing import NO_PATHS, ServicePaths
from schemas.states import PathMonitoring
from streams.cli import show_tables as tables
from streams.cli.show_entities import vserver_list
from streams.cli.show_nodes import node_list
from streams.cli.show_read import Knowledge
from streams.cli.show_services import service_detail
from tests.unit.cli_show.samples import NOW_MS, WEB, knowledge, state

B1_CUT_OFF = ServicePaths(frozenset({NodeId("b0")}), frozenset({NodeId("b1")}))


def known(monitoring: PathMonitoring = PathMonitoring.INDIVIDUAL) -> Knowledge:
    """b0 and b1 are the view, and b1 cannot reach web."""
    before = knowledge()
    states = {**before.states, WEB: replace(state(), path_monitoring=monitoring)}

    def paths_of(service: EntityId) -> ServicePaths:
        return B1_CUT_OFF if service == WEB else NO_PATHS

    return replace(before, states=states, paths_of=paths_of)


def test_P4_PS2_a_service_node_by_node() -> None:
    one = service_detail(known(), "web")
    assert one is not None
    assert (one["state"], one["path_monitoring"], one["processing_set"]) == ("UP", "INDIVIDUAL", ["b0"])
    assert one["nodes"] == [
        {"node": "b0", "path": "UP", "state": "UP", "redirect": None},
        {"node": "b1", "path": "DOWN", "state": "DOWN", "redirect": "b0"},
    ]
    off = service_detail(known(PathMonitoring.OFF), "web")
    assert off is not None
    assert (off["processing_set"], [each["path"] for each in off["nodes"]]) == (["b0", "b1"], ["UNKNOWN"] * 2)


def test_PS1_PS2_a_vserver_is_processed_where_one_of_its_services_is_up() -> None:
    (shop,) = vserver_list(known())
    assert (shop["processing_set"], shop["redirects"], shop["node_groups"]) == (["b0"], {"b1": "b0"}, [])


def test_all_of_it_can_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    one = service_detail(known(), "web")
    assert one is not None
    tables.print_facts(tables.service_facts(one, NOW_MS))
    tables.print_table(tables.ON_NODES, one["nodes"], NOW_MS)
    tables.print_facts(tables.entity_facts(vserver_list(known())[0]))
    tables.print_facts(tables.service_facts({**one, "processing_set": []}, NOW_MS))
    text = capsys.readouterr().out
    for part in ("each node decides by its own path", "processed by", "sends its traffic to", "from b1", "nobody"):
        assert part in text


@pytest.mark.parametrize(
    ("pings", "text"), [("raw socket", "raw socket"), ("none: permit it", "permit it"), ("", "not told")]
)
def test_P2_how_a_node_pings(pings: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    before = knowledge()
    nodes = {node: replace(status, pings=pings) for node, status in before.nodes.items()}
    one = node_list(replace(before, nodes=nodes))[0]
    assert one["pings"] == pings
    tables.print_facts(tables.node_facts(one, before.now_ms))
    assert text in capsys.readouterr().out
