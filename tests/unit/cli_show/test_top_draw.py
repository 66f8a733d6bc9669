"""The screen of `top`: every picture fits its terminal, and tells states without colour too."""

from __future__ import annotations

from dataclasses import replace

import pytest

from schemas.identifiers import EntityId, NodeId
from schemas.states import State
from streams.cli.top import Listed, held_of
from streams.cli.top_draw import LETTERS, draw, rows_that_fit
from streams.cli.top_model import NodeCell, Page, Picture, Row, Screen, settled, visible
from streams.cli.top_rows import detail_lines, node_cells, row_of, row_without_state
from tests.unit.cli_show.samples import API, NOW_MS, WEB, entities, knowledge, state

LONG = "a-service-with-a-name-that-is-much-longer-than-any-column-of-any-terminal"


def picture(rows: list[Row], **said: object) -> Picture:
    nodes = (NodeCell("b0", 2, ""), NodeCell("b1", 1, "silent 9s"))
    plain = Picture("shop", "127.0.0.1:9092", 4, NOW_MS, True, rows, held_of(rows).by_state, nodes)
    return replace(plain, **said)  # type: ignore[arg-type]


def rows() -> list[Row]:
    found = [row_of(state()), row_of(state(State.DOWN, "b1", API, "api"))]
    return [*found, Row(EntityId("0-9"), LONG, State.UNKNOWN, "", None, None, "no state yet " * 20)]


def drawn(width: int = 80, height: int = 24, screen: Screen | None = None, shown: Picture | None = None) -> list[str]:
    pictured = shown or picture(rows())
    found = screen or Screen()
    listed = visible(found, pictured.rows)
    found = settled(found, listed, rows_that_fit(height))
    detail = detail_lines(knowledge(), "api")
    return [line.plain for line in draw(pictured, found, listed, detail, width, height)]


@pytest.mark.parametrize("page", list(Page))
@pytest.mark.parametrize(("width", "height"), [(80, 24), (200, 60), (40, 10), (20, 6), (1, 1)])
def test_every_page_has_the_terminals_lines_and_none_is_too_wide(page: Page, width: int, height: int) -> None:
    many = [replace(rows()[index % 3], entity_id=EntityId(f"1-{index}")) for index in range(200)]
    lines = drawn(width, height, Screen(page=page, marked=EntityId("1-7")), picture(many))
    assert len(lines) == height
    assert max(map(len, lines)) <= width
    assert not [line for line in lines if "\n" in line]


def test_a_state_is_a_letter_and_a_word_and_the_worst_is_on_top() -> None:
    lines = drawn()
    assert "D 1 DOWN" in lines[1]
    assert "? 1 UNKNOWN" in lines[1]
    assert [line[:9].strip() for line in lines[4:7]] == ["D DOWN", "? UNKNOWN", "U UP"]
    assert len(set(LETTERS.values())) == len(State)
    assert "REFUSED: connect to" in lines[4]


def test_every_state_has_a_letter() -> None:
    assert LETTERS.keys() == set(State)


def test_the_mark_needs_no_colour() -> None:
    pictured = picture(rows())
    screen = settled(Screen(marked=WEB), visible(Screen(), pictured.rows), 19)
    lines = draw(pictured, screen, visible(screen, pictured.rows), (), 80, 24)
    assert ["reverse" in str(line.spans) for line in lines[4:7]] == [False, False, True]


def test_trouble_of_nodes_and_of_kafka_is_told() -> None:
    assert "b1 1 silent 9s" in drawn()[2]
    assert "Kafka does not answer" in drawn(shown=picture(rows(), connected=False))[0]
    assert "none has told itself" in drawn(shown=picture(rows(), nodes=()))[2]


def test_a_list_without_rows_says_why() -> None:
    assert "no service is configured" in "\n".join(drawn(shown=picture([])))
    assert "escape shows all" in "\n".join(drawn(screen=Screen(looked_for="nothing")))


def test_what_is_typed_and_how_it_is_sorted_stand_at_the_foot() -> None:
    assert drawn(screen=Screen(page=Page.FILTER, looked_for="api"))[-1].startswith(" /  api")
    assert "worst first, not UP, /a  1/2" in drawn(screen=Screen(looked_for="a", only_trouble=True))[-1]


def test_the_detail_says_what_show_service_says() -> None:
    text = "\n".join(drawn(100, 40, Screen(page=Page.DETAIL)))
    assert "api (id 1-1)" in text
    assert "http: refused" in text
    assert "gone" in "\n".join("".join(part for part, _ in line) for line in detail_lines(knowledge(), "nobody"))


def test_the_help_names_every_state() -> None:
    text = "\n".join(drawn(screen=Screen(page=Page.HELP)))
    assert all(f"{letter} " in text for letter in LETTERS.values())


def test_nodes_have_what_they_own_and_what_is_wrong_with_them() -> None:
    known = knowledge()
    found = {cell.name: cell for cell in node_cells(known, held_of(rows()).by_owner)}
    assert (found["b0"].services, found["b0"].trouble) == (1, "")
    assert found["b1"].trouble.startswith("silent 9s")
    suspect = replace(known.nodes[NodeId("b0")], suspect=True)
    known = replace(known, nodes={**known.nodes, NodeId("b0"): suspect})
    assert node_cells(known, {})[0].trouble == "suspect"


def test_what_is_configured_and_has_no_state_is_there() -> None:
    assert {row.name: row.state for row in row_without_state(entities()).values()} == dict.fromkeys(
        ("web", "api", "new"), State.UNKNOWN
    )


def test_the_list_is_sorted_anew_only_where_something_has_changed() -> None:
    listed, screen, now = Listed(), Screen(), picture(rows())
    shown = listed.of(screen, now)
    assert listed.of(screen, now) is shown
    assert listed.of(screen, replace(now, now_ms=NOW_MS + 1)) is shown
    assert [row.name for row in listed.of(replace(screen, looked_for="api"), now)] == ["api"]
    assert listed.of(screen, now) == shown
    changed = [replace(row, state=State.DOWN) for row in now.rows]
    assert {row.state for row in listed.of(screen, replace(now, rows=changed))} == {State.DOWN}
