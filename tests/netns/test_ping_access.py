"""With which socket a ping goes, and the cure where it gets none: as the system of a test's own network has it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectors.engine.echo import CURE
from connectors.engine.ping_access import PingAccess, access_text, ping_access
from tests.netns.network import Network

ROOT, NOBODY = 0, 65_534
ANSWERS = tuple(PingAccess)


def access_of(network: Network, user: int) -> PingAccess:
    """What a process of this user gets on the host."""

    def ask() -> int:
        child = os.fork()
        if child == 0:
            os.setgroups([])
            os.setgid(user)
            os.setuid(user)
            os._exit(ANSWERS.index(ping_access()))
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    return ANSWERS[network.within("host", ask)]


@pytest.mark.parametrize(
    ("groups", "user", "access"),
    [
        ("0 2147483647", ROOT, PingAccess.PING_SOCKET),
        ("0 2147483647", NOBODY, PingAccess.PING_SOCKET),
        ("1 0", ROOT, PingAccess.RAW_SOCKET),
        ("1 0", NOBODY, PingAccess.NONE),
    ],
)
def test_P2_a_ping_gets_the_first_kind_of_socket_that_the_system_gives(
    groups: str, user: int, access: PingAccess
) -> None:
    with Network("host") as network:
        network.within("host", lambda: Path("/proc/sys/net/ipv4/ping_group_range").write_text(groups))
        assert access_of(network, user) is access


def test_what_people_read_is_the_socket_or_the_cure() -> None:
    assert [access_text(access) for access in PingAccess] == ["ping socket", "raw socket", f"none: {CURE}"]
