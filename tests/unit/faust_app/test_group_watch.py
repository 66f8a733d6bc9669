"""What the lease hears of a coordinator's answers; that aiokafka asks through here is the Faust contract's to hold."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest
from aiokafka import errors
from aiokafka.protocol.commit import OffsetFetchRequest
from aiokafka.protocol.group import HeartbeatRequest, JoinGroupRequest, LeaveGroupRequest, SyncGroupRequest

from streams.faust_app.group_watch import watch

HEARTBEAT = HeartbeatRequest("group", 3, "member")
JOIN = JoinGroupRequest("group", 1500, 3000, "member", None, "consumer", [])
SYNC = SyncGroupRequest("group", 3, "member", None, [])
LEAVE = LeaveGroupRequest("group", "member")
OFFSETS = OffsetFetchRequest("group", [])


class Heard:
    """A listener whose clock goes on by one with each look."""

    def __init__(self) -> None:
        self.calls: list[Any] = []
        self.looks = 0

    def now_s(self) -> float:
        self.looks += 1
        return float(self.looks)

    def group_joining(self) -> None:
        self.calls.append("joining")

    def group_answered(self, asked_s: float) -> None:
        self.calls.append(("answered", asked_s))

    def group_gone(self) -> None:
        self.calls.append("gone")

    def group_left(self) -> None:
        self.calls.append("left")


def heard(request: Any, error: type[errors.KafkaError] | None) -> list[Any]:
    """What a listener hears of one request that is answered with this error code; None: with an exception."""

    async def send(_: Any) -> Any:
        if error is None:
            raise errors.NodeNotReadyError
        return SimpleNamespace(error_code=error.errno)

    async def ask() -> Any:
        return await coordinator._send_req(request)

    listener, coordinator = Heard(), SimpleNamespace(_send_req=send)
    watch(coordinator, listener)
    if error is None:
        with pytest.raises(errors.NodeNotReadyError):
            asyncio.run(ask())
    else:
        assert asyncio.run(ask()).error_code == error.errno, "the answer is handed on"
    return listener.calls


@pytest.mark.parametrize(
    ("request_", "error", "expected"),
    [
        (HEARTBEAT, errors.NoError, [("answered", 1.0)]),
        (HEARTBEAT, errors.RebalanceInProgressError, [("answered", 1.0)]),
        (HEARTBEAT, errors.UnknownMemberIdError, ["gone"]),
        (HEARTBEAT, errors.IllegalGenerationError, ["gone"]),
        (HEARTBEAT, errors.NotCoordinatorForGroupError, []),
        (HEARTBEAT, None, []),
        (JOIN, errors.NoError, ["joining", ("answered", 1.0)]),
        (JOIN, errors.MemberIdRequired, ["joining"]),
        (JOIN, errors.UnknownMemberIdError, ["joining", "gone"]),
        (JOIN, None, ["joining"]),
        (SYNC, errors.NoError, [("answered", 1.0)]),
        (SYNC, errors.IllegalGenerationError, ["gone"]),
        (LEAVE, errors.NoError, ["left"]),
        (LEAVE, None, []),
        (OFFSETS, errors.NoError, []),
    ],
)
def test_F5_the_lease_hears_what_the_coordinator_says(
    request_: Any, error: type[errors.KafkaError] | None, expected: list[Any]
) -> None:
    assert heard(request_, error) == expected
