"""A schema registry that speaks Confluent's interface (Confluent's own, Apicurio, Karapace): one question to it.

Rule: a schema is registered as canonical text, once for a text, and gets the same id at every start: registries tell
schemas apart by their text. Why no client library: it brings an HTTP stack for a single request.
"""

from __future__ import annotations

import base64
import http.client
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

ANSWER_S = 10.0
BODY_BYTES = 1 << 20
TYPE = "application/vnd.schemaregistry.v1+json"
USER_VARIABLE, PASSWORD_VARIABLE = "WATCHBILL_REGISTRY_USERNAME", "WATCHBILL_REGISTRY_PASSWORD"


class RegistryRefused(Exception):
    """The registry did not take the schema, or did not answer. The message says where, why and what to look at."""


def canonical(schema: Any) -> str:
    """A schema's one text: its fields in their order, without blanks."""
    return json.dumps(schema, separators=(",", ":"))


def register(url: str, subject: str, schema: str, environment: Mapping[str, str]) -> int:
    """The id of a schema under a subject; registered if it is new. Raises RegistryRefused.

    `url` is the base of the interface: `http://registry:8081`, or with Apicurio `http://registry:8080/apis/ccompat/v7`.
    """
    place = urlsplit(url)
    if place.scheme not in ("http", "https") or not place.hostname:
        raise RegistryRefused(f"registry {url!r} is no URL: give http://HOST:PORT, Apicurio's with /apis/ccompat/v7")
    kind = http.client.HTTPSConnection if place.scheme == "https" else http.client.HTTPConnection
    connection = kind(place.hostname, place.port, timeout=ANSWER_S)
    path = f"{place.path.rstrip('/')}/subjects/{subject}/versions"
    try:
        body = json.dumps({"schema": schema, "schemaType": "AVRO"})
        connection.request("POST", path, body, {"Content-Type": TYPE, **_login(environment)})
        answer = connection.getresponse()
        said = answer.read(BODY_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise RegistryRefused(f"no schema registry answers at {url}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    return _id(url, subject, answer.status, said)


def _id(url: str, subject: str, status: int, said: bytes) -> int:
    try:
        told = json.loads(said)
        if status == http.client.OK:
            return int(told["id"])
        why = f"{told.get('error_code', status)}: {told.get('message', '')}"
        if status == http.client.NOT_FOUND:
            why += ": is it the base of Confluent's interface?"
    except (ValueError, KeyError, TypeError, AttributeError):
        why = f"status {status}, and no answer of a registry: is it the base of Confluent's interface?"
    raise RegistryRefused(f"the registry at {url} does not take the schema of {subject}: {why}")


def _login(environment: Mapping[str, str]) -> dict[str, str]:
    user = environment.get(USER_VARIABLE)
    if not user:
        return {}
    pair = f"{user}:{environment.get(PASSWORD_VARIABLE, '')}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}
