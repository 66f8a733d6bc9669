"""An answer as JSON bytes, in pieces small enough that other threads get their turn.

Rule: lists at the top of an answer are encoded row by row. Why not the whole at once: the encoder is C and keeps the
interpreter to itself until it is done, so ten thousand services would stop the node's event loop for a tenth of a
second.
"""

from __future__ import annotations

import json

from streams.web.answers import Json

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"), check_circular=False)


def encode_answer(body: Json | list[Json]) -> bytes:
    """One JSON object or array, and a line end. Raises ValueError for a number that JSON does not have."""
    if isinstance(body, list):
        return (_value(body) + "\n").encode(errors="replace")
    members = (f"{_ENCODER.encode(name)}:{_value(value)}" for name, value in body.items())
    return ("{" + ",".join(members) + "}\n").encode(errors="replace")


def _value(value: object) -> str:
    if isinstance(value, list):
        return "[" + ",".join([_ENCODER.encode(row) for row in value]) + "]"
    return _ENCODER.encode(value)
