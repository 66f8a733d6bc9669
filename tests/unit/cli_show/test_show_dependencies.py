"""M-20 on the command line: what a service depends on, and which DOWN explains its own."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.config import BoundTo, Kind
from schemas.states import State
from streams.cli import show_tables as tables
from streams.cli.show_read import Knowledge
from streams.cli.show_services import service_detail, service_list
from tests.unit.cli_show.samples import API, NOW_MS, WEB, knowledge, state


def depending() -> Knowledge:
    """web depends on api; both are DOWN."""
    known = knowledge()
    web = known.entities.by_id[WEB]
    needs = replace(web, bindings=(*web.bindings, BoundTo(Kind.SERVICE, API, 1, True)))
    states = {WEB: state(State.DOWN), API: state(State.DOWN, "b1", API, "api")}
    return replace(known, entities=known.entities.updated([needs]), states=states)


def test_M20_the_list_and_the_service_name_what_explains_it(capsys: pytest.CaptureFixture[str]) -> None:
    rows = service_list(depending())
    assert {one["name"]: one["explained_by"] for one in rows} == {"api": [], "new": [], "web": ["api"]}
    tables.print_table(tables.SERVICES, rows, NOW_MS)
    assert "explained by api; " in capsys.readouterr().out
    one = service_detail(depending(), "web")
    assert one is not None
    assert one["depends_on"] == [{"name": "api", "state": "DOWN"}]
    tables.print_facts(tables.service_facts(one, NOW_MS))
    text = capsys.readouterr().out
    assert "api, DOWN" in text
    assert "api (DOWN)" in text


def test_M20_a_dependency_that_is_up_explains_nothing() -> None:
    known = replace(depending(), states={WEB: state(State.DOWN), API: state(State.UP, "b1", API, "api")})
    assert {one["name"]: one["explained_by"] for one in service_list(known)}["web"] == []
