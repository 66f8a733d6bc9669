"""What a vserver chooses now, in JSON: the page that a program without the SDK asks.

Rule: the choice is the one of `schemas.choosing`, on the node that was asked for; the page remembers no turn, so the
same question has the same answer until a state changes. Active connections are the caller's own and not asked for here:
`why` says what the choice did without.
"""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

from schemas.candidates import chosen, no_path_known
from schemas.choosing import Candidate
from schemas.config import Kind
from schemas.identifiers import EntityId, NodeId
from schemas.probes import PathState
from streams.folding.config.suggestions import nearest
from streams.web.answers import Answer, Json, failure, refused, seconds
from streams.web.parameters import VALUE_CHARACTERS, Pairs, Problem, best_query
from streams.web.source import Source


def best_page(source: Source, pairs: Pairs, name: str) -> Answer:
    """`/api/vservers/{name}/best?node=b0&turn=0`: 200 with `best` (null: none), `order` and `why`; 400, or 404."""
    query = best_query(pairs)
    if isinstance(query, Problem):
        return refused(query)
    entities = source.entities()
    vserver = entities.find(Kind.VSERVER, name)
    if vserver is None:
        near = nearest(name[:VALUE_CHARACTERS], (one.name for one in entities.of_kind(Kind.VSERVER)))
        hint = f': did you mean "{near}"?' if near else ""
        return failure(404, f'no vserver "{name[:VALUE_CHARACTERS]}"{hint}')
    groups = None
    if query.node is not None:
        member = next((one for one in source.held_view().members if one.node == query.node), None)
        if member is None:
            return failure(404, f"node {query.node} is not in the view in force: `/api/nodes` lists those that are")
        groups = member.node_groups
    path_of = no_path_known if query.node is None else partial(_path, source, NodeId(query.node))
    choice = chosen(entities, vserver, source.state_of, path_of, groups, turn=query.turn)
    order = [_row(one) for one in choice.order]
    return Answer(
        200,
        {
            "vserver": vserver.name,
            "node": query.node,
            "method": choice.method,
            "best": order[0] if order else None,
            "why": choice.why,
            "states_age_s": seconds(source.states_age_s()),
            "order": order,
        },
    )


def _path(source: Source, node: NodeId, service: EntityId) -> PathState:
    return source.paths_of(service).of(node)


def _row(one: Candidate) -> Json:
    return {**asdict(one), "load": asdict(one.load) if one.load else None}
