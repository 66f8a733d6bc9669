"""From records to what `top` shows: a row of a state, a cell of a node, and the lines of everything known of a service.

Rule: nothing is worked out here that `show` works out otherwise: who owns what, what is stale and what a service's page
says come from its functions, so the two can not contradict each other.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from schemas.cluster import NodeStatus, Phase
from schemas.identifiers import EntityId, NodeId
from schemas.inventory.entities import Entities
from schemas.inventory.services import services
from schemas.reason_words import reason_text
from schemas.states import ServiceState, State
from streams.cli.show_nodes import STALE_MS, behind_of
from streams.cli.show_services import last_failures, service_detail
from streams.cli.show_tables import BINDINGS, FAILURES, ON_NODES, Cell, Columns, Data, service_facts
from streams.cli.show_words import NO_STATE_YET, age_text
from streams.cli.top_draw import Detail
from streams.cli.top_model import NodeCell, Row

if TYPE_CHECKING:
    from streams.cli.show_read import Knowledge

BEHIND_RECORDS = 1_000
"""A node that has so many records to apply is in trouble; fewer are on their way."""


def row_of(state: ServiceState) -> Row:
    """The row of a state."""
    return Row(
        entity_id=state.entity_id,
        name=state.name,
        state=state.state,
        owner=state.owner,
        changed_at_ms=state.changed_at_ms,
        response_us=state.response_time_us,
        reason=reason_text(state),
    )


def row_without_state(entities: Entities) -> dict[EntityId, Row]:
    """Of everything that is configured the row that holds until there is a state."""
    return {
        one.entity_id: Row(one.entity_id, one.name, State.UNKNOWN, "", None, None, NO_STATE_YET)
        for one in services(entities)
    }


def node_cells(known: Knowledge, told: Mapping[str, int]) -> tuple[NodeCell, ...]:
    """Every node of the view, and others that have not left, by id. `told`: services by who told their state."""
    names = {*known.view.nodes, *(node for node, status in known.nodes.items() if status.phase is not Phase.LEFT)}
    return tuple(NodeCell(node, told.get(node, 0), ", ".join(_trouble(known, node))) for node in sorted(names))


def _trouble(known: Knowledge, node: NodeId) -> Iterator[str]:
    status = known.nodes.get(node)
    if status is None:
        yield "never told"
        return
    silent_ms = known.now_ms - status.sent_at_ms
    if silent_ms > STALE_MS:
        yield f"silent {age_text(silent_ms)}"
    if status.phase is not Phase.SERVING:
        yield status.phase.value
    elif node not in known.view.nodes:
        yield "not in view"
    if status.suspect:
        yield "suspect"
    behind = _behind(known, status)
    if behind > BEHIND_RECORDS:
        yield f"behind {behind:,}"


def _behind(known: Knowledge, status: NodeStatus) -> int:
    from schemas.topics import NODES

    return sum(records for topic, records in behind_of(status.applied, known.positions).items() if topic != NODES.name)


def detail_lines(known: Knowledge, name: str) -> Detail:
    """Everything known of a service, as `show service NAME` says it."""
    one = service_detail(known, name)
    if one is None:
        return [[("", "")], [("  this service is gone", "bold yellow")]]
    lines: list[Sequence[Cell]] = [[("", "")]]
    lines += _aligned([[(f" {fact}", "dim"), value] for fact, value in service_facts(one, known.now_ms)])
    lines += _table(BINDINGS, one["bindings"], known.now_ms)
    if one["path_monitoring"] != "OFF":
        lines += _table(ON_NODES, one["nodes"], known.now_ms)
    lines += _table(FAILURES, last_failures(one), known.now_ms)
    return lines


def _table(columns: Columns, rows: Sequence[Data], now_ms: int) -> list[Sequence[Cell]]:
    """A table under an empty line; nothing without rows."""
    if not rows:
        return []
    cells = [[(heading if place else f" {heading}", "dim") for place, (heading, _) in enumerate(columns)]]
    for row in rows:
        (first, style), *others = [cell(row, now_ms) for _, cell in columns]
        cells.append([(f" {first}", style), *others])
    return [[("", "")], *_aligned(cells)]


def _aligned(lines: Sequence[Sequence[Cell]]) -> list[Sequence[Cell]]:
    widths = [max(len(text) for text, _ in column) for column in zip(*lines, strict=True)]
    return [
        [(f"{text:<{width}}  ", style) for (text, style), width in zip(line, widths, strict=True)] for line in lines
    ]
