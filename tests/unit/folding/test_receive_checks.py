"""S-8 to S-13: each check of the receiver, and the cache of S-11."""

from __future__ import annotations

from dataclasses import replace

from schemas.identifiers import EntityId, ViewId
from streams.folding.receive import Arrival, Pending, ReceiveDecision, receive, same_identity

ORDINARY = Arrival(
    incoming=(7, 2), server_known=True, engines_ready=True, identity_matches=True, stored=(7, 1), owned_since=None
)
WEB, MAIL = EntityId("5-0"), EntityId("5-1")


def test_S8_a_state_for_an_absent_service_is_cached() -> None:
    absent = replace(ORDINARY, server_known=False, engines_ready=False, identity_matches=False, stored=None)
    assert receive(absent) is ReceiveDecision.CACHE


def test_S9_a_state_before_every_engine_has_the_add_is_cached() -> None:
    assert receive(replace(ORDINARY, engines_ready=False)) is ReceiveDecision.CACHE


def test_S10_a_state_below_the_stored_view_is_obsolete() -> None:
    assert receive(replace(ORDINARY, incoming=(6, 99))) is ReceiveDecision.OBSOLETE


def test_S10_within_a_view_the_sequence_decides() -> None:
    assert receive(ORDINARY) is ReceiveDecision.APPLY
    assert receive(replace(ORDINARY, incoming=(7, 1))) is ReceiveDecision.OBSOLETE, "the same again"
    assert receive(replace(ORDINARY, incoming=(7, 0))) is ReceiveDecision.OBSOLETE


def test_S10_a_greater_view_holds_whatever_its_sequence() -> None:
    assert receive(replace(ORDINARY, incoming=(8, 0))) is ReceiveDecision.APPLY


def test_S10_the_first_state_is_applied() -> None:
    assert receive(replace(ORDINARY, stored=None)) is ReceiveDecision.APPLY


def test_S11_the_newest_cached_state_is_applied_when_ready() -> None:
    pending: Pending[str] = Pending()
    assert pending.keep(WEB, (7, 1), "first")
    assert pending.keep(WEB, (7, 3), "newest")
    assert pending.keep(WEB, (7, 2), "late")
    assert pending.take(WEB) == "newest"
    assert pending.take(WEB) is None
    assert receive(replace(ORDINARY, incoming=(7, 3), stored=None)) is ReceiveDecision.APPLY


def test_S11_the_cache_is_bounded_and_says_so() -> None:
    pending: Pending[str] = Pending(limit=1)
    assert pending.keep(WEB, (7, 1), "web")
    assert not pending.keep(MAIL, (7, 1), "mail")
    assert pending.keep(WEB, (7, 2), "web again"), "a service that waits already may always be renewed"
    assert len(pending) == 1


def test_S12_the_old_owner_drops_its_ownership() -> None:
    owner = replace(ORDINARY, owned_since=ViewId(7), incoming=(8, 3))
    assert receive(owner) is ReceiveDecision.APPLY_AND_DROP_OWNERSHIP


def test_S12_an_equal_view_drops_nothing() -> None:
    assert receive(replace(ORDINARY, owned_since=ViewId(7))) is ReceiveDecision.APPLY


def test_S12_a_fresh_owner_is_not_taken_off_by_its_predecessors() -> None:
    """It took view 9 at once (V-4); the state it stores is still of view 7."""
    late = replace(ORDINARY, owned_since=ViewId(9), incoming=(8, 3))
    assert receive(late) is ReceiveDecision.APPLY


def test_S12_a_nodes_own_declaration_drops_nothing() -> None:
    own = replace(ORDINARY, owned_since=ViewId(7), incoming=(8, 3), from_here=True)
    assert receive(own) is ReceiveDecision.APPLY


def test_S13_another_identity_is_a_mismatch() -> None:
    assert same_identity("web", WEB, "web", WEB)
    assert not same_identity("web", WEB, "mail", WEB)
    assert not same_identity("web", WEB, "web", MAIL)
    assert receive(replace(ORDINARY, identity_matches=False)) is ReceiveDecision.MISMATCH
    obsolete_too = replace(ORDINARY, identity_matches=False, incoming=(6, 1))
    assert receive(obsolete_too) is ReceiveDecision.MISMATCH, "identity comes before order"
