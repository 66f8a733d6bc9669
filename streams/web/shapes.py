"""The shapes that several answers share: what stands under `components/schemas` of the contract.

Rule: a shape follows the page that builds it, member by member; the tests hold both together. What a page builds with
`asdict` is read off its dataclass here too.
"""

from __future__ import annotations

from connectors.engine.ping_access import PingAccess
from connectors.engine.statistics import EngineStatistics
from schemas.choosing import Candidate
from schemas.cluster import Phase
from schemas.config import Kind
from schemas.probes import MeasuredLoad, PathState, Reason, Verdict
from schemas.states import BindingVerdict, CauseKind, Doubt, LayerTwo, LoadInfo, PathMonitoring, State
from streams.ownership.view import RefusalReason
from streams.web.inline import FIELDS, MOST, REASONS, STATUSES
from streams.web.json_schema import (
    FLAG,
    NUMBER,
    TEXT,
    WHOLE,
    Shape,
    also,
    keyed,
    listed,
    maybe,
    named,
    obj,
    one_of,
    record,
    time,
)

CAUSE = obj(kind=one_of(CauseKind), text=TEXT, topic=maybe(TEXT), partition=maybe(WHOLE), offset=maybe(WHOLE))
SERVICE = obj(
    entity_id=TEXT,
    name=TEXT,
    state=one_of(State),
    owner=maybe(TEXT),
    view_id=maybe(WHOLE),
    sequence=maybe(WHOLE),
    address=TEXT,
    port=WHOLE,
    up_weight=maybe(WHOLE),
    threshold=WHOLE,
    response_time_us=maybe(WHOLE),
    **time("since"),
    age_s=maybe(NUMBER),
    cause=maybe(named("Cause")),
)
LISTED_SERVICE = also(SERVICE, explained_by=listed(TEXT))
ON_NODE = obj(node=TEXT, path=one_of(PathState), state=one_of(State), redirect=maybe(TEXT))
BINDING = obj(
    monitor_id=TEXT,
    monitor=TEXT,
    type=TEXT,
    weight=WHOLE,
    enabled=FLAG,
    counts=FLAG,
    shadow=FLAG,
    state=one_of(BindingVerdict),
    verdict=maybe(one_of(Verdict)),
    reason=maybe(one_of(Reason)),
    detail=maybe(TEXT),
    response_time_us=maybe(WHOLE),
    run=maybe(WHOLE),
    count=maybe(WHOLE),
    outcomes={
        "type": "string",
        "pattern": "^[+-]*$",
        "description": "The last probes, newest first: + passed, - failed.",
    },
    slow=FLAG,
    load=maybe(record(MeasuredLoad)),
    **time("last_at"),
    failures=listed(obj(reason=one_of(Reason), detail=TEXT, **time("at"))),
)
INLINE_JUDGEMENT = obj(
    monitor_id=TEXT,
    monitor=TEXT,
    type=TEXT,
    state=one_of(BindingVerdict),
    successes=WHOLE,
    failures=WHOLE,
    reason=one_of(Reason),
    detail=TEXT,
    **time("told_at"),
)
SERVICE_DETAIL = also(
    SERVICE,
    kind=one_of(Kind),
    **time("due_at"),
    doubt=maybe(record(Doubt)),
    enabled=FLAG,
    health_monitor=FLAG,
    path_monitor=FLAG,
    node_groups=listed(TEXT),
    incarnation=maybe(TEXT),
    path_state=maybe(one_of(PathState)),
    ttl_s=maybe(WHOLE),
    domain=maybe(obj(name=TEXT, reason=one_of(Reason), detail=TEXT, **time("resolved_at"))),
    mss=maybe(WHOLE),
    layer_two=maybe(record(LayerTwo)),
    load=maybe(record(LoadInfo)),
    **time("updated_at"),
    bindings=listed(named("Binding")),
    inline=listed(named("InlineJudgement")),
    path_monitoring=one_of(PathMonitoring),
    nodes=listed(named("OnNode")),
    processing_set=listed(TEXT),
    depends_on=listed(obj(name=TEXT, state=one_of(State))),
    explained_by=listed(TEXT),
)
VSERVER = obj(
    entity_id=TEXT,
    name=TEXT,
    address=maybe(TEXT),
    port=maybe(WHOLE),
    protocol=maybe(TEXT),
    method=maybe(TEXT),
    enabled=FLAG,
    node_groups=listed(TEXT),
    service_count=WHOLE,
    up=WHOLE,
    processing_set=listed(TEXT),
    redirects=keyed(maybe(TEXT)),
)
VSERVER_SERVICE = obj(
    entity_id=TEXT, name=TEXT, kind=one_of(Kind), weight=WHOLE, state=one_of(State), processing_set=listed(TEXT)
)
VSERVER_DETAIL = also(VSERVER, services=listed(named("VserverService")))
PAST_STATE = obj(entity_id=TEXT, name=TEXT, state=maybe(one_of(State)), since_ms=maybe(WHOLE))
TRANSITION = obj(
    entity_id=TEXT,
    name=TEXT,
    before=one_of(State),
    after=one_of(State),
    owner=TEXT,
    view_id=WHOLE,
    sequence=WHOLE,
    up_weight=WHOLE,
    threshold=WHOLE,
    **time("at"),
    cause=named("Cause"),
)
MEMBER = obj(node_id=TEXT, incarnation=TEXT, node_groups=listed(TEXT), leaving=FLAG)
NODE = obj(
    node_id=TEXT,
    phase=one_of(Phase),
    missing=listed(TEXT),
    suspect=FLAG,
    view_id=WHOLE,
    incarnation=TEXT,
    engines=WHOLE,
    node_groups=listed(TEXT),
    web_url=maybe(TEXT),
    version=TEXT,
    beat=WHOLE,
    **time("started_at"),
    **time("sent_at"),
    silent_s=maybe(NUMBER),
    applied=keyed(listed(WHOLE)),
    in_view=FLAG,
    partitions=WHOLE,
)
VIEW = obj(
    offset=WHOLE,
    accepted=FLAG,
    refused=maybe({"type": "string", "enum": [reason.name for reason in RefusalReason]}),
    why=maybe(TEXT),
    prev_view=WHOLE,
    generation=WHOLE,
    proposer=TEXT,
    **time("proposed_at"),
    members=listed(named("Member")),
    moved_partitions=maybe(WHOLE),
)
HEALTH = obj(
    ok=FLAG,
    reasons=listed(TEXT),
    node_id=TEXT,
    incarnation=TEXT,
    phase=one_of(Phase),
    missing=listed(TEXT),
    view_id=WHOLE,
    states=WHOLE,
    diverged_partitions=listed(WHOLE),
    owned_services=WHOLE,
    kafka=obj(connected=FLAG, silent_s=maybe(NUMBER), **time("away_since"), fault=maybe(TEXT)),
    lease=obj(held=FLAG, age_s=maybe(NUMBER)),
    engines_configured=WHOLE,
    engines=listed(record(EngineStatistics)),
    tasks=record(EngineStatistics),
    outbox_pending=WHOLE,
    paths=obj(pings_with=one_of(PingAccess), cure=maybe(TEXT), addresses=keyed(WHOLE)),
    states_age_s=maybe(NUMBER),
)
TARGET_GROUP = obj(
    targets=listed(TEXT),
    labels=obj(
        __meta_watchbill_service=TEXT,
        __meta_watchbill_state=one_of(State),
        __meta_watchbill_owner=TEXT,
        __meta_watchbill_kind=one_of(Kind),
        __meta_watchbill_group=TEXT,
        __meta_watchbill_domain=TEXT,
        __meta_watchbill_vservers=TEXT,
    ),
)
COUNT: Shape = {"type": "integer", "minimum": 0, "maximum": MOST}
TRAFFIC: Shape = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "successes": COUNT,
        "failures": COUNT,
        "reason": {"type": "string", "enum": [reason.value for reason in REASONS]},
        "detail": TEXT,
        "response_time_us": COUNT,
        "statuses": {
            "type": "object",
            "maxProperties": STATUSES,
            "additionalProperties": False,
            "patternProperties": {"^[1-5][0-9]{2}$": COUNT},
        },
    },
    "anyOf": [
        {"required": ["successes"], "properties": {"successes": {"minimum": 1}}},
        {"required": ["failures"], "properties": {"failures": {"minimum": 1}}},
        {"required": ["statuses"], "properties": {"statuses": {"not": {"additionalProperties": {"const": 0}}}}},
    ],
    "description": "What came of real traffic since the last telling; something must have come.",
}
assert tuple(TRAFFIC["properties"]) == FIELDS, "the fields that are read"

SHAPES: dict[str, Shape] = {
    "Binding": BINDING,
    "Candidate": record(Candidate),
    "Cause": CAUSE,
    "Error": obj(error=TEXT),
    "Health": HEALTH,
    "InlineJudgement": INLINE_JUDGEMENT,
    "Member": MEMBER,
    "Node": NODE,
    "OnNode": ON_NODE,
    "PastState": PAST_STATE,
    "Service": LISTED_SERVICE,
    "ServiceDetail": SERVICE_DETAIL,
    "TargetGroup": TARGET_GROUP,
    "Traffic": TRAFFIC,
    "Transition": TRANSITION,
    "View": VIEW,
    "Vserver": VSERVER,
    "VserverDetail": VSERVER_DETAIL,
    "VserverService": VSERVER_SERVICE,
}
