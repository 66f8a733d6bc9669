"""An incident folded again (see `replay`), and whether it gives the states that were recorded.

Rule: faithful means that every recorded state came out, with its view and sequence; records that the log itself had
lost between two prove nothing, and are counted apart. Only the file is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial

from schemas.cluster import ViewChange
from schemas.identifiers import NodeId
from schemas.probes import PathReport, PathState, ProbeResults
from schemas.processing import ServicePaths
from schemas.topics import PATH_REPORTS, PROBE_RESULTS, SERVICE_STATES, SERVICE_TRANSITIONS, VIEWS
from streams.answers.history import History, Told, histories
from streams.answers.incident import Incident, owner_of
from streams.answers.placed import Placed, readable
from streams.answers.replay import Inputs, Outcome, Replayed, replay
from streams.answers.views_then import ViewsThen, hosts_of, views_then
from streams.folding.configured import service_config
from streams.folding.events import NOT_REPORTED, Reach
from streams.folding.paths import reach_of
from streams.ownership.folders import views_of_one_folder


@dataclass(frozen=True, slots=True)
class Refolded:
    """Every recorded state behind the first, and the first: where the replay begins (None: with sequence 1)."""

    begins: Told | None
    replayed: tuple[Replayed, ...]

    @property
    def counts(self) -> Mapping[Outcome, int]:
        """How many came out how."""
        return Counter(one.outcome for one in self.replayed)

    @property
    def faithful(self) -> bool:
        """Whether nothing else came out than what was recorded."""
        return not self.counts[Outcome.DIFFERENT]


def refold(incident: Incident) -> Refolded:
    """Fold an incident again."""
    views = views_then(readable(incident.of_topic(VIEWS.name), ViewChange))
    found = histories(incident.of_topic(SERVICE_STATES.name), incident.of_topic(SERVICE_TRANSITIONS.name))
    told = [one for one in found.get(incident.entity_id, History()).told if one.record is not None]
    replayed = replay(inputs_of(incident, views), told, incident.compacted)
    begins = told[0] if told and len(replayed) < len(told) else None
    return Refolded(begins, tuple(replayed))


def inputs_of(incident: Incident, views: ViewsThen) -> Inputs:
    """What the replay folds."""
    configs = []
    for step in incident.configs:
        known = step.service(incident.entity_id)
        configs.append((step.where, service_config(known) if known else None))
    return Inputs(
        entity_id=incident.entity_id,
        batches=list(readable(incident.of_topic(PROBE_RESULTS.name), ProbeResults)),
        configs=configs,
        owner_in=partial(owner_of, incident, views),
        second_in=partial(owner_of, incident, views, ask_second=True),
        of_one_folder=cache(partial(views_of_one_folder, views.views)),
        reach_at=partial(_reach_at, incident, views, list(readable(incident.of_topic(PATH_REPORTS.name), PathReport))),
    )


def _reach_at(incident: Incident, views: ViewsThen, reports: Sequence[Placed[PathReport]], at_ms: int) -> Reach:
    """What the nodes had reported of their paths by an instant."""
    if not reports:
        return NOT_REPORTED
    latest: dict[NodeId, PathState] = {}
    for placed in reports:
        if placed.where.at_ms <= at_ms:
            latest[placed.record.node_id] = placed.record.path_state
    steps = [step for step in incident.configs if step.where.at_ms <= at_ms]
    known = steps[-1].service(incident.entity_id) if steps else None
    hosts = hosts_of(known, views.at(at_ms)[0]) if known else frozenset()
    up = frozenset(node for node, state in latest.items() if state is PathState.UP)
    down = frozenset(node for node, state in latest.items() if state is PathState.DOWN)
    return reach_of(hosts, ServicePaths(up, down))
