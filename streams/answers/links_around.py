"""What stands beside the chain: each node's own path to the service, and what the service depends on.

Rule: a path never decides for others here, only for its node (P-5); where the nodes decide together, a layer of the
fold has it already. A dependency decides nothing at all; it says where to look first.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from schemas.dependencies import dependencies, root_causes
from schemas.identifiers import EntityId, NodeId
from schemas.probes import PathState
from schemas.states import PathMonitoring, State
from streams.answers.chain import Link, Step
from streams.answers.evidence import Evidence
from streams.folding.paths import MONITORING_WORDS


def path_links(evidence: Evidence, node: NodeId | None) -> Iterator[Link]:
    """Each node's path, by its last report; none where the paths to the service are not watched."""
    monitoring = evidence.service.path_monitoring
    if monitoring is PathMonitoring.OFF:
        return
    view, _ = evidence.views.at(evidence.at_ms)
    for name in sorted({*view.nodes, *evidence.reports}) if node is None else [node]:
        placed, path = evidence.reports.get(name), evidence.path_of(name)
        words = MONITORING_WORDS[monitoring]
        values = {"node_id": name, "path": path.value, "monitoring": monitoring.value}
        if placed is None:
            yield Link(Step.PATHS, f"{name}: has reported no path; {words}", values=values)
        else:
            yield Link(Step.PATHS, f"{name}: {path.value}; {words}", placed.where, values)


def is_cut_off(link: Link) -> bool:
    """Whether it is this path that makes its node serve by another state than was told."""
    individual = link.values.get("monitoring") == PathMonitoring.INDIVIDUAL.value
    return link.step is Step.PATHS and individual and link.values["path"] == PathState.DOWN.value


def dependency_links(evidence: Evidence) -> Iterator[Link]:
    """What the service depends on directly, with its state; and the roots that explain that it is DOWN."""
    entities, service = evidence.config.entities, evidence.service.entity_id
    needed = partial(dependencies, entities)
    then = evidence.then.state

    def state_of(one: EntityId) -> State | None:
        known = evidence.needed.get(one)
        return then if one == service else known.state if known else None

    roots = root_causes(service, needed, state_of)
    for one in dict.fromkeys([*needed(service), *roots]):
        known, state = evidence.needed.get(one), state_of(one)
        name = entities.by_id[one].name
        why = ": look there first" if one in roots else ""
        values = {"name": name, "state": state.value if state else None, "root": one in roots}
        text = f"{name}, which is {state.value if state else 'without any state'}{why}"
        yield (
            Link(Step.DEPENDENCIES, text, known.where, values)
            if known
            else Link(Step.DEPENDENCIES, text, values=values)
        )
