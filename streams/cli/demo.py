"""`watchbill demo`: Kafka, three nodes and eight services on this machine, the live board, and its keys.

Rule: whatever happens, the terminal is as it was and everything that was started is ended, and that is said. With
`--check` nobody watches: the steps are told on standard error, the last line of standard output is one JSON object, and
the exit code is 0 only if all held. `watchbill demo break|heal|kill|term|start NAME` talks to a demo that runs.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from streams.cli.output import ExitCode, fail

if TYPE_CHECKING:
    from infra.demo.check import Checked
    from infra.demo.demo import Demo, DemoSettings

app = typer.Typer(help="A cluster to play with, on this machine.", invoke_without_command=True)

DataDirOption = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Folder of the demo [default: ./.watchbill/demo, or under XDG_STATE_HOME]."),
]
NameArgument = Annotated[str, typer.Argument(help="A service, such as web-1, or a node, such as b1.")]
OwnBootstrap = Annotated[
    str | None, typer.Option("--bootstrap", help="Use this Kafka, host:port [default: start one for the demo].")
]


@app.callback()
def demo(
    context: typer.Context,
    check: Annotated[bool, typer.Option("--check", help="Run unattended: break, kill, stop, and check.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="With --check: the result as one JSON object.")] = False,
    bootstrap: OwnBootstrap = None,
    cluster: Annotated[str, typer.Option(help="Prefix of the topics.")] = "demo",
    data_dir: DataDirOption = None,
    picture: Annotated[Path | None, typer.Option(help="Write the board to this SVG file, and end.")] = None,
) -> None:
    """Start the demo: a Kafka, three nodes, eight services, and the live board."""
    folder = data_dir or default_folder()
    context.obj = folder
    if context.invoked_subcommand is not None:
        return
    from infra.demo.demo import DemoSettings

    settings = DemoSettings(folder.resolve(), bootstrap, cluster)
    if check:
        raise typer.Exit(_check(settings, as_json))
    raise typer.Exit(_show(settings, picture))


@app.command("break")
def break_(context: typer.Context, name: NameArgument, data_dir: DataDirOption = None) -> None:
    """Make a service ill: it closes its port, answers 503 or falls silent, in turn."""
    _ask("break", name, data_dir or context.obj)


@app.command()
def heal(context: typer.Context, name: NameArgument, data_dir: DataDirOption = None) -> None:
    """Make a service well."""
    _ask("heal", name, data_dir or context.obj)


@app.command()
def kill(context: typer.Context, name: NameArgument, data_dir: DataDirOption = None) -> None:
    """End a node at once, as a crash does (SIGKILL)."""
    _ask("kill", name, data_dir or context.obj)


@app.command()
def term(context: typer.Context, name: NameArgument, data_dir: DataDirOption = None) -> None:
    """Ask a node to leave; it hands over first (SIGTERM)."""
    _ask("term", name, data_dir or context.obj)


@app.command()
def start(context: typer.Context, name: NameArgument, data_dir: DataDirOption = None) -> None:
    """Start a node that was killed or asked to leave."""
    _ask("start", name, data_dir or context.obj)


def default_folder() -> Path:
    """Beside the folder of our own broker."""
    from infra.kafka.broker import default_data_dir

    return default_data_dir().parent / "demo"


def _ask(act: str, name: str, folder: Path) -> None:
    from infra.demo.control import ask
    from infra.errors import InfraError

    try:
        answer = ask(folder, {"act": act, "name": name})
    except InfraError as error:
        fail(str(error), ExitCode.NO_ANSWER)
    if not answer.get("ok"):
        fail(str(answer.get("text")))
    print(answer["text"])


def _check(settings: DemoSettings, as_json: bool) -> int:
    from infra.demo.check import Checked, run_check

    checked = Checked()

    def steps(demo: Demo) -> None:
        checked.ready_s = demo.start()
        run_check(demo, _say_at(demo), checked)

    failure = run(settings, steps, _error_line)
    if failure is not None:
        checked.failed.append(failure)
    sys.stdout.write((json.dumps(checked.as_json()) if as_json else _in_words(checked)) + "\n")
    return ExitCode.DONE if checked.ok else ExitCode.REFUSED


def _show(settings: DemoSettings, picture: Path | None) -> int:
    from streams.cli.board_run import attend

    failure = run(settings, lambda demo: attend(demo, picture), _error_line)
    if failure is None:
        return ExitCode.DONE
    _error_line(f"error: {failure}")
    return ExitCode.REFUSED


def run(settings: DemoSettings, body: Callable[[Demo], None], say: Callable[[str], None]) -> str | None:
    """Runs `body` on a demo and ends everything after it; what went wrong, or None. A wish to end is none."""
    from infra.demo.demo import FAILURES, Demo
    from infra.demo.interrupts import Interrupts, Stopped
    from streams.cli.show_read import quiet_logs

    quiet_logs()
    failure: str | None = None
    with Interrupts() as interrupts:
        began_s = time.monotonic()
        demo = Demo(settings, interrupts, lambda line: say(f"{time.monotonic() - began_s:6.2f} s  {line}"))
        try:
            with demo.door():
                body(demo)
        except Stopped as stopped:
            say(f"{stopped}: ending what was started")
            failure = f"interrupted by {stopped}" if demo.starting else None
        except FAILURES as error:
            failure = str(error)
        finally:
            interrupts.end()
            demo.stop()
    return failure


def _say_at(demo: Demo) -> Callable[[str], None]:
    return lambda line: _error_line(f"{time.monotonic() - demo.started_s:6.2f} s  {line}")


def _error_line(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _in_words(checked: Checked) -> str:
    told = "all held" if checked.ok else "failed: " + "; ".join(checked.failed)
    return f"{told}; " + ", ".join(f"{key} {value}" for key, value in checked.as_json().items() if key.endswith("s"))
