"""`/healthz`: does this node serve, with current knowledge? And if not, why not, in sentences.

Rule: 200 only while the node is in the view, holds its lease and hears Kafka; each thing that is not so is a reason of
its own, so that who is woken at night needs no second page. A node without Kafka still shows the last states: 503 says
that they age, not that they are gone.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict

from connectors.engine.echo import CURE
from connectors.engine.ping_access import PingAccess
from schemas.cluster import Phase
from streams.web.answers import Answer, Json, iso, refused, seconds, time_pair
from streams.web.parameters import Pairs, no_parameters
from streams.web.source import Health, KafkaContact, Source


def health_page(source: Source, pairs: Pairs) -> Answer:
    """200 or 503, with `reasons` (empty with 200) and the facts behind them."""
    wrong = no_parameters(pairs)
    if wrong is not None:
        return refused(wrong)
    health, now_ms = source.health(), source.now_ms()
    why_not = list(reasons(health, now_ms))
    body = {"ok": not why_not, "reasons": why_not, **_facts(health, now_ms)}
    return Answer(503 if why_not else 200, {**body, "states_age_s": seconds(source.states_age_s())})


def reasons(health: Health, now_ms: int) -> Iterator[str]:
    """Why the node does not serve with current knowledge; nothing if it does."""
    if health.phase is Phase.JOINING:
        yield f"joining: waiting for {', '.join(health.missing) or 'its first view'}"
    elif health.phase is not Phase.SERVING:
        yield f"this node is {health.phase.value.lower()}: ask another one"
    if not health.kafka.connected:
        yield _away(health.kafka, now_ms)
    if health.kafka.fault is not None:
        yield f"Kafka: {health.kafka.fault}"
    if not health.lease_held:
        yield _no_lease(health.lease_age_s)
    if health.engines_configured and not health.engines:
        yield f"none of {health.engines_configured} engines runs: nothing is probed"


def _away(kafka: KafkaContact, now_ms: int) -> str:
    if not math.isfinite(kafka.silent_s):
        return "Kafka has not answered since this node started"
    since = iso(now_ms - int(kafka.silent_s * 1000))
    return f"Kafka has not answered since {since} ({kafka.silent_s:.1f} s): the last states stay, and age"


def _no_lease(age_s: float | None) -> str:
    if age_s is None:
        return "no lease: none of this node's heartbeats has come back from Kafka yet"
    return f"no lease: the last heartbeat that came back from Kafka is {age_s:.1f} s old; this node tells nothing"


def _facts(health: Health, now_ms: int) -> Json:
    silent_s = seconds(health.kafka.silent_s)
    since_ms = None if silent_s is None or health.kafka.connected else now_ms - int(silent_s * 1000)
    return {
        "node_id": health.node_id,
        "incarnation": health.incarnation,
        "phase": health.phase.value,
        "missing": list(health.missing),
        "view_id": health.view_id,
        "states": health.states,
        "diverged_partitions": list(health.diverged_partitions),
        "owned_services": health.owned_services,
        "kafka": {
            "connected": health.kafka.connected,
            "silent_s": silent_s,
            **time_pair("away_since", since_ms),
            "fault": health.kafka.fault,
        },
        "lease": {"held": health.lease_held, "age_s": seconds(health.lease_age_s)},
        "engines_configured": health.engines_configured,
        "engines": [asdict(engine) for engine in health.engines],
        "tasks": asdict(health.tasks),
        "outbox_pending": health.outbox_pending,
        "paths": {
            "pings_with": health.ping.value,
            "cure": CURE if health.ping is PingAccess.NONE else None,
            "addresses": dict(health.paths),
        },
    }
