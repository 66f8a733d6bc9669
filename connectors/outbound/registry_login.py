"""How a program is let in by a schema registry, and how it knows that it speaks with it: read from the environment.

Rule: the same as for Kafka (`connectors.kafka.security`): a secret stands in a variable or in a file, never in an
argument, which every user of the machine can read, and is in no message; what contradicts itself is refused before a
byte is sent. Why not a login in the address, as `http://user:password@registry`: it would be an argument.
"""

from __future__ import annotations

import base64
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.kafka.security import SecurityRefused, either

USER, PASSWORD = "WATCHBILL_REGISTRY_USERNAME", "WATCHBILL_REGISTRY_PASSWORD"
PASSWORD_FILE = f"{PASSWORD}_FILE"
CA = "WATCHBILL_REGISTRY_SSL_CA_LOCATION"


@dataclass(frozen=True, slots=True)
class Login:
    """What is sent with a request, and whose certificates are trusted (None over plain HTTP). It is not shown."""

    user: str | None
    headers: Mapping[str, str] = field(repr=False)
    trust: ssl.SSLContext | None = field(repr=False)


def login_from(environment: Mapping[str, str], url: str) -> Login:
    """The login at a registry's address. Raises SecurityRefused."""
    if "@" in url:
        raise SecurityRefused(
            f"the registry's address holds a login, which whoever lists processes can read: set {USER} and "
            f"{PASSWORD_FILE} instead, and change the password"
        )
    user, password = environment.get(USER) or None, _password(environment)
    if (user is None) != (password is None):
        raise SecurityRefused(f"{USER} and {PASSWORD} (or {PASSWORD_FILE}) belong together: set both")
    if user is not None and ":" in user:
        raise SecurityRefused(f"{USER} holds a colon, which ends the name in HTTP's basic authentication")
    pair = base64.b64encode(f"{user}:{password}".encode(errors="surrogateescape")).decode()
    return Login(user, {} if user is None else {"Authorization": f"Basic {pair}"}, _trust(environment, url))


def _password(environment: Mapping[str, str]) -> str | None:
    return either(PASSWORD, environment.get(PASSWORD) or None, environment.get(PASSWORD_FILE) or None, "password")


def _trust(environment: Mapping[str, str], url: str) -> ssl.SSLContext | None:
    authority = environment.get(CA) or None
    if not url.lower().startswith("https:"):
        if authority is not None:
            raise SecurityRefused(f"{CA} would not be used: the registry's address does not begin with https://")
        return None
    try:
        return ssl.create_default_context(cafile=authority)
    except OSError as error:  # no file, or no certificate in it
        raise SecurityRefused(f"{CA} names {authority}, which cannot be used ({error}): it must be PEM") from None
