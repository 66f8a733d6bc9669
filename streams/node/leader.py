"""Step 3 of the flow at the group's leader: propose the view that the group has just agreed on, until it is in force.

Rule: a leader proposes only after its own assignment came back, on top of the view it holds, and only while another
view than its own is in force. A leader that was paused does not undo its successor: a view of a greater generation that
came after its group had agreed makes it give up. Only such a view: a group that was made anew counts from the start
again, and the old views of great generations say nothing against it. What was brought about is watched until the next
assignment, so a late proposal of an earlier leader is answered; that a member is leaving is for that one to say. A
group that agrees on the members of the view in force needs no new one: each would be told for every service (V-4). A
lost race costs one more proposal, never a wrong view.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from schemas.identifiers import NO_VIEW, ViewId
from streams.ownership.view import Member, View


@dataclass(frozen=True, slots=True)
class Wanted:
    """What the group agreed on: the members of a generation."""

    members: tuple[Member, ...]
    generation: int


class Leader:
    """The loop's thread, but for `led`. `propose` sends one record; what comes of it is seen by reading back."""

    def __init__(self, propose: Callable[[Wanted], None]) -> None:
        self._propose = propose
        self._led: tuple[Member, ...] | None = None
        self._wanted: Wanted | None = None
        self._proposed_on: ViewId | None = None
        self._read: ViewId = NO_VIEW
        self._led_after: ViewId = NO_VIEW

    def led(self, members: tuple[Member, ...] | None) -> None:
        """The assignor placed partitions for these members; None: a round begins that this node has not led.

        A round can be led and come to nothing, and the next one be another's: two leaders of one generation would undo
        each other's views for ever. Called on the group coordinator's thread.
        """
        self._led, self._led_after = members, self._read

    def assigned(self, generation: int, held: View) -> None:
        """This node's own assignment came back: if it led the round, it is the one to propose."""
        members, self._led = self._led, None
        self._wanted = Wanted(members, generation) if members is not None else None
        self._proposed_on = None
        self.reconsider(held)

    def resigned(self) -> None:
        """The node leaves the group: it proposes nothing more."""
        self._wanted = self._led = None

    def reconsider(self, held: View) -> None:
        """After each record of `views`: is what the group agreed on in force, overtaken, or to be proposed (again)?"""
        self._read = held.view_id
        wanted = self._wanted
        if wanted is None:
            return
        if held.generation > wanted.generation and held.view_id > self._led_after:
            self._wanted = None
        elif set(map(_in_group, held.members)) != set(wanted.members) and self._proposed_on != held.view_id:
            self._proposed_on = held.view_id
            self._propose(wanted)

    def again(self, held: View) -> None:
        """A proposal may not have arrived: propose once more if need be. Readers refuse the second of two."""
        self._proposed_on = None
        self.reconsider(held)


def _in_group(member: Member) -> Member:
    """As the group knows it, which does not know who is leaving."""
    return replace(member, leaving=False) if member.leaving else member
