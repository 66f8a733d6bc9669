"""The security properties of a node, as Faust's client wants them: the group is joined as the same user as all else.

Rule: what is set for Kafka's C client is translated whole or refused, at the start and in words, so that a node never
replays for a minute and then stands before the group's door. Why a translation: the group speaks by another client
than the replicas and producers, in Python, with an `ssl` context of its own.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from faust import auth

from connectors.kafka.security import (
    CA,
    CERTIFICATE,
    KEY,
    KEY_PASSWORD,
    MECHANISM,
    PASSWORD,
    PLAINTEXT,
    PROTOCOL,
    USER,
    WITH_PASSWORD,
    SecurityRefused,
    variable,
)

CHECK_NAME = "ssl.endpoint.identification.algorithm"
UNDERSTOOD = frozenset({PROTOCOL, MECHANISM, USER, PASSWORD, CA, CERTIFICATE, KEY, KEY_PASSWORD, CHECK_NAME})


def credentials(security: Mapping[str, str]) -> Any:
    """Faust's credentials; None for plaintext. Raises SecurityRefused for what its client does not know."""
    protocol = security.get(PROTOCOL, PLAINTEXT).upper()
    unknown = sorted(set(security) - UNDERSTOOD)
    if unknown:
        names = ", ".join(variable(name) for name in unknown)
        raise SecurityRefused(f"a node cannot use {names}: its group speaks by another client. Unset it for the node")
    if protocol == PLAINTEXT:
        return None
    context = _context(security) if protocol.endswith("SSL") else None
    if protocol == "SSL":
        return auth.SSLCredentials(context)
    mechanism = security[MECHANISM]
    if mechanism not in WITH_PASSWORD:
        raise SecurityRefused(f"a node cannot log in with {mechanism}: set {variable(MECHANISM)} to SCRAM-SHA-512")
    return auth.SASLCredentials(
        username=security[USER], password=security[PASSWORD], ssl_context=context, mechanism=mechanism
    )


def _context(security: Mapping[str, str]) -> ssl.SSLContext:
    place = security.get(CA)
    folder = place is not None and Path(place).is_dir()
    system = place is None or place == "probe"
    try:
        context = ssl.create_default_context(
            cafile=None if system or folder else place, capath=place if folder else None
        )
        if CERTIFICATE in security:
            context.load_cert_chain(security[CERTIFICATE], security[KEY], security.get(KEY_PASSWORD, ""))
    except (OSError, ssl.SSLError) as error:
        names = ", ".join(variable(name) for name in (CA, CERTIFICATE, KEY) if name in security)
        raise SecurityRefused(f"{names}: the file cannot be used ({error}): it must be readable, and PEM") from None
    context.check_hostname = security.get(CHECK_NAME, "https") != "none"
    return context
