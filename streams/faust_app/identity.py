"""Who a node is, and how the group's leader reads it off a member of the consumer group.

Rule: one run of a node is one identity (node id, incarnation, node groups), carried in Faust's `canonical_url`, which
is the only text of ours that Faust hands to the leader for each member. So the leader places partitions, and names the
members of the view, from the group's own metadata; nothing else has to agree with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from schemas.identifiers import NodeId
from streams.ownership.view import Member

_SCHEME = "http"


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """One run of one node. `incarnation` differs for every start."""

    node_id: NodeId
    incarnation: str
    node_groups: tuple[str, ...] = ()

    @property
    def member(self) -> Member:
        """The identity as views know it."""
        return Member(self.node_id, self.incarnation, frozenset(self.node_groups))

    def canonical_url(self) -> str:
        """`http://watchbill:1/<node>/<incarnation>?group=…`; never fetched, it only has to differ per member."""
        query = urlencode([("group", group) for group in sorted(self.node_groups)])
        path = f"/{quote(self.node_id, safe='')}/{quote(self.incarnation, safe='')}"
        return f"{_SCHEME}://watchbill:1{path}" + (f"?{query}" if query else "")


def member_of(canonical_url: str) -> Member:
    """The member that a canonical URL names. Raises ValueError for a URL that no Watchbill node made."""
    parts = urlsplit(canonical_url)
    names = [name for name in parts.path.split("/") if name]
    if len(names) != 2:
        raise ValueError(f"member {canonical_url!r} is not a Watchbill node: is its consumer group used by others?")
    groups = parse_qs(parts.query).get("group", [])
    node_id, incarnation = (unquote(name) for name in names)
    return Member(NodeId(node_id), incarnation, frozenset(groups))
