"""A schema registry that speaks Confluent's interface (Confluent's own, Apicurio, Karapace): one question to it.

Rule: a schema is registered as canonical text, once for a text, and gets the same id at every start: registries tell
schemas apart by their text. Why no client library: it brings an HTTP stack for a single request.
"""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from connectors.outbound.registry_login import CA, PASSWORD_FILE, USER, Login, login_from

ANSWER_S = 10.0
BODY_BYTES = 1 << 20
TYPE = "application/vnd.schemaregistry.v1+json"


class RegistryRefused(Exception):
    """The registry did not take the schema, or did not answer. The message says where, why and what to look at."""


def canonical(schema: Any) -> str:
    """A schema's one text: its fields in their order, without blanks."""
    return json.dumps(schema, separators=(",", ":"))


def register(url: str, subject: str, schema: str, environment: Mapping[str, str]) -> int:
    """The id of a schema under a subject; registered if it is new. Raises RegistryRefused, and SecurityRefused where
    the login in the environment cannot be used.

    `url` is the base of the interface: `http://registry:8081`, or with Apicurio `http://registry:8080/apis/ccompat/v7`.
    """
    login = login_from(environment, url)
    connection, base = _connection(url, login)
    path = f"{base}/subjects/{subject}/versions"
    try:
        body = json.dumps({"schema": schema, "schemaType": "AVRO"})
        connection.request("POST", path, body, {"Content-Type": TYPE, **login.headers})
        answer = connection.getresponse()
        said = answer.read(BODY_BYTES)
    except ssl.SSLCertVerificationError as error:
        raise RegistryRefused(
            f"the certificate of the registry at {url} is not trusted: {error.verify_message}. Set {CA} to the file "
            "of the authority that signed it"
        ) from error
    except (OSError, http.client.HTTPException) as error:
        raise RegistryRefused(f"no schema registry answers at {url}: {error or type(error).__name__}") from error
    finally:
        connection.close()
    _refuse_strangers(url, subject, answer.status, login)
    return _id(url, subject, answer.status, said)


def _connection(url: str, login: Login) -> tuple[http.client.HTTPConnection, str]:
    """A connection that is not opened yet, and what stands before each path."""
    try:
        place = urlsplit(url)
        host, port = place.hostname, place.port
    except ValueError:  # a port of letters, half an IPv6 address
        host = port = None
    if host is None or place.scheme not in ("http", "https"):
        raise RegistryRefused(f"registry {url!r} is no URL: give http://HOST:PORT, Apicurio's with /apis/ccompat/v7")
    base = place.path.rstrip("/")
    if login.trust is None:
        return http.client.HTTPConnection(host, port, timeout=ANSWER_S), base
    return http.client.HTTPSConnection(host, port, timeout=ANSWER_S, context=login.trust), base


def _refuse_strangers(url: str, subject: str, status: int, login: Login) -> None:
    """Whoever is not let in learns what to set. What the registry itself says of it may quote what it was sent."""
    if status == http.client.UNAUTHORIZED and login.user is None:
        raise RegistryRefused(f"the registry at {url} wants a login: set {USER} and {PASSWORD_FILE}")
    if status == http.client.UNAUTHORIZED:
        raise RegistryRefused(f"the registry at {url} refuses the login of {login.user}: check {USER} and the password")
    if status == http.client.FORBIDDEN:
        who = "strangers" if login.user is None else login.user
        raise RegistryRefused(f"the registry at {url} does not let {who} write {subject}: grant it there")


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
