"""The security settings of an environment: read, taken from files, and refused where they contradict themselves."""

from __future__ import annotations

from pathlib import Path

import pytest

from connectors.kafka.security import SecurityRefused, security_from
from connectors.kafka.settings import KafkaAccess

SECRET = "s3cret-of-the-test"
LOGIN = {
    "WATCHBILL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
    "WATCHBILL_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
    "WATCHBILL_KAFKA_SASL_USERNAME": "b0",
    "WATCHBILL_KAFKA_SASL_PASSWORD": SECRET,
}


def test_properties_are_spelled_as_kafka_spells_them() -> None:
    assert security_from({**LOGIN, "PATH": "/bin", "WATCHBILL_KAFKA_DATA_DIR": "not ours"}) == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "b0",
        "sasl.password": SECRET,
    }
    assert security_from({}) == {}


def test_a_password_comes_from_a_file_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "password").write_text(SECRET + "\n")
    given = {**LOGIN, "WATCHBILL_KAFKA_SASL_PASSWORD_FILE": str(tmp_path / "password")}
    del given["WATCHBILL_KAFKA_SASL_PASSWORD"]
    found = security_from(given)
    assert found["sasl.password"] == SECRET
    assert "sasl.password.file" not in found


def test_secrets_are_in_no_representation() -> None:
    access = KafkaAccess("kafka:9093", "b0", security_from(LOGIN))
    assert SECRET not in repr(access)
    assert access.producer()["sasl.password"] == access.admin()["sasl.password"] == SECRET


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"SECURITY_PROTOCOL": None}, "WATCHBILL_KAFKA_SASL_USERNAME without WATCHBILL_KAFKA_SECURITY_PROTOCOL: set"),
        ({"SECURITY_PROTOCOL": "TLS"}, "WATCHBILL_KAFKA_SECURITY_PROTOCOL is TLS: set"),
        ({"SECURITY_PROTOCOL": "SSL"}, "WATCHBILL_KAFKA_SASL_USERNAME would not be used"),
        ({"SECURITY_PROTOCOL": "SASL_PLAINTEXT", "SSL_CA_LOCATION": "/dev/null"}, "SSL or SASL_SSL"),
        ({"SASL_MECHANISM": None}, "SASL_SSL needs WATCHBILL_KAFKA_SASL_MECHANISM"),
        ({"SASL_USERNAME": None}, "SCRAM-SHA-512 needs WATCHBILL_KAFKA_SASL_USERNAME"),
        ({"SASL_PASSWORD": None}, "SCRAM-SHA-512 needs WATCHBILL_KAFKA_SASL_PASSWORD or WATCHBILL_KAFKA_SASL_PASSWORD"),
        ({"SASL_PASSWORD_FILE": "/dev/null"}, "are both set: keep one"),
        ({"SASL_PASSWORD": None, "SASL_PASSWORD_FILE": "/dev/null"}, "must hold the secret alone, in one line"),
        ({"SASL_PASSWORD": None, "SASL_PASSWORD_FILE": "/nowhere/it"}, "/nowhere/it, which cannot be read: No such"),
        ({"SSL_CA_LOCATION": "/nowhere/ca.pem"}, "WATCHBILL_KAFKA_SSL_CA_LOCATION names /nowhere/ca.pem"),
        ({"SSL_CERTIFICATE_LOCATION": "/dev/null"}, "WATCHBILL_KAFKA_SSL_KEY_LOCATION belong together"),
    ],
)
def test_a_contradiction_is_refused_with_the_mend(changes: dict[str, str | None], told: str) -> None:
    changed = LOGIN | {f"WATCHBILL_KAFKA_{name}": value for name, value in changes.items()}
    given = {name: value for name, value in changed.items() if value is not None}
    with pytest.raises(SecurityRefused) as refused:
        security_from(given)
    assert told in str(refused.value)
    assert SECRET not in str(refused.value)
