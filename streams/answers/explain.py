"""Puts the chain together (U-1): probes, retries, weights, layers, owner, what was told, and each node's part of it.

Rule: exactly one link is decisive, found by asking backwards: a layer that changed the state decides; else the disable;
else, with a threshold, the weights; without one, the first monitor that is not UP, because one is enough. If nothing
was told yet, it is the owner's line: nobody may have been there to tell it. Asked of one node that serves by another
state than was told, it is that node's path.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from schemas.identifiers import NodeId
from schemas.states import BindingVerdict, State
from streams.answers.chain import Explanation, Link, Step
from streams.answers.evidence import Evidence
from streams.answers.history import Exactness, Then, Told
from streams.answers.links_around import dependency_links, is_cut_off, path_links
from streams.answers.links_judged import layer_links, probe_links, retry_links, weight_link
from streams.answers.links_told import node_links, owner_link, told_links
from streams.folding.configured import service_config


def explain(evidence: Evidence, node: NodeId | None = None) -> Explanation:
    """Why the service is as it is; `node`: only this node's part at the end of the chain."""
    then = evidence.then
    told = then.told
    judged = _judged(evidence, told)
    nodes = list(node_links(evidence, told, node))
    links = [
        *judged,
        owner_link(evidence),
        *(told_links(evidence, told) if told else ()),
        *path_links(evidence, node),
        *(link for link, _ in nodes),
        *dependency_links(evidence),
    ]
    decisive = decisive_of(links, then.state)
    if node is not None and nodes[0][1].state is not then.state:
        decisive = next((link for link in links if is_cut_off(link)), decisive)
    return Explanation(
        name=evidence.service.name,
        entity_id=evidence.service.entity_id,
        at_ms=evidence.at_ms,
        state=then.state,
        changed_at_ms=told.changed_at_ms if told else None,
        links=tuple(_marked(links, decisive)),
        nodes=tuple(state for _, state in nodes),
        notes=tuple(_notes(evidence, then)),
    )


def _judged(evidence: Evidence, told: Told | None) -> list[Link]:
    """From the probes to the layers; of a line of history only what it says itself is left."""
    if told is None:
        own = evidence.service.internal
        return [Link(Step.TOLD, "each node folds its own, and tells nobody" if own else "nothing was told of it")]
    record = told.record
    if record is None:
        weight = f"weight {told.up_weight} UP of {told.threshold or 'all'}: {told.state.value}"
        values = {"up_weight": told.up_weight, "threshold": told.threshold}
        return [Link(Step.WEIGHTS, f"{weight}; {told.cause.text}", told.where, values)]
    return [
        *probe_links(evidence, told, record),
        *retry_links(evidence, told, record),
        weight_link(evidence, record),
        *layer_links(evidence, told, record),
    ]


def decisive_of(links: Sequence[Link], state: State | None) -> Link | None:
    """The link without which the state would be another."""
    if state is None:
        return next((link for link in links if link.step is Step.OWNER), None)
    layers = [link for link in links if link.step is Step.LAYERS and "after" in link.values]
    if layers:
        return layers[-1]
    weighed = next((link for link in links if link.step in (Step.CONFIGURATION, Step.WEIGHTS)), None)
    if weighed is None or weighed.step is Step.CONFIGURATION or weighed.values["threshold"] or state is State.UP:
        return weighed
    return next((link for link in links if _turns(link, state)), weighed)


def _turns(link: Link, state: State) -> bool:
    """Whether this monitor alone makes the state, with threshold 0."""
    if link.step is not Step.RETRIES or not link.values["counts"]:
        return False
    verdict = BindingVerdict(str(link.values["state"]))
    wanted = {State.DOWN: BindingVerdict.DOWN, State.GOING_OUT_OF_SERVICE: BindingVerdict.MAINTENANCE}
    return verdict is wanted.get(state, BindingVerdict.UNKNOWN)


def _marked(links: Sequence[Link], decisive: Link | None) -> list[Link]:
    return [replace(link, decisive=True) if link is decisive else link for link in links]


def _notes(evidence: Evidence, then: Then) -> list[str]:
    """What a reader must know of how good the answer is."""
    notes = []
    if then.exactness is not Exactness.WHOLE:
        notes.append(then.exactness.value)
    record = then.told.record if then.told else None
    if record is None:
        return notes
    config = service_config(evidence.service)
    shown = {held.monitor_id for held in record.bindings}
    if record.threshold != config.threshold or shown != {bound.monitor_id for bound in config.bindings}:
        where = evidence.config.command_of(record.entity_id)
        notes.append(f"the state was told before the configuration of {where} was folded")
    return notes
