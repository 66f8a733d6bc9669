"""What each page takes and answers: the contract of the web views, as an OpenAPI 3.1 document.

Rule: one row an address. The shapes are held by tests: every answer of the unit tests' node, and of a real one under
schemathesis, must be of its shape, and every page must take the parameters named here and no others. Why not shapes
worked out from the pages: they build plain dictionaries, which say nothing before they are built; and a contract that
follows the code by itself promises nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from schemas.states import State
from streams.web import parameters as limits
from streams.web.guard import ENTER, FORM, REQUESTS_A_S, TOLD_BYTES
from streams.web.json_schema import NUMBER, TEXT, WHOLE, Shape, listed, maybe, named, obj, one_of, time
from streams.web.shapes import SHAPES

VERSION = "0.1.0"
NAME: Shape = {"type": "string", "maxLength": limits.VALUE_CHARACTERS}
PATH_NAME: Shape = {"type": "string", "minLength": 1}


@dataclass(frozen=True, slots=True)
class Row:
    """An address: what it is for, the query parameters it takes, its answer at 200, and at which other statuses."""

    summary: str
    answer: Shape | str
    """A shape of JSON, or a media type."""
    takes: Mapping[str, Shape] = field(default_factory=dict)
    errors: tuple[int, ...] = ()
    also_at: tuple[int, ...] = ()
    """Statuses that have the same body as 200."""


def _limit(default: int, most: int) -> Shape:
    return {"type": "integer", "minimum": 1, "maximum": most, "default": default}


OFFSET: Shape = {"type": "integer", "minimum": 0, "maximum": 2**63}
CONTRACT: dict[str, Row] = {
    "/api/services": Row(
        "States of services, by name, page by page: next_after asks for the next one.",
        obj(states_age_s=maybe(NUMBER), count=WHOLE, next_after=maybe(TEXT), services=listed(named("Service"))),
        {
            "state": one_of(State),
            "owner": NAME,
            "name": {**NAME, "description": "What names begin with."},
            "after": {**NAME, "description": "From behind this name on."},
            "limit": _limit(limits.DEFAULT_SERVICES, limits.MOST_SERVICES),
        },
        (400,),
    ),
    "/api/services/{name}": Row("Everything known of one service.", named("ServiceDetail"), errors=(400, 404)),
    "/api/vservers/{name}/best": Row(
        "Which of its services a vserver chooses now.",
        obj(
            vserver=TEXT,
            node=maybe(TEXT),
            method=TEXT,
            best=maybe(named("Candidate")),
            why=TEXT,
            states_age_s=maybe(NUMBER),
            order=listed(named("Candidate")),
        ),
        {"node": NAME, "turn": OFFSET},
        (400, 404),
    ),
    "/api/vservers": Row(
        "Every vserver: how many of its services are up, and which nodes can process its traffic.",
        obj(count=WHOLE, vservers=listed(named("Vserver"))),
        errors=(400,),
    ),
    "/api/vservers/{name}": Row("One vserver, with its services.", named("VserverDetail"), errors=(400, 404)),
    "/api/past": Row(
        "What the services that are configured now were at an instant, as far as this node has read changes back; null "
        "where it has not.",
        obj(
            **time("at"),
            count=WHOLE,
            not_known=WHOLE,
            next_after=maybe(TEXT),
            services=listed(named("PastState")),
        ),
        {
            "at": {
                "type": "integer",
                "minimum": 0,
                "maximum": 2**53,
                "description": "Milliseconds since 1970.",
            },
            "after": NAME,
            "limit": _limit(limits.DEFAULT_SERVICES, limits.MOST_SERVICES),
        },
        (400,),
    ),
    "/api/transitions": Row(
        "The last changes of state, newest first, as far as this node has read them back.",
        obj(count=WHOLE, transitions=listed(named("Transition"))),
        {"service": NAME, "limit": _limit(limits.DEFAULT_TRANSITIONS, limits.MOST_TRANSITIONS)},
        (400,),
    ),
    "/api/nodes": Row(
        "The last heartbeat of every node.", obj(view_id=WHOLE, count=WHOLE, nodes=listed(named("Node"))), errors=(400,)
    ),
    "/api/views": Row(
        "The view in force, and every record of the log, newest first, the refused ones too.",
        obj(
            held=obj(view_id=WHOLE, generation=WHOLE, proposer=TEXT, members=listed(named("Member"))),
            accepted=WHOLE,
            refused=WHOLE,
            next_before=maybe(WHOLE),
            views=listed(named("View")),
        ),
        {"before": OFFSET, "limit": _limit(limits.DEFAULT_VIEWS, limits.MOST_VIEWS)},
        (400,),
    ),
    "/api/http_sd": Row(
        "What is monitored, as targets for Prometheus (`http_sd_configs`): every service with an address, whatever its "
        "state, but internal ones.",
        listed(named("TargetGroup")),
        {"state": one_of(State), "vserver": {**NAME, "description": "Only what this vserver may choose."}},
        (400, 404),
    ),
    "/api/events": Row(
        "Server-sent events: `whole`, `services` and `ready`, then `services` and `pulse` as they come; `id` for one "
        "who comes back with Last-Event-ID.",
        "text/event-stream",
        errors=(400, 503),
    ),
    "/api/openapi.json": Row("This document.", {"type": "object"}, errors=(400,)),
    "/api/asyncapi.json": Row("The topics, as an AsyncAPI 3 document.", {"type": "object"}, errors=(400,)),
    "/healthz": Row(
        "Does this node serve with current knowledge? If not, 503 with the reasons.",
        named("Health"),
        errors=(400,),
        also_at=(503,),
    ),
    "/metrics": Row("The node's figures, for Prometheus.", "text/plain", errors=(400,)),
    "/": Row("The dashboard.", "text/html", errors=(400,)),
}
ALWAYS = {
    401: "The token is wanted: from everywhere but this machine.",
    413: "A page takes no body.",
    421: "The Host header names somebody else.",
    429: f"More than {REQUESTS_A_S:g} requests a second.",
    500: "The page failed: see the node's log.",
    503: "Too many requests wait.",
}
ERROR_TEXTS = {
    **ALWAYS,
    400: "The request cannot be understood: what to write instead.",
    404: "There is none of that name.",
}
TOLD_ERRORS = {
    400: "The body cannot be understood: what to write instead.",
    401: "The token is wanted.",
    403: "No page in a browser may tell.",
    404: "There is no such service.",
    408: "The body did not come in time.",
    409: "The service has no passive monitor in use.",
    411: "Content-Length is wanted.",
    413: f"More than {TOLD_BYTES} bytes.",
    415: "It is told in JSON.",
    421: ALWAYS[421],
    429: ALWAYS[429],
    500: ALWAYS[500],
}
ENTER_ERRORS = {
    400: "The form has not the one field.",
    401: "That is not the token.",
    **{code: TOLD_ERRORS[code] for code in (408, 411, 413)},
    415: "It is given as a form.",
    **{code: ALWAYS[code] for code in (421, 429, 500)},
}


@lru_cache(maxsize=1)
def openapi() -> dict[str, Any]:
    """The document. Not to be changed by who reads it."""
    paths = {path: {"parameters": _place(path), "get": _read(row)} for path, row in CONTRACT.items()}
    paths[ENTER] = {"post": _entered()}
    paths["/api/inline/{name}"] = {"parameters": _place("{name}"), "post": _told()}
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Watchbill: the web views of a node",
            "version": VERSION,
            "summary": "Which services are up, who says so, and why.",
            "description": "Times are ISO 8601 in UTC, and beside it milliseconds since 1970 under a name with `_ms`. "
            "What is not known is null. HEAD is answered wherever GET is.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": "/"}],
        "security": [{}, {"bearer": []}, {"basic": []}],
        "paths": paths,
        "components": {
            "schemas": SHAPES,
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "basic": {"type": "http", "scheme": "basic", "description": "The token as the password, unasked."},
            },
        },
    }


def _place(path: str) -> list[Any]:
    if "{name}" not in path:
        return []
    return [{"name": "name", "in": "path", "required": True, "schema": PATH_NAME}]


def _read(row: Row) -> dict[str, Any]:
    media, shape = (row.answer, TEXT) if isinstance(row.answer, str) else ("application/json", row.answer)
    content = {media: {"schema": shape}}
    answers: dict[str, Any] = {"200": {"description": "The answer.", "content": content}}
    for status in sorted({*row.errors, *ALWAYS} - set(row.also_at)):
        answers[str(status)] = _error(ERROR_TEXTS[status])
    for status in row.also_at:
        answers[str(status)] = {"description": "The answer, and why it is not 200.", "content": content}
    query = [{"name": name, "in": "query", "schema": shape} for name, shape in row.takes.items()]
    return {"summary": row.summary, "parameters": query, "responses": _with_page(answers)}


def _told() -> dict[str, Any]:
    """The one address at which something is told."""
    body = {"application/json": {"schema": named("Traffic")}}
    told = obj(service=TEXT, monitors=WHOLE)
    return {
        "summary": "Tell the passive monitors of a service what came of real traffic.",
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {"description": "How many monitors were told.", "content": {"application/json": {"schema": told}}},
            **{str(status): _error(text) for status, text in TOLD_ERRORS.items()},
        },
    }


def _entered() -> dict[str, Any]:
    """The one address at which a person gives the token."""
    form = {"type": "object", "properties": {"token": PATH_NAME}, "required": ["token"], "additionalProperties": False}
    answers = {str(status): _error(text) for status, text in ENTER_ERRORS.items()}
    return {
        "summary": "Give the token once, as the form of a page does; a cookie opens what is read from then on.",
        "security": [],
        "requestBody": {"required": True, "content": {FORM: {"schema": form}}},
        "responses": {"303": {"description": "Let in: go to the dashboard."}, **_with_page(answers)},
    }


def _with_page(answers: dict[str, Any]) -> dict[str, Any]:
    """Who asks for HTML is asked for the token on a page."""
    answers["401"]["content"]["text/html"] = {"schema": TEXT}
    return answers


def _error(text: str) -> dict[str, Any]:
    return {"description": text, "content": {"application/json": {"schema": named("Error")}}}
