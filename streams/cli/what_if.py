"""`watchbill what-if join|leave|add|set|rm|...`: who would own what, and which states would change (U-3).

Rule: the words are those of the verbs that do it (`what-if set monitor http --retries 5` asks of `set monitor http
--retries 5`), and the answer comes from the functions that would do it; nothing is sent. A command that would be
refused is refused here with the same reasons and exit code 1. JSON has every move (`what_if_data`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.config import Operation, Verb
from schemas.identifiers import NodeId
from schemas.topics import DEFAULT_CLUSTER
from streams.cli.output import ExitCode, Output, OutputOption, fail, note, print_data
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption
from streams.cli.show_words import STYLES
from streams.cli.words import Misspoken, kind_of, pair_operation, settings_from

if TYPE_CHECKING:
    from streams.answers.what_if import StateChange, WhatIf

Data = dict[str, Any]
SHOWN = 40
PAIRS = (Verb.BIND, Verb.UNBIND)
WORDS = {"allow_extra_args": True, "ignore_unknown_options": True}

app = typer.Typer(help="Ask who would own what, and which states would change.", no_args_is_help=True)

NodeArgument = Annotated[str, typer.Argument(metavar="NODE", help="The node's id.")]
GroupOption = Annotated[list[str] | None, typer.Option("--node-group", help="A node group it would serve. Repeatable.")]
AllOption = Annotated[bool, typer.Option("--all", help=f"Show every move, not the first {SHOWN}.")]


@app.command()
def join(
    node: NodeArgument,
    node_group: GroupOption = None,
    show_all: AllOption = False,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """What if a node joined: which services it would own, and whose they are now."""
    from streams.answers.what_if import joined

    groups = tuple(node_group or ())
    change = partial(joined, node=NodeId(node), node_groups=groups)
    _membership(change, f"join {node}", show_all, bootstrap, cluster, data_dir, output)


@app.command()
def leave(
    node: NodeArgument,
    show_all: AllOption = False,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """What if a node left, or died: who would own its services."""
    from streams.answers.what_if import left

    _membership(partial(left, node=NodeId(node)), f"leave {node}", show_all, bootstrap, cluster, data_dir, output)


def _membership(
    change: Callable[[Any], Any],
    question: str,
    show_all: bool,
    bootstrap: str | None,
    cluster: str,
    data_dir: Path | None,
    output: Output,
) -> None:
    from streams.answers.what_if import Unthinkable, of_membership
    from streams.cli.gather_now import TOPICS_READ, entities_and_view
    from streams.cli.library import opened

    with opened(bootstrap, cluster, data_dir, TOPICS_READ) as library:
        config, view = entities_and_view(library)
    try:
        after = change(view)
    except Unthinkable as fault:
        fail(str(fault))
    _tell(of_membership(config.entities, view, after), question, show_all, output)


def _command(verb: Verb) -> Callable[..., None]:
    """The command that asks of one configuring verb."""

    def run(
        context: typer.Context,
        show_all: AllOption = False,
        bootstrap: BootstrapOption = None,
        cluster: ClusterOption = DEFAULT_CLUSTER,
        data_dir: DataDirOption = None,
        output: OutputOption = Output.TABLE,
    ) -> None:
        from streams.answers.trial import Refused, trial
        from streams.answers.what_if import of_command
        from streams.cli.gather_now import TOPICS_READ, entities_and_view, next_command, states_of
        from streams.cli.library import opened

        operations = operations_of(verb, context.args)
        with opened(bootstrap, cluster, data_dir, TOPICS_READ) as library:
            config, view = entities_and_view(library)
            try:
                tried = trial(config.entities, operations, next_command(library))
            except Refused as refused:
                for rejection in refused.rejections:
                    note(f"refused: {rejection.message}")
                raise typer.Exit(ExitCode.REFUSED) from None
            states = states_of(library, tried.services())
            answer = of_command(tried, view, states, library.now_ms)
        _tell(answer, " ".join([verb.value.lower(), *context.args]), show_all, output)

    run.__doc__ = f"What if this were done: {verb.value.lower()}, with the words of `watchbill {verb.value.lower()}`."
    return run


def operations_of(verb: Verb, arguments: Sequence[str]) -> list[Operation]:
    """The operations that the words of a configuring verb make. Ends the verb with 2 where they make none."""
    try:
        words = settings_as_words(arguments)
        if verb in PAIRS:
            return [pair_operation(verb, words)]
        names = [word for word in words if "=" not in word]
        settings = settings_from(word for word in words if "=" in word)
        if len(names) < 2 or (verb is Verb.RENAME and len(names) != 3):
            raise Misspoken(f"say what to {verb.value.lower()} by kind and name, such as: service web1")
        kind = kind_of(names[0])
        if verb is Verb.RENAME:
            return [Operation(verb, kind, names[1], {}, new_name=names[2])]
        return [Operation(verb, kind, name, settings) for name in names[1:]]
    except Misspoken as fault:
        fail(str(fault), ExitCode.USAGE)


def settings_as_words(arguments: Iterable[str]) -> list[str]:
    """`--key value` and `--key=value` as `key=value`; every other word as it is. Raises Misspoken."""
    words: list[str] = []
    rest = iter(arguments)
    for word in rest:
        if not word.startswith("--"):
            words.append(word)
            continue
        key, equals, value = word[2:].partition("=")
        if not equals:
            value = next(rest, "")
            if not value:
                raise Misspoken(f"--{key} has no value")
        words.append(f"{key.replace('-', '_')}={value}")
    return words


def what_if_data(answer: WhatIf) -> Data:
    """`{"view_id", "nodes", "nodes_then", "services", "moves": [{"entity_id", "name", "before", "after" (nodes; null:
    nobody)}], "loads": [{"node", "services", "services_then", "partitions", "partitions_then"}], "reached", "states":
    [{"entity_id", "name", "before", "after" (null: none, or not known), "why"}], "unowned": [names]}`."""
    return {
        "view_id": answer.before.view_id,
        "nodes": list(answer.before.nodes),
        "nodes_then": list(answer.after.nodes),
        "services": answer.services,
        "moves": [asdict(move) for move in answer.moves],
        "loads": [asdict(load) for load in answer.loads],
        "reached": answer.reached,
        "states": [_state_data(change) for change in answer.states],
        "unowned": list(answer.unowned),
    }


def _state_data(change: StateChange) -> Data:
    return {
        "entity_id": change.entity_id,
        "name": change.name,
        "before": change.before.value if change.before else None,
        "after": change.after.value if change.after else None,
        "why": change.why,
    }


def _tell(answer: WhatIf, question: str, show_all: bool, output: Output) -> None:
    if output is not Output.TABLE:
        print_data(what_if_data(answer), output)
        return
    from streams.cli.show_tables import print_table

    nodes, then = len(answer.before.nodes), len(answer.after.nodes)
    members = "stays" if nodes == then else f"of {nodes} nodes becomes one of {then}"
    moved = f"{len(answer.moves):,} of {answer.services:,} services get another owner"
    print(f"what if: {question}")
    print(f"view {answer.before.view_id} {members}; {moved}")
    print()
    print_table(LOADS, [asdict(load) for load in answer.loads], 0)
    shown = answer.moves if show_all else answer.moves[:SHOWN]
    if shown:
        print()
        print_table(MOVES, [asdict(move) for move in shown], 0)
    if len(shown) < len(answer.moves):
        note(f"and {len(answer.moves) - len(shown):,} more: --all shows them")
    if answer.reached:
        print()
        changing = sum(change.before is not change.after for change in answer.states)
        print(f"services that the command reaches: {answer.reached:,}; that change at once: {changing:,}")
    if answer.states:
        print_table(STATES, [asdict(change) for change in (answer.states if show_all else answer.states[:SHOWN])], 0)
    for name in answer.unowned[:SHOWN]:
        note(f"note: no node of the view could monitor {name}: it would only age")


LOADS = (
    ("node", lambda one, _: (one["node"], "bold")),
    ("services", lambda one, _: (str(one["services"]), "")),
    ("then", lambda one, _: (str(one["services_then"]), "bold")),
    ("partitions folded", lambda one, _: (str(one["partitions"]), "")),
    ("then", lambda one, _: (str(one["partitions_then"]), "bold")),
)
MOVES = (
    ("service", lambda one, _: (one["name"], "bold")),
    ("owner", lambda one, _: (one["before"] or "-", "")),
    ("then", lambda one, _: (one["after"] or "nobody", "bold")),
)
STATES = (
    ("service", lambda one, _: (one["name"], "bold")),
    ("state", lambda one, _: _state(one["before"])),
    ("then", lambda one, _: _state(one["after"])),
    ("why", lambda one, _: (one["why"], "dim")),
)


def _state(state: Any) -> tuple[str, str]:
    return (state.value, STYLES[state]) if state is not None else ("-", "dim")


def _register() -> None:
    for verb in Verb:
        if verb is not Verb.UNKNOWN:
            app.command(verb.value.lower(), context_settings=WORDS)(_command(verb))


_register()
