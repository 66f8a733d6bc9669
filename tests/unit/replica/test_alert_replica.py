"""Notes of what was told, as they are read back."""

from __future__ import annotations

import pytest

from connectors.replica.alerts import read_alert
from schemas.alerts import AlertTold
from schemas.codec import Unreadable, encode
from schemas.identifiers import EntityId, NodeId, ViewId

TOLD = AlertTold(ViewId(5), 7, EntityId("12-0"), "web", True, 1_790_000_000_000, NodeId("b0"), 1_790_000_000_005)


def test_a_note_is_read_under_its_service_and_a_tombstone_says_that_the_service_is_gone() -> None:
    assert read_alert(b"12-0", encode(TOLD)) == ("12-0", TOLD)
    assert read_alert(b"12-0", None) == ("12-0", None)


@pytest.mark.parametrize(
    ("key", "value", "what"),
    [
        (b"\xff", None, "the key is no UTF-8 text"),
        (b"13-0", encode(TOLD), "stands under the key 13-0"),
        (b"12-0", encode(TOLD)[:-2], "AlertTold"),
        (b"12-0", b"\0\0", "too short"),
        (None, encode(TOLD), "stands under the key"),
    ],
)
def test_F4_what_cannot_be_read_says_so(key: bytes | None, value: bytes | None, what: str) -> None:
    with pytest.raises(Unreadable, match=what):
        read_alert(key, value)
