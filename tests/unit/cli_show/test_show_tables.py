"""The tables of `show`: every column can be written from the data, colour is left out where it is not wanted."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.identifiers import NodeId
from schemas.probes import Reason
from schemas.states import BindingVerdict, Doubt, ProbeFailure
from streams.cli import show_tables as tables
from streams.cli.show_entities import monitor_list, vserver_list
from streams.cli.show_nodes import node_list, view_list
from streams.cli.show_services import last_failures, service_detail, service_list
from tests.unit.cli_show.samples import NOW_MS, WEB, binding, knowledge, state


def test_every_table_can_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    known = knowledge()
    for columns, rows in (
        (tables.SERVICES, service_list(known)),
        (tables.NODES, node_list(known)),
        (tables.VIEWS, view_list(known)),
        (tables.MONITORS, monitor_list(known)),
        (tables.VSERVERS, vserver_list(known)),
        (tables.BOUND_TO, monitor_list(known)[0]["bound_to"]),
        (tables.BOUND_SERVICES, vserver_list(known)[0]["services"]),
    ):
        tables.print_table(columns, rows, NOW_MS)
    text = capsys.readouterr().out
    for part in ("no state yet", "SERVING, stale", "in force", "refused", "2500ms", "1 of 2", "1m 05s"):
        assert part in text
    assert "\x1b[" not in text


def test_M18_bindings_in_maintenance_and_their_failures_can_be_written(capsys: pytest.CaptureFixture[str]) -> None:
    known = knowledge()
    failures = (ProbeFailure(NOW_MS - 9_000, Reason.REFUSED, "connect: refused"),)
    told = replace(binding(), state=BindingVerdict.MAINTENANCE, slow=True, failures=failures)
    known.states[WEB] = replace(state(), bindings=(told,))
    one = service_detail(known, "web")
    assert one is not None
    shadowed = [{**row, "shadow": True, "counts": False} for row in one["bindings"]]
    tables.print_table(tables.BINDINGS, shadowed, NOW_MS)
    tables.print_table(tables.FAILURES, last_failures(one), NOW_MS)
    text = capsys.readouterr().out
    for part in ("MAINTENANCE", "shadow", "connect: refused", "9s"):
        assert part in text


def test_one_service_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    one = service_detail(knowledge(), "api")
    assert one is not None
    tables.print_facts(tables.service_facts(one, NOW_MS))
    text = capsys.readouterr().out
    assert "c.probe-results partition 5 offset 77" in text
    assert "at most until" not in text
    tables.print_facts(tables.service_facts({**one, "due_at_ms": NOW_MS + 5_000}, NOW_MS))
    assert "at most until" in capsys.readouterr().out
    assert "10.0.0.1:80" in text


def test_U8_a_node_that_doubts_itself_and_a_second_opinion_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    known = knowledge()
    known.nodes[NodeId("b0")] = replace(known.nodes[NodeId("b0")], suspect=True)
    tables.print_table(tables.NODES, node_list(known), NOW_MS)
    assert "SERVING, suspect" in capsys.readouterr().out
    for until_ms, words in ((NOW_MS + 5_000, "of b1, awaited until"), (None, "b1 reaches it")):
        known.states[WEB] = replace(state(), doubt=Doubt(NodeId("b1"), NOW_MS, until_ms))
        one = service_detail(known, "web")
        assert one is not None
        assert one["doubt"] == {"asked": "b1", "since_ms": NOW_MS, "until_ms": until_ms}
        tables.print_facts(tables.service_facts(one, NOW_MS))
        assert words in capsys.readouterr().out


def test_one_entity_line_by_line(capsys: pytest.CaptureFixture[str]) -> None:
    tables.print_facts(tables.entity_facts(monitor_list(knowledge())[0]))
    assert "response_timeout_ms" in capsys.readouterr().out


def test_colour_is_for_terminals_without_NO_COLOR(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.delenv("NO_COLOR", raising=False)
    tables.print_table(tables.SERVICES, service_list(knowledge()), NOW_MS)
    assert "\x1b[1;31mDOWN" in capsys.readouterr().out
    monkeypatch.setenv("NO_COLOR", "1")
    tables.print_table(tables.SERVICES, service_list(knowledge()), NOW_MS)
    assert "\x1b[" not in capsys.readouterr().out
