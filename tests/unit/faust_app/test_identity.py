"""A node's identity through `canonical_url`, as the group's leader reads it off each member."""

from __future__ import annotations

import pytest
from faust.assignor.client_assignment import ClientAssignment, ClientMetadata
from hypothesis import given
from hypothesis import strategies as st
from yarl import URL

from schemas.identifiers import NodeId
from streams.faust_app.identity import NodeIdentity, member_of
from streams.node.settings import NAME

names = st.from_regex(NAME, fullmatch=True).filter(lambda name: name not in (".", ".."))
odd = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20).filter(
    lambda text: text not in (".", "..")
)


@given(names, odd, st.sets(odd, max_size=4))
def test_an_identity_survives_its_url(node_id: str, incarnation: str, groups: set[str]) -> None:
    identity = NodeIdentity(NodeId(node_id), incarnation, tuple(groups))
    assert member_of(identity.canonical_url()) == identity.member


@given(names, odd, st.sets(odd, max_size=4))
def test_an_identity_survives_what_faust_does_to_its_url(node_id: str, incarnation: str, groups: set[str]) -> None:
    identity = NodeIdentity(NodeId(node_id), incarnation, tuple(groups))
    metadata = ClientMetadata(
        assignment=ClientAssignment(actives={}, standbys={}),
        url=str(URL(identity.canonical_url())),
        changelog_distribution={},
    )
    assert member_of(ClientMetadata.loads(metadata.dumps()).url) == identity.member


@given(odd, odd)
def test_two_runs_never_share_a_url(one: str, other: str) -> None:
    urls = {NodeIdentity(NodeId("b0"), incarnation).canonical_url() for incarnation in (one, other)}
    assert len(urls) == len({one, other})


def test_node_groups_come_in_one_order() -> None:
    urls = {NodeIdentity(NodeId("b0"), "run", groups).canonical_url() for groups in (("a", "b"), ("b", "a"))}
    assert len(urls) == 1


@pytest.mark.parametrize("url", ["http://worker:6066", "http://watchbill:1/b0", "http://watchbill:1/a/b/c", ""])
def test_a_member_of_another_program_is_named(url: str) -> None:
    with pytest.raises(ValueError, match="not a Watchbill node"):
        member_of(url)
