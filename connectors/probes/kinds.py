"""The table of probe kinds: a new kind is one file, one row here and one test file.

Rule: what the table does not name does not exist. An unknown kind or a setting that makes no sense is a value, not a
crash: the binding's every probe is then INCONCLUSIVE and says what to change, and its neighbours are not touched.
"""

from __future__ import annotations

from connectors.engine.binding import Binding
from connectors.probes.contract import Conversation, Kind
from connectors.probes.http import HTTP
from connectors.probes.outcome import Outcome, inconclusive
from connectors.probes.ping import PING
from connectors.probes.tcp import TCP
from schemas.probes import Reason

KINDS: dict[str, Kind] = {kind.name: kind for kind in (TCP, HTTP, PING)}


def converse(binding: Binding) -> tuple[Kind, Conversation] | Outcome:
    """The binding's kind and a conversation for it, or the outcome that all its probes have."""
    kind = KINDS.get(binding.kind)
    if kind is None:
        return inconclusive(Reason.LOCAL_ERROR, f"no probe kind {binding.kind}: this release has {', '.join(KINDS)}")
    unknown = sorted(binding.parameters.keys() - kind.parameters.keys())
    if unknown:
        known = ", ".join(kind.parameters) or "none"
        return inconclusive(Reason.LOCAL_ERROR, f"{kind.name} has no parameter {', '.join(unknown)}: it has {known}")
    try:
        return kind, kind.converse(binding)
    except ValueError as error:
        return inconclusive(Reason.LOCAL_ERROR, str(error))
