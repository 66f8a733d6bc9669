"""What is said to HAProxy of a server, from how it holds it; and how its answers are read."""

from __future__ import annotations

import pytest

from connectors.haproxy_socket import NoAnswer
from connectors.outbound.haproxy_servers import (
    Admin,
    Health,
    Mapped,
    Standing,
    read_mapping,
    replies,
    standings,
    words,
)
from schemas.states import State

READY_UP = Standing(Health.UP, Admin.READY)
READY_DOWN = Standing(Health.DOWN, Admin.READY)
DRAINED = Standing(Health.UP, Admin.DRAIN)
DRAINED_DOWN = Standing(Health.DOWN, Admin.DRAIN)
MAINTAINED = Standing(Health.DOWN, Admin.MAINT)
STOPPING = Standing(Health.OTHER, Admin.READY)
TRACKED = Standing(Health.DOWN, Admin.READY, kept=True)

TABLE = """1
# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight srv_check_state srv_agent_state
2 web 1 up 127.0.0.1 2 0 1 0 0
2 web 2 down 127.0.0.1 0 0 1 0 0
2 web 3 starting - 1 0 1 0 0
2 web 4 stopping - 3 0 1 0 0
2 web 5 maint - 0 5 1 8 0
2 web 6 drained - 2 8 1 0 0
2 web 7 ended - 2 4 1 0 0
2 web 8 tracking - 0 2 1 0 0
2 web 9 nameless - 0 32 1 0 0
2 web 10 checked - 2 0 1 6 0
2 web 11 asking - 2 0 1 0 22

"""


@pytest.mark.parametrize(
    ("held", "state", "said"),
    [
        (READY_UP, State.UP, ()),
        (READY_DOWN, State.UP, ("health up",)),
        (STOPPING, State.UP, ("health up",)),
        (DRAINED, State.UP, ("state ready",)),
        (DRAINED_DOWN, State.UP, ("health up", "state ready")),
        (MAINTAINED, State.UP, ("state ready",)),
        (TRACKED, State.UP, ()),
        (READY_UP, State.DOWN, ("health down",)),
        (READY_DOWN, State.DOWN, ()),
        (STOPPING, State.DOWN, ("health down",)),
        (DRAINED, State.DOWN, ("health down", "state ready")),
        (DRAINED_DOWN, State.DOWN, ("state ready",)),
        (MAINTAINED, State.DOWN, ("state drain", "health down", "state ready")),
        (Standing(Health.DOWN, Admin.MAINT, kept=True), State.DOWN, ("state drain", "state ready")),
        (TRACKED, State.DOWN, ()),
        (READY_UP, State.GOING_OUT_OF_SERVICE, ("state drain",)),
        (READY_DOWN, State.GOING_OUT_OF_SERVICE, ("state drain", "health up")),
        (DRAINED, State.GOING_OUT_OF_SERVICE, ()),
        (MAINTAINED, State.GOING_OUT_OF_SERVICE, ("state drain",)),
        (READY_UP, State.OUT_OF_SERVICE, ("state maint",)),
        (DRAINED, State.OUT_OF_SERVICE, ("state maint",)),
        (MAINTAINED, State.OUT_OF_SERVICE, ()),
        (READY_UP, State.UNKNOWN, ()),
        (READY_DOWN, State.UNKNOWN, ()),
        (MAINTAINED, State.UNKNOWN, ()),
    ],
)
def test_only_what_differs_is_said_and_a_server_that_is_to_be_down_is_never_ready_before(
    held: Standing, state: State, said: tuple[str, ...]
) -> None:
    assert words(held, state) == said


def test_a_table_of_servers_is_read_by_its_heading() -> None:
    read = {server: standing for (_, server), standing in standings(TABLE).items()}
    assert read == {
        "up": READY_UP,
        "down": READY_DOWN,
        "starting": READY_UP,
        "stopping": STOPPING,
        "maint": MAINTAINED,
        "drained": DRAINED,
        "ended": READY_UP,
        "tracking": TRACKED,
        "nameless": TRACKED,
        "checked": Standing(Health.UP, Admin.READY, checked=True),
        "asking": Standing(Health.UP, Admin.READY, checked=True),
    }


@pytest.mark.parametrize(
    ("text", "what"),
    [("", "no states of servers"), ("Permission denied\n", "no states"), ("1\n# be_id be_name\n", "has no srv_name")],
)
def test_what_is_no_table_says_so(text: str, what: str) -> None:
    with pytest.raises(NoAnswer, match=what):
        standings(text)


def test_each_command_has_its_answer() -> None:
    assert replies("\nNo such server.\n\n\n") == ["", "No such server.", ""]
    assert replies("") == []


def test_a_mapping_says_what_is_set_by_which_service() -> None:
    mapped = read_mapping(["# ours", "", "web/one = web-1", "web/two=10.0.0.1:80"], ("api",))
    assert mapped == Mapped({("web", "one"): "web-1", ("web", "two"): "10.0.0.1:80"}, frozenset({"api"}))
    assert mapped.service_of(("web", "one")) == "web-1"
    assert mapped.service_of(("web", "three")) is None
    assert mapped.service_of(("api", "cart")) == "cart"


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("web/one", "maps no server"),
        ("web=one", "maps no server"),
        ("web/one=", "maps no server"),
        ("web/=one", "maps no server"),
        ("web/one;shutdown=one", "maps no server"),
        ("web/one two=one", "maps no server"),
    ],
)
def test_what_maps_nothing_or_would_be_another_command_is_refused(line: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read_mapping([line])


def test_two_services_for_one_server_and_no_server_at_all_are_refused() -> None:
    with pytest.raises(ValueError, match="given two services"):
        read_mapping(["web/one=a", "web/one=b"])
    with pytest.raises(ValueError, match="no server is mapped"):
        read_mapping(["# none"])
    with pytest.raises(ValueError, match="names no backend"):
        read_mapping([], ("web;",))
