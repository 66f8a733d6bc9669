"""The parameters of TLS, for types of monitors that have it always (`TLS_OWN`) or if a person says so (`SECURE_OWN`).

Rule: names and defaults are NetScaler's (`secure`, and no verification). What has no effect is refused instead of
ignored: a name or an authority that nobody asks for would let an operator believe that his targets are verified.
"""

from __future__ import annotations

from dataclasses import replace

from schemas.parameters.parameter import Parameter, Settings, Shape

TLS_OWN = (
    Parameter(
        "tls_verify", Shape.SWITCH, "the certificate must be valid, in its name, and of a known authority", False
    ),
    Parameter("server_name", Shape.TEXT, "name to ask for (SNI) and to verify; else the address", low=1, high=253),
    Parameter("ca_ref", Shape.SECRET_REF, "trust these authorities (PEM), not the system's", needs="tls_verify"),
)

SECURE = Parameter("secure", Shape.SWITCH, "speak TLS with the target", False)

SECURE_OWN = (SECURE, *(row if row.needs else replace(row, needs=SECURE.name) for row in TLS_OWN))


def tls_where_it_acts(given: Settings, effective: Settings) -> str | None:
    """The parameters of TLS only where there is TLS, and an authority only where a certificate is verified."""
    if effective.get("secure") is False:
        for row in TLS_OWN:
            if given.get(row.name) not in (None, row.default):
                return f"{row.name} has no effect without TLS: give secure=yes, or leave it out"
    if given.get("ca_ref") is not None and effective["tls_verify"] is not True:
        return "ca_ref has no effect where no certificate is verified: give tls_verify=yes, or leave it out"
    return None
