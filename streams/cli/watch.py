"""`watchbill watch [NAME...]`: every change of a state, as a line, the moment it is known here.

Rule: the states of now come first as nothing; only what changes from here on is told, once and in order, from the same
replica that a load balancer's host uses. Changes of owner alone are told with `--all`. When Kafka goes away the watch
goes on and says so; nothing turns DOWN by that (U-9). Ends with Ctrl-C.
"""

from __future__ import annotations

import json
import queue
import sys
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.reason_words import reason_text
from schemas.topics import DEFAULT_CLUSTER
from streams.cli.completing import services
from streams.cli.output import ExitCode, Output, fail, note
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption
from streams.cli.show_services import cause_data
from streams.cli.show_words import STYLES, time_text

if TYPE_CHECKING:
    from rich.console import Console

    from connectors.replica.states import Change, StateReplica
    from schemas.states import ServiceState

NamesArgument = Annotated[
    list[str] | None, typer.Argument(help="Only these services; all if none is given.", autocompletion=services)
]
AllOption = Annotated[bool, typer.Option("--all", help="Changes of owner too.")]
CountOption = Annotated[int, typer.Option("--count", min=0, help="End after so many changes; 0: never.")]
DeadlineOption = Annotated[float, typer.Option("--deadline", min=0.1, help="Seconds to wait for the first states.")]
OutputOption = Annotated[Output, typer.Option("--output", "-o", help="table: lines; json: one object a line.")]
LOOK_S = 0.5
WAITING = 10_000
"""Changes that wait to be printed; at more, the newest are left out, and how many is said."""


def watch(
    names: NamesArgument = None,
    owners: AllOption = False,
    count: CountOption = 0,
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    deadline: DeadlineOption = 10.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Watch states change, live. Ends with Ctrl-C."""
    if output is Output.YAML:
        fail("a stream is told as lines or as JSON: choose -o table or -o json", ExitCode.USAGE)
    from connectors.replica.base import NotReady
    from connectors.replica.states import StateReplica
    from streams.cli.show_read import kafka_address, quiet_logs, refuse_silence

    quiet_logs()
    address = kafka_address(bootstrap, data_dir)
    refuse_silence(address)
    try:
        with StateReplica(address, cluster) as states:
            states.wait_ready(deadline)
            _watch(states, frozenset(names or ()), owners, count, output)
    except NotReady as fault:
        fail(str(fault), ExitCode.NO_ANSWER)
    except (KeyboardInterrupt, BrokenPipeError):
        raise typer.Exit(ExitCode.DONE) from None


def _watch(states: StateReplica, names: Collection[str], owners: bool, count: int, output: Output) -> None:
    waiting: queue.SimpleQueue[Change] = queue.SimpleQueue()

    left_out = 0

    def take(changes: Sequence[Change]) -> None:
        nonlocal left_out
        for change in changes:
            if not wanted(change, names, owners):
                continue
            if waiting.qsize() < WAITING:
                waiting.put(change)
            else:
                left_out += 1

    states.on_change(take)
    note(f"watching {len(names) or len(states)} services; Ctrl-C ends")
    tell = _teller(output)
    told, connected = 0, True
    while not count or told < count:
        try:
            tell(waiting.get(timeout=LOOK_S))
            told += 1
        except queue.Empty:
            connected = _tell_connection(states, connected)
            if left_out:
                note(f"{left_out} changes were left out: they came faster than they could be printed")
                left_out = 0


def _tell_connection(states: StateReplica, before: bool) -> bool:
    if states.connected != before:
        note("Kafka answers again" if states.connected else "Kafka does not answer: the states stay as they were")
    return states.connected


def wanted(change: Change, names: Collection[str], owners: bool) -> bool:
    """Whether a change is to be told: another state, a service that came or went; with `owners` another owner."""
    before, after = change.before, change.after
    if names and not any(state is not None and state.name in names for state in (before, after)):
        return False
    if before is None or after is None or before.state is not after.state:
        return True
    return owners and (before.owner, before.view_id) != (after.owner, after.view_id)


def change_data(change: Change) -> dict[str, Any]:
    """One line of `-o json`: `{"at_ms", "entity_id", "name", "before", "after" (states; null: none), "owner_before",
    "owner", "view_id", "sequence", "cause": {"kind", "text", "topic", "partition", "offset"}, "partition", "offset"}`,
    the last two where the record stands in `service-states`."""
    before, after = change.before, change.after
    known = after or before
    return {
        "at_ms": known.updated_at_ms if known else None,
        "entity_id": change.entity_id,
        "name": known.name if known else None,
        "before": before.state.value if before else None,
        "after": after.state.value if after else None,
        "owner_before": before.owner if before else None,
        "owner": after.owner if after else None,
        "view_id": after.view_id if after else None,
        "sequence": after.sequence if after else None,
        "cause": cause_data(after.cause) if after else None,
        "partition": change.partition,
        "offset": change.offset,
    }


def line_of(change: Change) -> list[tuple[str, str]]:
    """One line for people, as (text, style): time, service, before -> after, owner, view, reason."""
    before, after = change.before, change.after
    known = after or before
    if known is None:
        return [(change.entity_id, "")]
    parts = [(f"{time_text(known.updated_at_ms)}  ", "dim"), (f"{known.name:<20} ", "bold"), *_word(before)]
    parts += [(" -> ", "dim"), *_word(after)]
    if after is not None:
        owner = after.owner if before is None or before.owner == after.owner else f"{before.owner} -> {after.owner}"
        parts += [(f"  {owner}", ""), (f"  view {after.view_id}", "dim"), (f"  {reason_text(after)}", "dim")]
    return parts


def _word(state: ServiceState | None) -> list[tuple[str, str]]:
    return [("none", "dim")] if state is None else [(state.state.value, STYLES[state.state])]


def _teller(output: Output) -> Callable[[Change], None]:
    if output is Output.JSON:
        return lambda change: print(json.dumps(change_data(change)), flush=True)
    console = _console()
    from rich.text import Text

    return lambda change: console.print(Text.assemble(*line_of(change)), soft_wrap=True)


def _console() -> Console:
    from rich.console import Console

    return Console(highlight=False, file=sys.stdout)
