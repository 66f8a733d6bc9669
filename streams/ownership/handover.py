"""When the old owner of a service may stop: make before break (T5, V-4, V-5, S-12).

Rule: an owner carries the id of the view under which it owns (its flag). When the view gives the service to another
node, it goes on probing until it has applied a state of the new owner under a view greater than its flag; then the
flag drops. A state of an owner that has already been replaced does not relieve it, unless that state comes from a
view this node has not read yet: the log is ahead of it, and the writer was owner there; so a woken owner of an old
view stops too. While the old owner lives no service is without a prober between two views, and after the new owner's
first state exactly one node probes.

Why not stop at the view change and let the new owner begin: the two nodes read the view at different times, and a new
owner that dies before its first probe would leave a gap that nobody sees.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from schemas.identifiers import NodeId, ViewId
from streams.ownership.distribution import Role, Standing


class Duty(Enum):
    """What a node does for one service now."""

    OWN = "probe, as owner"
    HOLD = "probe on, as the old owner, until the new one is heard"
    REST = "do not probe"


@dataclass(frozen=True, slots=True)
class LastState:
    """Of the last state applied for the service: the view it was made under and its owner then."""

    view_id: ViewId
    owner: NodeId


@dataclass(frozen=True, slots=True)
class Watch:
    """A node's duty for one service and its flag: the view it owns under, or last owned under; None: no flag."""

    duty: Duty
    flag: ViewId | None


RESTING = Watch(Duty.REST, None)
"""Where every service begins on every node: one that has never been owner does not probe."""


def hand_over(watch: Watch, node: NodeId, standing: Standing, view_id: ViewId, last: LastState | None) -> Watch:
    """The watch after a new view or a newly applied state. Call it at either; calling it twice changes nothing.

    `standing` is this service's under the view `view_id`; `last` is None while no state exists at all.
    """
    if standing.role is Role.INTERNAL:
        return Watch(Duty.OWN, None)  # every node's own, so no flag: nobody ever takes it over
    if standing.role is Role.STANDALONE:
        return Watch(Duty.OWN, view_id)
    flag = view_id if standing.role is Role.OWNER else watch.flag
    if flag is None or standing.role is Role.NOT_HOSTED:
        return RESTING  # never owner, or the service's configuration is gone and with it what to probe
    if last is not None and _relieves(last, flag, node, standing.owner, view_id):
        return RESTING
    return Watch(Duty.OWN if standing.role is Role.OWNER else Duty.HOLD, flag)


def _relieves(last: LastState, flag: ViewId, node: NodeId, owner: NodeId | None, view_id: ViewId) -> bool:
    """S-12: the state of another node, made under a later view than the flag, by the owner of now or of a view to come.

    Under the very view of the flag the owner of now relieves too: a changed node group moved the service within it.
    """
    if last.owner == node:
        return False
    return last.view_id > view_id or (last.owner == owner and last.view_id >= flag)
