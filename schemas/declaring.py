"""The same state under its next owner, from the bytes of the last record (V-4).

Rule: what the fold would make of a claim where nothing else is news, which a property holds, for a quarter of the cost;
anything that may be news is None, and the fold's to tell. Why: a node that takes over thousands of services declares
itself for each of them, and to decode a record, fold nothing, and encode it was half of what a takeover took.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from schemas.codec import HEADER_BYTES, STATE_HEADER, STATE_SCHEMA
from schemas.decoding import block
from schemas.decoding import long as long_at
from schemas.encoding import encoder_of, long, string
from schemas.identifiers import NodeId, ViewId
from schemas.probes import PathState
from schemas.spans import spans_of
from schemas.states import NO_NUMBER, Cause, PathMonitoring, State

_FIELDS = {field["name"]: field["type"] for field in STATE_SCHEMA["fields"]}
_BINDING = _FIELDS["bindings"]["items"]
_spans, _binding_spans, _cause_of = spans_of(STATE_SCHEMA), spans_of(_BINDING), encoder_of(_FIELDS["cause"])

_PLACES = {field["name"]: place for place, field in enumerate(_BINDING["fields"])}
_STATE, _SEQUENCE, _VERDICT, _COUNTS = (_PLACES[name] for name in ("state", "sequence", "verdict", "counts"))
_SERVING_OR_NOT = [_FIELDS["state"]["symbols"].index(state.value) * 2 for state in (State.UP, State.DOWN)]
_OFF = _FIELDS["path_monitoring"]["symbols"].index(PathMonitoring.OFF.value) * 2
_UNKNOWN = _FIELDS["path_state"]["symbols"].index(PathState.UNKNOWN.value) * 2
_UNNUMBERED = long(NO_NUMBER) + long(NO_NUMBER) + long(0)
"""`sequence`, `run` and `count` of a binding of which its owner has not reported yet."""


class Shown(NamedTuple):
    """What a record says of a service that is configured so, encoded."""

    name: bytes
    server: bytes
    """Address and port."""
    threshold: bytes
    bindings: tuple[tuple[bytes, bool], ...]
    """In their order: monitor id, and whether it counts."""


def shown(name: str, address: str, port: int, threshold: int, bindings: Iterable[tuple[str, bool]]) -> Shown:
    """Encode what is configured."""
    bound = tuple([(string(monitor_id), counts) for monitor_id, counts in bindings])
    return Shown(string(name), string(address) + long(port), long(threshold), bound)


class Declaration:
    """What the records of one claim have in common."""

    def __init__(self, view_id: ViewId, owner: NodeId, incarnation: str, cause: Cause, now_ms: int) -> None:
        self._view_id = view_id
        self._view, self._incarnation = long(view_id), string(incarnation)
        self._owner, self._cause, self._now = string(owner) + self._incarnation, _cause_of(cause), long(now_ms)

    def of(self, data: bytes, shown: Shown | None) -> bytes | None:
        """The next record of a service with the state `data`; None where more than its owner may be news.

        `shown` None: it is known that the record says what is configured.
        """
        if not data.startswith(STATE_HEADER):
            return None
        try:
            return self._of(data, shown)
        except (IndexError, ValueError):  # no such record: whoever decodes it says what is wrong
            return None

    def _of(self, data: bytes, shown: Shown | None) -> bytes | None:
        at = _spans(data, HEADER_BYTES)
        view, sequence, entity, name, state, owner, incarnation, address, _, ttl, _, _, path, _, load, _, *more = at
        threshold, cause, changed, updated, bindings, domain, due, flaps, monitoring, doubt, end = more
        known = shown is None or (data[name:state], data[address:ttl], data[threshold:cause]) == shown[:3]
        if not known or data[state] not in _SERVING_OR_NOT or data[monitoring] != _OFF or data[path] != _UNKNOWN:
            return None
        if data[ttl] or data[load] or data[domain] or data[due] or data[flaps] or data[doubt] or end != len(data):
            return None
        (held_view, _), (number, _) = long_at(data, view), long_at(data, sequence)
        if held_view >= self._view_id or data[incarnation:address] == self._incarnation:
            return None
        bound = _unnumbered(data, bindings, domain, shown)
        if bound is None:
            return None
        return b"".join(
            (
                STATE_HEADER,
                self._view,
                long(number + 1),
                data[entity:owner],
                self._owner,
                data[address:cause],
                self._cause,
                data[changed:updated],
                self._now,
                bound,
                data[domain:],
            )
        )


def _unnumbered(data: bytes, start: int, end: int, shown: Shown | None) -> bytes | None:
    """The bindings of a record, as another incarnation takes them over; None where they are not the ones configured."""
    items, begin = block(data, start)
    if shown is not None and items != len(shown.bindings):
        return None
    parts = [data[start:begin]]
    for number in range(items):
        at = _binding_spans(data, begin)
        if shown is not None and (data[begin : at[_STATE]], data[at[_COUNTS]] != 0) != shown.bindings[number]:
            return None
        parts += (data[begin : at[_SEQUENCE]], _UNNUMBERED, data[at[_VERDICT] : at[-1]])
        begin = at[-1]
    parts.append(data[begin:end])
    return b"".join(parts) if parts[-1] == (b"\0" if items else b"") else None
