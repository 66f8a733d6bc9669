"""Durations as people write them (`500ms`, `5s`, `2min`) and as records keep them: whole milliseconds.

Rule: a number without a unit is refused, not guessed: NetScaler reads it as seconds, Kafka as milliseconds, and a
probe every 5 ms instead of every 5 s is an outage. Units are those of M-2 and their common short forms.
"""

from __future__ import annotations

import re

UNITS_MS = {
    "ms": 1,
    "msec": 1,
    "s": 1_000,
    "sec": 1_000,
    "m": 60_000,
    "min": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
}
_SHOWN = (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1_000), ("ms", 1))
_FORM = re.compile(r"(\d{1,12})(?:\.(\d{1,6}))?\s*([a-z]+)")


def duration_ms(text: str) -> int | None:
    """Milliseconds of a written duration; None if it is not one, has no unit, or is not a whole millisecond."""
    match = _FORM.fullmatch(text.strip().lower())
    if match is None or match[3] not in UNITS_MS:
        return None
    unit_ms, decimals = UNITS_MS[match[3]], match[2] or ""
    whole, rest = divmod(int(match[1] + decimals) * unit_ms, 10 ** len(decimals))
    return None if rest else whole


def duration_text(milliseconds: int) -> str:
    """The shortest exact spelling: 5000 is `5s`, 90000 is `90s`, 120000 is `2min`."""
    unit, unit_ms = next((unit, size) for unit, size in _SHOWN if milliseconds % size == 0 or size == 1)
    return f"{milliseconds // unit_ms}{unit}" if milliseconds else "0s"
