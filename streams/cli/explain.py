"""`watchbill explain SERVICE`: why a service is as it is, from the last probe to the state on each node (U-1).

Rule: one screen. A line for each thing that the state rests on, in the order of the flow, with the record that says so;
the line that decides is marked. `--at` asks the same of the past, as far as the log reaches, and says how exact the
answer is. JSON has every value behind the words (shape at `explanation_data`). Nothing is written and no node is asked.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.identifiers import NodeId
from schemas.topics import DEFAULT_CLUSTER
from streams.cli.completing import services
from streams.cli.instants import AtOption
from streams.cli.library import Library, instant_of, opened
from streams.cli.output import Output, OutputOption, note, print_data
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption
from streams.cli.show_words import STYLES, age_text, time_text

if TYPE_CHECKING:
    from streams.answers.chain import Explanation, Link
    from streams.answers.placed import Where

Data = dict[str, Any]
MARK = "▶"


def explain(
    service: Annotated[str, typer.Argument(help="A service, or a member of a group.", autocompletion=services)],
    node: Annotated[str | None, typer.Option("--node", help="Only this node's part of the end of the chain.")] = None,
    at: AtOption = None,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Explain a service's state: probes, retries, weights, layers, owner, what was told, and each node's part of it."""
    from streams.answers.explain import explain as explained
    from streams.cli.gather import TOPICS_READ, gather

    with opened(bootstrap, cluster, data_dir, TOPICS_READ) as library:
        evidence = gather(library, service, instant_of(at, library.now_ms))
        answer = explained(evidence, NodeId(node) if node else None)
        if output is Output.TABLE:
            print_explanation(answer, library)
        else:
            print_data(explanation_data(answer), output)


def explanation_data(answer: Explanation) -> Data:
    """`{"name", "entity_id", "at_ms", "state" (null: nothing told), "changed_at_ms", "chain": [{"step", "text",
    "record": {"topic", "partition", "offset", "at_ms"} or null, "decisive", "values": {...}}], "nodes": [{"node_id",
    "state"}], "notes": [...]}`."""
    return {
        "name": answer.name,
        "entity_id": answer.entity_id,
        "at_ms": answer.at_ms,
        "state": answer.state.value if answer.state else None,
        "changed_at_ms": answer.changed_at_ms,
        "chain": [
            {
                "step": link.step.value,
                "text": link.text,
                "record": where_data(link.where),
                "decisive": link.decisive,
                "values": dict(link.values),
            }
            for link in answer.links
        ],
        "nodes": [{"node_id": one.node_id, "state": one.state.value if one.state else None} for one in answer.nodes],
        "notes": list(answer.notes),
    }


def where_data(where: Where) -> Data | None:
    """The place of a record; None for none."""
    if where.offset < 0:
        return None
    return {
        "topic": where.topic,
        "partition": where.partition,
        "offset": where.offset,
        "at_ms": where.at_ms or None,
    }


def where_text(where: Where, cluster: str) -> str:
    """A place without the cluster's prefix, such as `probe-results/17@4711`."""
    return "-" if where.offset < 0 else str(where).removeprefix(f"{cluster}.")


def print_explanation(answer: Explanation, library: Library) -> None:
    """One screen: what is so, then a line for each link."""
    from streams.cli.show_tables import print_facts, print_table

    state = answer.state.value if answer.state else "without any state"
    since = ""
    if answer.changed_at_ms is not None:
        since = f" since {time_text(answer.changed_at_ms)} ({age_text(answer.at_ms - answer.changed_at_ms)})"
    then = "" if answer.at_ms == library.now_ms else f" at {time_text(answer.at_ms)}"
    verb = "is" if not then else "was"
    print_facts([(answer.name, (f"{verb} {state}{since}{then}", STYLES[answer.state] if answer.state else ""))])
    print()
    print_table(
        (
            ("", lambda one, _: (MARK if one["link"].decisive else "", "bold")),
            ("step", lambda one, _: (one["step"], "dim")),
            ("record", lambda one, _: (where_text(one["link"].where, library.cluster), "dim")),
            ("what", lambda one, _: (one["link"].text, "bold" if one["link"].decisive else "")),
        ),
        _rows(answer.links),
        answer.at_ms,
    )
    for text in answer.notes:
        note(f"note: {text}")


def _rows(links: tuple[Link, ...]) -> list[Data]:
    """The name of a step stands at its first line only."""
    rows: list[Data] = []
    before = None
    for link in links:
        rows.append({"link": link, "step": link.step.value if link.step is not before else ""})
        before = link.step
    return rows
