"""The contracts in docs are those that the code makes today, and the topics' one is AsyncAPI by its official schema.

Whoever changes a record or a page writes them anew.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema_rs import Draft7Validator, ValidationError

from schemas.asyncapi import asyncapi, document
from streams.web.contract import openapi
from tests.tidy.source import ROOT

FILES = Path(__file__).parent / "files"

STATES = "service-states"
KAFKA = "bindings/kafka"
PAYLOAD = "components/messages/ServiceState/payload"
BREAKS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "a version of no release": ("asyncapi", lambda _: "3"),
    "a document without a title": ("info", lambda info: {"version": info["version"]}),
    "a licence without a name": ("info/license", lambda licence: {"url": licence["url"]}),
    "a server without a protocol": ("servers/kafka", lambda server: {"host": server["host"]}),
    "a default that is no text": ("servers/kafka/variables/bootstrap/default", lambda _: 9092),
    "a field that is unknown": (f"channels/{STATES}", lambda channel: {**channel, "key": "entity_id"}),
    "no partitions": (f"channels/{STATES}/{KAFKA}/partitions", lambda _: 0),
    "Kafka keeps in an unknown way": (
        f"channels/{STATES}/{KAFKA}/topicConfiguration/cleanup.policy/0",
        lambda _: "keep",
    ),
    "a size in words": (f"channels/{STATES}/{KAFKA}/topicConfiguration/max.message.bytes", lambda _: "1 MB"),
    "a binding of another version": (f"channels/{STATES}/{KAFKA}/bindingVersion", lambda _: "9.9.9"),
    "an operation that does neither": (f"operations/read-{STATES}/action", lambda _: "read"),
    "an operation on a channel by name": (f"operations/read-{STATES}/channel", lambda _: STATES),
    "a record without fields": (f"{PAYLOAD}/schema", lambda record: {**record, "fields": None}),
    "a field without a type": (f"{PAYLOAD}/schema/fields/0", lambda field: {"name": field["name"]}),
    "an enumeration without symbols": (f"{PAYLOAD}/schema/fields/0/type", lambda _: {"type": "enum", "name": "Side"}),
}


@pytest.mark.parametrize(("name", "made"), [("openapi.json", openapi()), ("asyncapi.json", asyncapi())])
def test_the_documents_in_the_repository_are_current(name: str, made: dict[str, object]) -> None:
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == document(made), f"python -m infra.docs.contracts writes {name} anew"


@cache
def official(version: str) -> Draft7Validator:
    """The schema of documents of this version; a version that has no file here is not promised."""
    schema = json.loads((FILES / f"asyncapi-{version}.json").read_text(encoding="utf-8"))
    return Draft7Validator(schema, validate_formats=True)


def test_the_topics_document_is_asyncapi_of_the_version_that_it_names() -> None:
    official(asyncapi()["asyncapi"]).validate(asyncapi())


@pytest.mark.parametrize(("place", "mar"), BREAKS.values(), ids=BREAKS)
def test_the_official_schema_refuses(place: str, mar: Callable[[Any], Any]) -> None:
    """It sees into every part of the document: none is a corner where anything goes."""
    broken = deepcopy(asyncapi())
    *folders, last = (int(part) if part.isdigit() else part for part in place.split("/"))
    inside: Any = broken
    for folder in folders:
        inside = inside[folder]
    inside[last] = mar(inside[last])
    with pytest.raises(ValidationError):
        official(asyncapi()["asyncapi"]).validate(broken)
