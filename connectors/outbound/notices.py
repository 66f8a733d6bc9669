"""What people are told of a service, and how a webhook and Alertmanager are told it: pure.

Rule: an alert's `id` names the outage, not the telling: whichever node tells it, and however often, it is the same, so
a receiver keeps out what it has had. (view_id, sequence) of the record behind it order two tellings of one service: a
node that was replaced without knowing can be late, never ahead. Alertmanager knows an alert by its labels, so nothing
that changes while it lasts, such as the owner, is a label.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from schemas.identifiers import EntityId, NodeId, ViewId

VERSION = 1
SERVICE_DOWN = "SERVICE_DOWN"
"""The kind of alert that a state is; others are those that monitors ask for."""
ALERT_NAMES = {
    SERVICE_DOWN: "WatchbillServiceDown",
    "PROBES_FAILED": "WatchbillProbesFailed",
    "RESPONSE_SLOW": "WatchbillResponseSlow",
    "RESPONSE_IN_TIME": "WatchbillResponseSlow",
}
"""Alertmanager's name of each kind; "in time" is the end of "slow"."""


class Status(Enum):
    """Whether it begins or ends; what only happened has no end."""

    FIRING = "firing"
    RESOLVED = "resolved"
    HAPPENED = "happened"


@dataclass(frozen=True, slots=True)
class Notice:
    """One thing to be told. `since_ms` is when it began, also where it ends; `at_ms` when it came to what is told."""

    kind: str
    status: Status
    entity_id: EntityId
    service: str
    state: str
    text: str
    since_ms: int
    at_ms: int
    view_id: ViewId
    sequence: int
    owner: str
    monitor: str = ""

    @property
    def id(self) -> str:
        """The same from every node, and at every try."""
        about = f"{self.entity_id}/{self.monitor}" if self.monitor else self.entity_id
        return f"{about}/{self.kind}/{self.since_ms}/{self.status.value}"


def webhook_body(notices: Iterable[Notice], cluster: str, node: NodeId) -> bytes:
    """JSON: who tells, and what."""
    alerts = [_told(notice) for notice in notices]
    return _encoded({"version": VERSION, "cluster": cluster, "node": node, "alerts": alerts})


def _told(notice: Notice) -> dict[str, Any]:
    return {
        "id": notice.id,
        "status": notice.status.value,
        "kind": notice.kind,
        "service": notice.service,
        "entity_id": notice.entity_id,
        "state": notice.state,
        "monitor": notice.monitor or None,
        "text": notice.text,
        "since": _iso(notice.since_ms),
        "since_ms": notice.since_ms,
        "at": _iso(notice.at_ms),
        "at_ms": notice.at_ms,
        "owner": notice.owner,
        "view_id": notice.view_id,
        "sequence": notice.sequence,
    }


def alertmanager_body(notices: Iterable[Notice], cluster: str, node_url: str | None) -> bytes:
    """What `POST /api/v2/alerts` takes. What goes on has no end: Alertmanager waits for it to be told again."""
    return _encoded([_posted(notice, cluster, node_url) for notice in notices])


def _posted(notice: Notice, cluster: str, node_url: str | None) -> dict[str, Any]:
    over = notice.status is Status.RESOLVED
    labels = {
        "alertname": ALERT_NAMES[notice.kind],
        "cluster": cluster,
        "service": notice.service,
        "severity": "critical" if notice.kind == SERVICE_DOWN else "warning",
        **({"monitor": notice.monitor} if notice.monitor else {}),
    }
    is_now = notice.state if notice.kind == SERVICE_DOWN else notice.kind.lower().replace("_", " ")
    return {
        "labels": labels,
        "annotations": {"summary": f"{notice.service}: {is_now}", "description": notice.text, "id": notice.id},
        "startsAt": _iso(notice.since_ms),
        **({"endsAt": _iso(notice.at_ms)} if over else {}),
        **({"generatorURL": node_url} if node_url else {}),
    }


def _iso(at_ms: int) -> str:
    """RFC 3339 in UTC; a time that cannot be is the beginning of time."""
    try:
        return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    except (ValueError, OverflowError, OSError):
        return "1970-01-01T00:00:00.000Z"


def _encoded(body: object) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(errors="replace")
