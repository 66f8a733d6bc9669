"""What the group's coordinator last said to this member: that it still counts it in, or that it does not.

Rule: a node whose own records reach Kafka can still be cut off from the group, for these are two connections; where one
loses packets the group gives the partitions to others while the node's heartbeats come back as ever. So the answers to
what a member asks of the coordinator are noted, each from when it was *asked*: an answer may have been long on its way.
A join is told of as it is sent, too, for it is answered when all others have joined. A member whose leave was heard
hands over; it is asked for nothing any more.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from aiokafka.errors import IllegalGenerationError, NoError, RebalanceInProgressError, UnknownMemberIdError
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest

COUNTED_IN = (NoError.errno, RebalanceInProgressError.errno)
COUNTED_OUT = (UnknownMemberIdError.errno, IllegalGenerationError.errno)
ANSWERED = (HeartbeatRequest, JoinGroupRequest, SyncGroupRequest)

Send = Callable[[Any], Awaitable[Any]]


class GroupListener(Protocol):
    """The lease. Called on the consumer's thread."""

    def holds(self) -> bool: ...

    def now_s(self) -> float: ...

    def group_joining(self) -> None: ...

    def group_answered(self, asked_s: float) -> None: ...

    def group_gone(self) -> None: ...

    def group_left(self) -> None: ...


def watch(coordinator: Any, listener: GroupListener) -> None:
    """Let the listener hear what this coordinator of aiokafka asks and is answered, from now on."""
    coordinator._send_req = _watched(coordinator._send_req, listener)


def _watched(send: Send, listener: GroupListener) -> Send:
    async def watched(request: Any) -> Any:
        if isinstance(request, JoinGroupRequest):
            listener.group_joining()
        asked_s = listener.now_s()
        response = await send(request)
        if isinstance(request, LeaveGroupRequest):
            listener.group_left()
        if not isinstance(request, ANSWERED):
            return response
        if response.error_code in COUNTED_OUT:
            listener.group_gone()
        elif response.error_code in COUNTED_IN:
            listener.group_answered(asked_s)
        return response

    return watched
