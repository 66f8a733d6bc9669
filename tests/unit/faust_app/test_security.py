"""The group's client is told the same as the others, or says that it cannot be."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from connectors.kafka.security import SecurityRefused
from streams.faust_app.security import credentials
from tests.unit.engine.authority import authority

LOGIN = {"sasl.mechanism": "SCRAM-SHA-512", "sasl.username": "b0", "sasl.password": "s3cret"}


def test_plaintext_needs_no_credentials() -> None:
    assert credentials({}) is None
    assert credentials({"security.protocol": "PLAINTEXT"}) is None


def test_a_login_over_tls_trusts_the_authority_given_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "authority.pem"
    path.write_text(authority("ours").pem)
    made = credentials({"security.protocol": "SASL_SSL", "ssl.ca.location": str(path), **LOGIN})
    assert (made.protocol.value, made.mechanism.value) == ("SASL_SSL", "SCRAM-SHA-512")
    assert (made.username, made.password) == ("b0", "s3cret")
    assert (made.ssl_context.check_hostname, made.ssl_context.verify_mode) == (True, ssl.CERT_REQUIRED)
    assert [one["subject"] for one in made.ssl_context.get_ca_certs()] == [((("commonName", "ours"),),)]
    assert "s3cret" not in repr(made)


def test_a_login_in_the_clear_has_no_tls() -> None:
    made = credentials({"security.protocol": "SASL_PLAINTEXT", **LOGIN})
    assert (made.protocol.value, made.ssl_context) == ("SASL_PLAINTEXT", None)


def test_tls_alone_and_without_a_check_of_the_name() -> None:
    made = credentials({"security.protocol": "SSL", "ssl.endpoint.identification.algorithm": "none"})
    assert (made.protocol.value, made.context.check_hostname) == ("SSL", False)


@pytest.mark.parametrize(
    ("security", "told"),
    [
        ({"security.protocol": "SASL_SSL", "sasl.mechanism": "GSSAPI"}, "cannot log in with GSSAPI"),
        (
            {"security.protocol": "SSL", "ssl.keystore.location": "/k"},
            "cannot use WATCHBILL_KAFKA_SSL_KEYSTORE_LOC",
        ),
        ({"security.protocol": "SSL", "ssl.ca.location": "/dev/null"}, "WATCHBILL_KAFKA_SSL_CA_LOCATION: the file"),
    ],
)
def test_what_the_groups_client_does_not_know_is_refused_at_the_start(security: dict[str, str], told: str) -> None:
    with pytest.raises(SecurityRefused) as refused:
        credentials(security)
    assert told in str(refused.value)
