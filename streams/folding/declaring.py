"""Step 7, the short way: a claim of a service whose record has nothing to say but who its owner is now (V-4).

Rule: the record that is told is the one that `ServiceFold.claimed` would tell, which a property holds; a service of
which anything else may be news (a disable, a hold, a doubt, a path, a name in DNS, another configuration) goes the long
way. The owner's right is asked as in the fence. Why at all: a takeover is thousands of such claims, and no fold is
needed before the first report.
"""

from __future__ import annotations

from schemas.declaring import Declaration, Shown, shown
from schemas.states import CauseKind, PathMonitoring
from streams.folding.events import Sender, ServiceConfig
from streams.folding.record import cause_of, ownership_text


def declaration(sender: Sender, now_ms: int) -> Declaration:
    """What a sender's claims have in common. `now_ms`: epoch milliseconds, for `updated_at_ms`."""
    cause = cause_of(CauseKind.OWNERSHIP, ownership_text(sender), sender.source)
    return Declaration(sender.view_id, sender.node_id, sender.incarnation, cause, now_ms)


def is_plain(config: ServiceConfig) -> bool:
    """Whether a claim of such a service may go the short way."""
    plain = config.enabled and config.monitored and not config.domain and not config.flap_changes
    return plain and config.path_monitoring is PathMonitoring.OFF


def shown_by(config: ServiceConfig) -> Shown:
    """What a record must say already for a claim to go the short way."""
    bindings = [(binding.monitor_id, binding.counts) for binding in config.bindings]
    return shown(config.name, config.ip_address, config.port, config.threshold, bindings)
