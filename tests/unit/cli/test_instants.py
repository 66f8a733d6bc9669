"""Instants as people write them."""

from __future__ import annotations

from datetime import datetime

import pytest

from streams.cli.instants import NoInstant, instant

NOW = datetime(2026, 11, 29, 10, 32, 5)
NOW_MS = round(NOW.timestamp() * 1000)


def local(*parts: int) -> int:
    """A local time in epoch milliseconds."""
    return round(datetime(*parts).timestamp() * 1000)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "at_ms"),
    [
        ("now", NOW_MS),
        ("-5m", NOW_MS - 300_000),
        ("-2h30m", NOW_MS - 9_000_000),
        ("-1d", NOW_MS - 86_400_000),
        ("-1.5s", NOW_MS - 1_500),
        ("10:32", local(2026, 11, 29, 10, 32)),
        ("9:05", local(2026, 11, 29, 9, 5)),
        ("10:32:05.250", local(2026, 11, 28, 10, 32, 5) + 250),
        ("23:50", local(2026, 11, 28, 23, 50)),
        ("2026-11-01T00:00:00+00:00", 1_793_491_200_000),
        ("2026-11-01T02:00", local(2026, 11, 1, 2)),
        ("1793491200", 1_793_491_200_000),
        ("1793491200123", 1_793_491_200_123),
    ],
)
def test_U2_an_instant_is_read(text: str, at_ms: int) -> None:
    assert instant(text, NOW_MS) == at_ms


@pytest.mark.parametrize("text", ["", "-", "yesterday", "25:00", "-5", "10", "12:3"])
def test_U2_what_is_no_instant_is_refused_with_what_to_write(text: str) -> None:
    with pytest.raises(NoInstant):
        instant(text, NOW_MS)
