"""`watchbill diff --from T1 --to T2`: what is different between two instants (U-2).

Rule: one reading of the log, two instants worked out of it, laid side by side. What came and went in between is no
difference, but the number of changes stands beside the state. Exit code 0 whether there are differences or not.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from schemas.topics import DEFAULT_CLUSTER
from streams.cli.instants import HELP
from streams.cli.library import instant_of, opened
from streams.cli.output import ExitCode, Output, OutputOption, fail, print_data
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption

FromOption = Annotated[str, typer.Option("--from", help=HELP)]
ToOption = Annotated[str, typer.Option("--to", help=f"{HELP} Default: now.")]


def diff(
    since: FromOption,
    until: ToOption = "now",
    service: Annotated[str | None, typer.Option("--service", help="Only this service, and the view.")] = None,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Show what is different between two instants: states, owners, the view, the configuration."""
    from streams.answers.difference import Side, differences
    from streams.answers.history import histories
    from streams.cli.show_then import TOPICS_READ, knowledge_then, read_log, tell_exactness

    with opened(bootstrap, cluster, data_dir, TOPICS_READ) as library:
        instants = [at_ms for text in (since, until) if (at_ms := instant_of(text, library.now_ms)) is not None]
        if instants[0] > instants[1]:
            fail("--from is later than --to: turn them round", ExitCode.USAGE)
        log = read_log(library, instants, service)
    sides = []
    for at_ms in instants:
        known, past = knowledge_then(log, at_ms)
        sides.append(Side(past, known.entities, known.view))
        tell_exactness(past, log)
    found = differences(sides[0], sides[1], histories(log.states, log.transitions))
    rows = [asdict(one) for one in found if service is None or one.kind == "view" or one.name == service]
    if output is not Output.TABLE:
        print_data({"from_ms": instants[0], "to_ms": instants[1], "differences": rows}, output)
    elif not rows:
        print("no difference")
    else:
        _print(rows, instants[1])


def _print(rows: list[dict[str, object]], now_ms: int) -> None:
    from streams.cli.show_tables import print_table

    print_table(
        (
            ("kind", lambda one, _: (str(one["kind"]), "dim")),
            ("name", lambda one, _: (str(one["name"]) or "-", "bold")),
            ("what", lambda one, _: (str(one["what"]), "")),
            ("changes", lambda one, _: (str(one["changes"] or "-"), "dim")),
            ("before", lambda one, _: (str(one["before"]), "")),
            ("after", lambda one, _: (str(one["after"]), "")),
        ),
        rows,
        now_ms,
    )
