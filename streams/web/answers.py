"""What every page answers with, and how values are written in JSON.

Rule: names are those of the records; a time is ISO 8601 in UTC, and beside it the same number with `_ms`; a figure that
is not known is null, never zero and never `Infinity`, which is no JSON. Pure, as are the pages built on it
(`services`, `cluster`, `health`): a source and parameters in, an `Answer` out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from streams.web.parameters import Pairs, Problem, no_parameters

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Answer:
    """An HTTP status and the body: a JSON object, or, where another program's format says so, an array of them."""

    status: int
    body: Json | list[Json]


def failure(status: int, text: str) -> Answer:
    """An error, for people: what is wrong and how to mend it."""
    return Answer(status, {"error": text})


def refused(problem: Problem) -> Answer:
    """A request that cannot be understood."""
    return failure(400, problem.text)


def document_page(document: Json, pairs: Pairs) -> Answer:
    """A document that is the same for every node."""
    wrong = no_parameters(pairs)
    return Answer(200, document) if wrong is None else refused(wrong)


def iso(at_ms: int) -> str:
    """Milliseconds since 1970 as ISO 8601 in UTC: 2026-01-31T12:00:00.250Z. Raises ValueError past the year 9999."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def time_pair(name: str, at_ms: int | None) -> Json:
    """A time under `name` as text and under `name_ms` as a number; null where there is none, or none that can be."""
    if at_ms is None:
        return {name: None, f"{name}_ms": None}
    try:
        text = iso(at_ms)
    except (ValueError, OverflowError, OSError):  # a wrong clock wrote it: the number still tells
        return {name: None, f"{name}_ms": at_ms}
    return {name: text, f"{name}_ms": at_ms}


def seconds(value_s: float | None) -> float | None:
    """Seconds to the millisecond; null where unknown or infinite."""
    return None if value_s is None or not math.isfinite(value_s) else round(value_s, 3)
