"""`watchbill incident SERVICE --from T FILE` keeps a piece of the past; `watchbill replay FILE` folds it again.

Rule: the file is all that the replay asks: no Kafka, no cluster. It holds the service's records of every topic, the
views, and the service's configuration each time that it changed, from the last state before the window on. `replay`
ends with 0 if every recorded state came out again, with its view and sequence, and with 1 if any did not.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.topics import DEFAULT_CLUSTER
from streams.cli.completing import services
from streams.cli.diff import FromOption, ToOption
from streams.cli.library import instant_of, opened
from streams.cli.output import ExitCode, Output, OutputOption, fail, note, print_data
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption
from streams.cli.show_words import STYLES, date_text, time_text

if TYPE_CHECKING:
    from streams.answers.incident import Incident
    from streams.answers.refold import Refolded
    from streams.answers.replay import Replayed

Data = dict[str, Any]
FileArgument = Annotated[Path, typer.Argument(metavar="FILE", help="The incident's file.")]


def incident(
    service: Annotated[str, typer.Argument(help="A service, or a member of a group.", autocompletion=services)],
    file: FileArgument,
    since: FromOption,
    until: ToOption = "now",
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
) -> None:
    """Keep what a service's states of a time follow from, in one file that `replay` can fold again."""
    from streams.answers.incident import lines_of
    from streams.cli.gather_incident import TOPICS_READ, collect

    with opened(bootstrap, cluster, data_dir, TOPICS_READ) as library:
        from_ms, to_ms = instant_of(since, library.now_ms), instant_of(until, library.now_ms)
        assert from_ms is not None, "it was given"
        assert to_ms is not None, "it has a default"
        if from_ms >= to_ms:
            fail("--from is not before --to: turn them round", ExitCode.USAGE)
        found = collect(library, service, from_ms, to_ms)
    try:
        with file.open("x", encoding="utf-8") as out:
            out.writelines(f"{line}\n" for line in lines_of(found))
    except FileExistsError:
        fail(f"{file} is there already: choose another name")
    except OSError as error:
        fail(f"{file} cannot be written: {error}")
    print(f"{file}: {found.name}, {len(found.records):,} records, configured {len(found.configs)} times")


def replay(file: FileArgument, output: OutputOption = Output.TABLE) -> None:
    """Fold an incident again, without Kafka: does every recorded state come out?"""
    from streams.answers.incident import NoIncident, incident_from
    from streams.answers.refold import refold

    try:
        with file.open(encoding="utf-8") as lines:
            found = incident_from(lines)
    except (OSError, UnicodeDecodeError) as error:
        fail(f"{file} cannot be read: {error}")
    except NoIncident as fault:
        fail(f"{file}: {fault}")
    answer = refold(found)
    if output is Output.TABLE:
        _print(found, answer)
    else:
        print_data(replay_data(found, answer), output)
    if not answer.faithful:
        raise typer.Exit(ExitCode.REFUSED)


def replay_data(found: Incident, answer: Refolded) -> Data:
    """`{"service", "cluster", "from_ms", "to_ms", "faithful", "counts": {"EQUAL", "SAME", "GAP", "DIFFERENT"},
    "begins_with": sequence or null, "states": [{"view_id", "sequence", "state", "owner", "record": {...}, "outcome",
    "differs": [fields], "taken_over", "made": {"view_id", "sequence", "state"} or null}]}`."""
    from streams.answers.replay import Outcome

    return {
        "service": found.name,
        "cluster": found.cluster,
        "from_ms": found.from_ms,
        "to_ms": found.to_ms,
        "faithful": answer.faithful,
        "counts": {outcome.name: answer.counts[outcome] for outcome in Outcome},
        "begins_with": answer.begins.sequence if answer.begins else None,
        "states": [_state_data(one) for one in answer.replayed],
    }


def _state_data(one: Replayed) -> Data:
    from streams.cli.explain import where_data

    made = one.made
    return {
        "view_id": one.told.order[0],
        "sequence": one.told.sequence,
        "state": one.told.state.value,
        "owner": one.told.owner,
        "record": where_data(one.told.where),
        "outcome": one.outcome.name,
        "differs": list(one.differs),
        "taken_over": one.taken_over,
        "made": {"view_id": made.view_id, "sequence": made.sequence, "state": made.state.value} if made else None,
    }


def _print(found: Incident, answer: Refolded) -> None:
    from streams.cli.show_tables import print_table

    words = [f"{count:,} {outcome.value}" for outcome, count in answer.counts.items() if count]
    verdict = "every recorded state came out again" if answer.faithful else "NOT every recorded state came out again"
    print(f"{found.name} from {date_text(found.from_ms)} to {date_text(found.to_ms)}: {verdict}")
    for text in words:
        note(f"note: {text}")
    if answer.replayed:
        print()
        print_table(
            (
                ("at", lambda one, _: (time_text(one["one"].told.where.at_ms), "")),
                ("view", lambda one, _: (str(one["one"].told.order[0]), "")),
                ("sequence", lambda one, _: (str(one["one"].told.sequence), "")),
                ("state", lambda one, _: (one["one"].told.state.value, STYLES[one["one"].told.state])),
                ("owner", lambda one, _: (one["one"].told.owner, "")),
                ("replay", lambda one, _: (one["one"].outcome.name, "")),
                ("why", lambda one, _: (_why(one["one"]), "dim")),
            ),
            [{"one": one} for one in answer.replayed],
            found.to_ms,
        )


def _why(one: Replayed) -> str:
    made = one.made
    if one.differs:
        return f"other {', '.join(one.differs)}"
    if made is None:
        return "nothing came out there"
    return "the fold was taken over before it" if one.taken_over else one.told.cause.text
