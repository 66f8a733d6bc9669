"""What an operator may set, and the order of times that fencing needs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.identifiers import NodeId
from schemas.topics import SERVICE_STATES
from streams.faust_app.identity import NodeIdentity, member_of
from streams.node.settings import NodeSettings


def settings(node_id: str = "b0", **changes: Any) -> NodeSettings:
    return NodeSettings(NodeId(node_id), "127.0.0.1:9092", **changes)


@given(st.floats(1.0, 600.0))
def test_times_stand_in_the_order_that_fencing_needs(session_timeout_s: float) -> None:
    node = settings(session_timeout_s=session_timeout_s)
    assert 2 * node.heartbeat_period_s < node.delivery_timeout_s < node.lease_s < session_timeout_s
    assert node.lease_s + node.kernel_timeout_s < session_timeout_s, "what left has arrived, or never will"
    assert 3 * node.group_heartbeat_s < session_timeout_s


@pytest.mark.parametrize("node_id", ["", "b/0", ".", "..", " b0", "b 0", "-b", "b\n", "b" * 64, "ü"])
def test_a_node_id_that_would_not_survive_is_refused(node_id: str) -> None:
    with pytest.raises(ValueError, match="such as b0"):
        settings(node_id)


@pytest.mark.parametrize("node_id", ["b0", "node-1.example.org", "7", "_x", "b" * 63])
def test_a_node_id_that_is_taken_names_its_member(node_id: str) -> None:
    assert settings(node_id).node_id == node_id
    assert member_of(NodeIdentity(NodeId(node_id), "run").canonical_url()).node == node_id


@pytest.mark.parametrize(
    ("changes", "what"),
    [({"engines": 0}, "engines"), ({"engines": 65}, "engines"), ({"session_timeout_s": 0.5}, "no less than 1 s")],
)
def test_what_cannot_work_is_refused_with_the_mend(changes: dict[str, Any], what: str) -> None:
    with pytest.raises(ValueError, match=what):
        settings(**changes)


def test_names_follow_from_the_settings() -> None:
    node = settings(cluster="eu", web_port=8080)
    assert node.topic(SERVICE_STATES) == "eu.service-states"
    assert node.web_url == "http://127.0.0.1:8080"
    assert settings().web_url is None
