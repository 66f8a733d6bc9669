"""`watchbill stat`: the cluster in numbers, on one screen: services by state, nodes, changes, and how fast it probes.

Rule: counts and nothing else; names are `show`'s to tell, but for the few that changed most. Numbers come from the
log: states and heartbeats as `show` reads them, changes from `service-transitions` of the last minutes. How fast it
probes is what the configuration asks for (`show_rates`); what an engine really does is on its node's /metrics.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from schemas.identifiers import EntityId
from schemas.inventory.services import services
from schemas.parameters.durations import duration_ms
from schemas.states import ServiceTransition, State
from schemas.topics import DEFAULT_CLUSTER
from streams.cli.output import ExitCode, Output, OutputOption, fail, print_data
from streams.cli.sending import BootstrapOption, ClusterOption, DataDirOption
from streams.cli.show_nodes import node_list
from streams.cli.show_rates import due_per_s

if TYPE_CHECKING:
    from pathlib import Path

    from streams.cli.show_read import Knowledge

BUSIEST = 5
LONGEST_MS = 86_400_000
WindowOption = Annotated[str, typer.Option("--window", help="How far back changes are counted, such as 5min or 1h.")]
DeadlineOption = Annotated[float, typer.Option("--deadline", min=0.1, help="Seconds to wait for Kafka.")]
Data = dict[str, Any]


def stat(
    window: WindowOption = "5min",
    bootstrap: BootstrapOption = None,
    cluster: ClusterOption = DEFAULT_CLUSTER,
    data_dir: DataDirOption = None,
    deadline: DeadlineOption = 10.0,
    output: OutputOption = Output.TABLE,
) -> None:
    """Tell the cluster in numbers: services by state and by node, changes per minute, probes per second, lag."""
    from streams.cli.show_read import read

    window_ms = duration_ms(window)
    if window_ms is None or not 1_000 <= window_ms <= LONGEST_MS:
        fail(f'--window cannot be "{window}": it is from 1s to 1d, such as 5min', ExitCode.USAGE)
    known = read(bootstrap, cluster, data_dir, deadline)
    told = stat_of(known, _transitions(bootstrap, cluster, data_dir, window_ms), window_ms)
    if output is Output.TABLE:
        from streams.cli.stat_tables import print_stat

        print_stat(told)
    else:
        print_data(told, output)


def _transitions(bootstrap: str | None, cluster: str, data_dir: Path | None, window_ms: int) -> list[ServiceTransition]:
    """The changes of the last time. Ends the verb with exit code 3 where Kafka gives no answer."""
    from schemas.topics import SERVICE_TRANSITIONS
    from streams.answers.placed import readable
    from streams.cli.library import opened

    with opened(bootstrap, cluster, data_dir, (SERVICE_TRANSITIONS,)) as library:
        whole = library.whole(SERVICE_TRANSITIONS)
        read = library.read(library.since(whole, library.now_ms - window_ms))[SERVICE_TRANSITIONS.name]
        return [one.record for one in readable(read, ServiceTransition)]


def stat_of(known: Knowledge, transitions: Sequence[ServiceTransition], window_ms: int) -> Data:
    """`{"cluster", "at_ms", "view_id", "services": {"total", "by_state": {state: count}}, "probes_due_per_s", "nodes":
    [{"node_id", "phase", "in_view", "suspect", "stale", "told" (services whose last word is its), "owned" (those that
    the view gives it), "by_state", "probes_due_per_s", "behind_records", "heartbeat_age_ms"}], "transitions":
    {"window_ms", "count", "per_minute", "busiest": [{"entity_id", "name", "count"}]}}`.

    A service without a state counts as UNKNOWN. A transition that was written twice counts once.
    """
    configured = list(services(known.entities))
    held = {service.entity_id: known.states.get(service.entity_id) for service in configured}
    by_owner: dict[str, Counter[State]] = {}
    for state in held.values():
        if state is not None:
            by_owner.setdefault(state.owner, Counter())[state.state] += 1
    rates = due_per_s(known, configured)
    changed = _changed(transitions, known.now_ms - window_ms)
    return {
        "cluster": known.cluster,
        "at_ms": known.now_ms,
        "view_id": known.view.view_id,
        "services": {
            "total": len(configured),
            "by_state": _counts(Counter(State.UNKNOWN if one is None else one.state for one in held.values())),
        },
        "probes_due_per_s": round(sum(rates.values()), 1),
        "nodes": [
            {
                **{key: node[key] for key in KEPT},
                "by_state": _counts(by_owner.get(node["node_id"], Counter())),
                "probes_due_per_s": round(rates.get(node["node_id"], 0.0), 1),
            }
            for node in node_list(known)
        ],
        "transitions": {
            "window_ms": window_ms,
            "count": changed.total(),
            "per_minute": round(changed.total() * 60_000 / window_ms, 1),
            "busiest": _busiest(changed, transitions),
        },
    }


KEPT = (
    "node_id",
    "phase",
    "in_view",
    "suspect",
    "stale",
    "told",
    "owned",
    "behind_records",
    "heartbeat_age_ms",
)
"""Of what `show node` tells of a node."""


def _counts(found: Counter[State]) -> dict[str, int]:
    """Every state, also those in which there is none: a program need not look whether a key is there."""
    return {state.value: found[state] for state in State}


def _changed(transitions: Iterable[ServiceTransition], since_ms: int) -> Counter[EntityId]:
    """How often each service changed."""
    once = {(one.entity_id, one.view_id, one.sequence) for one in transitions if one.at_ms >= since_ms}
    return Counter(entity_id for entity_id, *_ in once)


def _busiest(changed: Counter[EntityId], transitions: Iterable[ServiceTransition]) -> list[Data]:
    names = {one.entity_id: one.name for one in transitions}
    most = sorted(changed.items(), key=lambda one: (-one[1], names[one[0]]))[:BUSIEST]
    return [{"entity_id": entity_id, "name": names[entity_id], "count": count} for entity_id, count in most]
