"""Finds a secret that was written where a reference belongs, before the command leaves the machine of who wrote it.

Rule: a command stays in Kafka for as long as its topic keeps it, accepted or not, so the fold's refusal comes too late
for a password. Everything else the fold may refuse; this the client must. What looks like a parameter for a secret
and is none counts too: `password=...` is `password_ref=...` misremembered.
"""

from __future__ import annotations

from collections.abc import Iterable

from schemas.config import Operation
from schemas.parameters.kinds import ANY_MONITOR
from schemas.parameters.parameter import Shape
from schemas.parameters.reading import Unfit, read
from schemas.parameters.secret_refs import CURE

GUARDED = (Shape.SECRET_REF, Shape.SECRET_HEADERS, Shape.HEADERS)
TELLING = ("password", "passwd", "secret", "token", "credential")


def written_secret(operations: Iterable[Operation]) -> str | None:
    """What to write instead of a secret, for the first that is found; None if there is none to see."""
    for operation in operations:
        for name, value in operation.settings.items():
            row = ANY_MONITOR.by_name.get(name)
            if row is None and value is not None and any(word in name.lower() for word in TELLING):
                return f'"{name[:60]}" is not a parameter: {CURE}'
            found = read(row, value) if row is not None and row.shape in GUARDED else None
            if isinstance(found, Unfit):
                return found.message
    return None
