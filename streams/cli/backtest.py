"""`watchbill backtest SERVICE --set retries=5`: the recorded probes through other retries and thresholds (U-6).

Rule: only what the fold decides by can be replayed; a setting that changes what is probed is refused with the reason.
The replay with the recorded settings stands beside the asked one, and how many of the told outages it gives again is
the measure of how far to trust it. JSON has every outage with its instants (`backtest_data`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.topics import DEFAULT_CLUSTER
from streams.cli.completing import services
from streams.cli.diff import ToOption
from streams.cli.instants import HELP
from streams.cli.library import instant_of, opened
from streams.cli.output import ExitCode, Output, OutputOption, fail, note, print_data
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption
from streams.cli.show_words import age_text, date_text, time_text
from streams.cli.words import Misspoken, settings_from

if TYPE_CHECKING:
    from schemas.config import Setting
    from streams.answers.backtest import Backtest, Compared, Outage

Data = dict[str, Any]
SetOption = Annotated[list[str], typer.Option("--set", help="What would be set, such as retries=5. Repeatable.")]
NEVER, NONE = "still", "-"


def backtest(
    service: Annotated[str, typer.Argument(help="A service, or a member of a group.", autocompletion=services)],
    settings: SetOption,
    monitor: Annotated[str | None, typer.Option("--monitor", help="Only this monitor's retries.")] = None,
    since: Annotated[str, typer.Option("--from", help=f"{HELP} Default: a day ago.")] = "-1d",
    until: ToOption = "now",
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    output: OutputOption = Output.TABLE,
) -> None:
    """Put a service's recorded probes through other retries and thresholds: flaps avoided, outages found later."""
    from streams.answers.trial import Refused
    from streams.cli.gather_runs import TOPICS_READ, replayed

    given = _settings(settings)
    with opened(bootstrap, cluster, data_dir, TOPICS_READ) as library:
        from_ms, to_ms = instant_of(since, library.now_ms), instant_of(until, library.now_ms)
        assert from_ms is not None, "it has a default"
        assert to_ms is not None, "it has a default"
        if from_ms >= to_ms:
            fail("--from is not before --to: turn them round", ExitCode.USAGE)
        try:
            found, reach_ms, paused_ms = replayed(library, service, given, monitor, from_ms, to_ms)
        except Refused as refused:
            fail(str(refused))
    if output is not Output.TABLE:
        print_data(backtest_data(found, service, from_ms, to_ms), output)
    else:
        _print(found, service, settings, to_ms - max(from_ms, reach_ms or 0))
    _tell(found, from_ms, reach_ms, paused_ms)


def _settings(words: list[str]) -> dict[str, Setting]:
    from streams.answers.backtest import REPLAYED

    try:
        given = settings_from(words)
    except Misspoken as fault:
        fail(str(fault), ExitCode.USAGE)
    for name in given:
        if name not in REPLAYED:
            known = ", ".join(REPLAYED)
            fail(f"{name} changes what is probed, and the log has no such probes: there are {known}", ExitCode.USAGE)
    return given


def backtest_data(found: Backtest, service: str, from_ms: int, to_ms: int) -> Data:
    """`{"service", "from_ms", "to_ms", "probes", "placed" (whose time was worked out), "told", "proven", "avoided",
    "outages": [{"from_ms", "to_ms", "found": {"from_ms", "to_ms"} or null, "later_ms", "sure"}], "added": [{"from_ms",
    "to_ms"}]}`."""
    return {
        "service": service,
        "from_ms": from_ms,
        "to_ms": to_ms,
        "probes": found.probes,
        "placed": found.placed,
        "told": found.told,
        "proven": found.proven,
        "avoided": len(found.avoided),
        "outages": [
            {
                "from_ms": one.recorded.from_ms,
                "to_ms": one.recorded.to_ms,
                "found": {"from_ms": one.found.from_ms, "to_ms": one.found.to_ms} if one.found else None,
                "later_ms": one.later_ms,
                "sure": one.sure,
            }
            for one in found.outages
        ],
        "added": [{"from_ms": one.from_ms, "to_ms": one.to_ms} for one in found.added],
    }


def _print(found: Backtest, service: str, settings: list[str], span_ms: int) -> None:
    from streams.cli.show_tables import print_facts, print_table

    print_facts(
        (
            (service, (f"{found.probes:,} probes in {age_text(span_ms)}, with {' '.join(settings)}", "bold")),
            ("avoided", (f"{len(found.avoided)} of {len(found.outages)} outages", "")),
            ("added", (str(len(found.added)), "")),
            ("proof", (f"{found.proven} of {found.told} told outages come out again as configured", "")),
        )
    )
    if found.outages or found.added:
        print()
        print_table(
            (
                ("outage from", lambda one, _: (one["from"], "")),
                ("lasted", lambda one, _: (one["lasted"], "")),
                ("would be", lambda one, _: (one["would"], "bold")),
            ),
            [*map(_row, found.outages), *map(_new_row, found.added)],
            0,
        )


def _row(one: Compared) -> Data:
    recorded = one.recorded
    return {
        "from": time_text(recorded.from_ms),
        "lasted": _lasted(recorded.from_ms, recorded.to_ms),
        "would": _would(one),
    }


def _new_row(one: Outage) -> Data:
    would = f"new at {time_text(one.from_ms)}, {_lasted(one.from_ms, one.to_ms)}"
    return {"from": NONE, "lasted": NONE, "would": would}


def _would(one: Compared) -> str:
    hedge = "" if one.sure else "perhaps "
    if one.found is None or one.later_ms is None:
        return f"{hedge}not noticed"
    if one.later_ms <= 0:
        same = "the same" if one.later_ms == 0 else f"{-one.later_ms / 1000:g} s sooner"
    else:
        same = f"{'' if one.sure else 'at most '}{one.later_ms / 1000:g} s later"
    return f"{same}, {_lasted(one.found.from_ms, one.found.to_ms)}"


def _lasted(from_ms: int, to_ms: int | None) -> str:
    return NEVER if to_ms is None else f"{(to_ms - from_ms) / 1000:g} s"


def _tell(found: Backtest, from_ms: int, reach_ms: int | None, paused_ms: int) -> None:
    """What could not be replayed exactly."""
    if reach_ms is not None and reach_ms > from_ms:
        note(f"note: probes are in the log since {date_text(reach_ms)} only")
    if found.placed:
        note(f"note: the times of {found.placed:,} probes lie between two reports and were placed evenly")
    if paused_ms and not all(one.sure for one in found.outages):
        pause = f"once DOWN it was probed every {paused_ms / 1000:g} s only"
        note(f"note: {pause}: failures that were not looked for are missing")
