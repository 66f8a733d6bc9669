"""`watchbill show service|monitor|vserver|node|view [NAME]`: what the cluster is, as Kafka has it now.

Rule: one reading, one answer; with `--at`, of a past instant (`show_then`). A table for people, or JSON and YAML with
the records' field names (the shapes stand at `show_services`, `show_nodes` and `show_entities`): a list, or one object
where a name was given. Exit codes: 1 where nothing has the name, 3 where Kafka gives no answer. No node is asked and no
Faust is loaded.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from schemas.topics import DEFAULT_CLUSTER
from streams.cli import completing
from streams.cli.instants import AtOption
from streams.cli.output import Output, OutputOption, fail, print_data
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption

if TYPE_CHECKING:
    from streams.cli.show_read import Knowledge
    from streams.cli.show_tables import Columns

NameArgument = Annotated[
    str | None, typer.Argument(help="Only this one, with everything known of it.", autocompletion=completing.shown)
]
DeadlineOption = Annotated[float, typer.Option("--deadline", min=0.1, help="Seconds to wait for Kafka.")]
LastOption = Annotated[int, typer.Option("--last", min=0, help="Only the newest ones; 0: all.")]
DEADLINE_S = 10.0
VIEWS_SHOWN = 20

app = typer.Typer(help="Show services, monitors, vservers, nodes and views.", no_args_is_help=True)
Data = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """Where to read, and how to print."""

    bootstrap: str | None
    cluster: str
    data_dir: Path | None
    deadline_s: float
    output: Output
    at: str | None = None

    def read(self, service: str | None = None) -> Knowledge:
        """What Kafka has, or had; of then perhaps of one service only. Ends the verb where it does not answer."""
        if self.at is not None:
            from streams.cli.show_then import read_then

            return read_then(self.bootstrap, self.cluster, self.data_dir, self.at, service)
        from streams.cli.show_read import read

        return read(self.bootstrap, self.cluster, self.data_dir, self.deadline_s)

    def print_all(self, columns: Columns, rows: Sequence[Data], known: Knowledge, what: str) -> None:
        """A list."""
        from streams.cli.show_tables import print_table

        if self.output is not Output.TABLE:
            print_data(list(rows), self.output)
        elif rows:
            print_table(columns, rows, known.now_ms)
        else:
            print(f"no {what} in cluster {self.cluster}")

    def print_one(self, one: Data, show: Callable[[], None]) -> None:
        """One thing: its data, or what `show` makes of it."""
        if self.output is Output.TABLE:
            show()
        else:
            print_data(one, self.output)


@app.command()
def service(
    name: NameArgument = None,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    deadline: DeadlineOption = DEADLINE_S,
    output: OutputOption = Output.TABLE,
    at: AtOption = None,
) -> None:
    """Show services and members of groups, and their states."""
    from streams.cli import show_tables as tables
    from streams.cli.show_services import last_failures, service_detail, service_list

    asked = Asked(bootstrap, cluster, data_dir, deadline, output, at)
    known = asked.read(name)
    if name is None:
        asked.print_all(tables.SERVICES, service_list(known), known, "service")
        return
    one = service_detail(known, name)
    if one is None:
        _unknown("service", name, [row["name"] for row in service_list(known)])

    def show() -> None:
        tables.print_facts(tables.service_facts(one, known.now_ms))
        print()
        tables.print_table(tables.BINDINGS, one["bindings"], known.now_ms)
        if one["path_monitoring"] != "OFF":
            print()
            tables.print_table(tables.ON_NODES, one["nodes"], known.now_ms)
        failures = last_failures(one)
        if failures:
            print()
            tables.print_table(tables.FAILURES, failures, known.now_ms)

    asked.print_one(one, show)


@app.command()
def monitor(
    name: NameArgument = None,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    deadline: DeadlineOption = DEADLINE_S,
    output: OutputOption = Output.TABLE,
    at: AtOption = None,
) -> None:
    """Show monitors, their settings, and what they are bound to."""
    from streams.cli import show_tables as tables
    from streams.cli.show_entities import monitor_list

    asked = Asked(bootstrap, cluster, data_dir, deadline, output, at)
    known = asked.read()
    _entities(asked, known, "monitor", name, monitor_list(known), tables.MONITORS, ("bound_to", tables.BOUND_TO))


@app.command()
def vserver(
    name: NameArgument = None,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    deadline: DeadlineOption = DEADLINE_S,
    output: OutputOption = Output.TABLE,
    at: AtOption = None,
) -> None:
    """Show vservers and the states of their services."""
    from streams.cli import show_tables as tables
    from streams.cli.show_entities import vserver_list

    asked = Asked(bootstrap, cluster, data_dir, deadline, output, at)
    known = asked.read()
    parts = ("services", tables.BOUND_SERVICES)
    _entities(asked, known, "vserver", name, vserver_list(known), tables.VSERVERS, parts)


@app.command()
def node(
    name: NameArgument = None,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    deadline: DeadlineOption = DEADLINE_S,
    output: OutputOption = Output.TABLE,
    at: AtOption = None,
) -> None:
    """Show nodes: phase, view, what they own, and how far behind they are; one by name: in what, and since when."""
    from streams.cli import show_tables as tables
    from streams.cli.show_lag import LAG, reading
    from streams.cli.show_nodes import node_detail, node_list

    asked = Asked(bootstrap, cluster, data_dir, deadline, output, at)
    known = asked.read()
    rows = node_list(known)
    if name is None:
        asked.print_all(tables.NODES, rows, known, "node")
        return
    row = _named(rows, "node_id", name, "node")
    one = node_detail(known, row, reading(bootstrap, cluster, data_dir))

    def show() -> None:
        tables.print_facts(tables.node_facts(one, known.now_ms))
        print()
        tables.print_table(LAG, one["lag"], known.now_ms)

    asked.print_one(one, show)


@app.command()
def view(
    view_id: Annotated[int | None, typer.Argument(help="Only this one: its id is its offset.")] = None,
    last: LastOption = VIEWS_SHOWN,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    deadline: DeadlineOption = DEADLINE_S,
    output: OutputOption = Output.TABLE,
    at: AtOption = None,
) -> None:
    """Show the view in force and those before it, accepted or refused and why."""
    from streams.cli import show_tables as tables
    from streams.cli.show_nodes import view_list

    asked = Asked(bootstrap, cluster, data_dir, deadline, output, at)
    known = asked.read()
    rows = view_list(known)
    if view_id is None:
        asked.print_all(tables.VIEWS, rows[:last] if last else rows, known, "view")
        return
    one = next((row for row in rows if row["view_id"] == view_id), None)
    if one is None:
        fail(f"no view {view_id}: there are {len(rows)}, the newest first in `watchbill show view`")
    asked.print_one(one, lambda: tables.print_table(tables.VIEWS, [one], known.now_ms))


def _entities(
    asked: Asked,
    known: Knowledge,
    what: str,
    name: str | None,
    rows: Sequence[Data],
    columns: Columns,
    parts: tuple[str, Columns],
) -> None:
    """Monitors and vservers: a list, or one with its settings and what it is bound to."""
    from streams.cli import show_tables as tables

    if name is None:
        asked.print_all(columns, rows, known, what)
        return
    one = _named(rows, "name", name, what)

    def show() -> None:
        tables.print_facts(tables.entity_facts(one))
        print()
        tables.print_table(parts[1], one[parts[0]], known.now_ms)

    asked.print_one(one, show)


def _named(rows: Sequence[Data], key: str, name: str, what: str) -> Data:
    one = next((row for row in rows if row[key] == name), None)
    if one is None:
        _unknown(what, name, [row[key] for row in rows])
    return one


def _unknown(what: str, name: str, names: Sequence[str]) -> NoReturn:
    near = get_close_matches(name, names, 1)
    fail(f'no {what} "{name}"' + (f': did you mean "{near[0]}"?' if near else f": `watchbill show {what}` lists them"))
