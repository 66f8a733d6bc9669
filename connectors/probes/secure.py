"""TLS of a probe, as a person sets it: which kinds may have it, and a binding's settings read and checked.

Rule: names and defaults are NetScaler's, so `tls_verify` is off: a monitor proves that a service answers, and most
targets inside a data centre have certificates that nobody signed. Every kind over STREAM may have `SECURE`; a kind
that is always secure has `TLS`. Nothing here knows of a handshake: the engine's TLS layer reads these settings.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes.secrets import secret

TLS: Mapping[str, ParameterValue] = {"tls_verify": False, "server_name": "", "ca_ref": ""}
"""Parameters of a kind that always has TLS."""

SECURE: Mapping[str, ParameterValue] = {"secure": False, **TLS}
"""Parameters of a kind that may have TLS."""

HOST_NAME = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_])?\.?")


@dataclass(frozen=True, slots=True)
class TlsSettings:
    """What the handshakes of a binding look like."""

    verify: bool
    """The certificate must be valid, signed by someone who is trusted, and in the target's name."""
    server_name: str
    """Asked for (SNI) and, if verified, expected in the certificate; empty: the target's address is expected."""
    authorities: str
    """Who is trusted: certificates as PEM; empty: the system's."""
    protocols: tuple[str, ...]
    """Application protocols to offer (ALPN), such as h2; empty: none."""


def tls_settings(binding: Binding, protocols: tuple[str, ...] = ()) -> TlsSettings:
    """The settings of a binding. Raises ValueError with what to change."""
    given = {**SECURE, **binding.parameters}
    reference = str(given["ca_ref"])
    return TlsSettings(
        verify=given["tls_verify"] is True,
        server_name=host_name(str(given["server_name"])),
        authorities=secret(reference) if reference else "",
        protocols=protocols,
    )


def host_name(name: str) -> str:
    """The name as it travels, without a last dot; empty stays empty. Raises ValueError if it is none."""
    try:
        ascii_name = name.encode("idna").decode("ascii") if not name.isascii() else name
    except UnicodeError:
        ascii_name = ""
    if name and not HOST_NAME.fullmatch(ascii_name):
        raise ValueError(f"server_name {name!r} is no host name: write it like www.example.org")
    return ascii_name.removesuffix(".")
