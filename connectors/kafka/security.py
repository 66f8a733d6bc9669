"""How a client proves who it is to Kafka, and how it knows that it speaks with Kafka: read from the environment.

Rule: a property is spelled as Kafka's C client spells it (`WATCHBILL_KAFKA_SASL_MECHANISM` is `sasl.mechanism`), for
every verb, node and program alike. A secret may stand in a file instead (`…_SASL_PASSWORD_FILE`), as systemd, Docker
and Kubernetes hand it over, and is in no message of ours. What contradicts itself is refused before a byte is sent. Why
not left to the client: given a user and no protocol it speaks in the clear, and says so to nobody.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

ENVIRONMENT_PREFIX = "WATCHBILL_KAFKA_"
SECURITY_PROPERTIES = ("security.", "sasl.", "ssl.")
PROTOCOL, MECHANISM = "security.protocol", "sasl.mechanism"
USER, PASSWORD, KEY_PASSWORD = "sasl.username", "sasl.password", "ssl.key.password"
CA, CERTIFICATE, KEY = "ssl.ca.location", "ssl.certificate.location", "ssl.key.location"

PLAINTEXT = "PLAINTEXT"
PROTOCOLS = (PLAINTEXT, "SSL", "SASL_PLAINTEXT", "SASL_SSL")
WITH_PASSWORD = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
"""Mechanisms that take a user and a password."""
SECRETS = (PASSWORD, KEY_PASSWORD)
FILE_SUFFIX = ".file"
SECRET_BYTES = 65_536


class SecurityRefused(ValueError):
    """The settings contradict themselves, or name a file that is not there. The message says what to set."""


def security_from(environment: Mapping[str, str]) -> dict[str, str]:
    """Security properties in an environment. Raises SecurityRefused. Other variables with the prefix are not ours."""
    given = {
        name.removeprefix(ENVIRONMENT_PREFIX).lower().replace("_", "."): value
        for name, value in environment.items()
        if name.startswith(ENVIRONMENT_PREFIX)
    }
    found = {name: value for name, value in given.items() if name.startswith(SECURITY_PROPERTIES)}
    for secret in SECRETS:
        value = either(variable(secret), found.get(secret), found.pop(secret + FILE_SUFFIX, None))
        if value is not None:
            found[secret] = value
    _refuse_contradictions(found)
    return found


def variable(name: str) -> str:
    """The environment variable of a property."""
    return ENVIRONMENT_PREFIX + name.upper().replace(".", "_")


def _refuse_contradictions(found: Mapping[str, str]) -> None:
    if not found:
        return
    protocol = found.get(PROTOCOL, "").upper()
    if protocol not in PROTOCOLS:
        others = ", ".join(sorted(variable(name) for name in found if name != PROTOCOL))
        given = f"{variable(PROTOCOL)} is {protocol}" if protocol else f"{others} without {variable(PROTOCOL)}"
        raise SecurityRefused(f"{given}: set {variable(PROTOCOL)} to SASL_SSL, SSL, SASL_PLAINTEXT or PLAINTEXT")
    for prefix, part in (("sasl.", "SASL"), ("ssl.", "SSL")):
        useless = sorted(variable(name) for name in found if name.startswith(prefix))
        if useless and part not in protocol:
            raise SecurityRefused(
                f"{', '.join(useless)} would not be used: {variable(PROTOCOL)} is {protocol}. Set it to "
                f"{'SASL_SSL' if prefix == 'sasl.' else 'SSL or SASL_SSL'}, or unset the others"
            )
    if "SASL" in protocol:
        _refuse_half_a_login(found, protocol)
    _refuse_missing_files(found)


def _refuse_half_a_login(found: Mapping[str, str], protocol: str) -> None:
    mechanism = found.get(MECHANISM)
    if mechanism is None:
        raise SecurityRefused(f"{protocol} needs {variable(MECHANISM)}, such as SCRAM-SHA-512")
    if mechanism in WITH_PASSWORD:
        for name, more in ((USER, ""), (PASSWORD, f" or {variable(PASSWORD)}_FILE")):
            if not found.get(name):
                raise SecurityRefused(f"{mechanism} needs {variable(name)}{more}")


def _refuse_missing_files(found: Mapping[str, str]) -> None:
    for name in (CA, CERTIFICATE, KEY):
        path = found.get(name)
        if path is None or (name == CA and path == "probe"):
            continue
        if not Path(path).exists():
            raise SecurityRefused(f"{variable(name)} names {path}, which is not there (or not for this user to see)")
    if (CERTIFICATE in found) != (KEY in found):
        raise SecurityRefused(f"{variable(CERTIFICATE)} and {variable(KEY)} belong together: set both")


def either(name: str, value: str | None, path: str | None, what: str = "secret") -> str | None:
    """A secret that a variable holds, or the file that the variable of its name and _FILE names; None where neither is
    set. Raises SecurityRefused.
    """
    if path is None:
        return value
    if value is not None:
        raise SecurityRefused(f"{name} and {name}_FILE are both set: keep one of them")
    return secret_in(path, f"{name}_FILE", what)


def secret_in(path: str, given_by: str, what: str = "secret") -> str:
    """The secret that a file holds alone, as one line of UTF-8. Raises SecurityRefused, which quotes nothing of it."""
    alone = f"must hold the {what} alone, in one line"
    try:
        with Path(path).open("rb") as file:
            content = file.read(SECRET_BYTES + 1)
        text = content.decode().rstrip("\r\n")
    except OSError as error:
        raise SecurityRefused(f"{given_by} names {path}, which cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise SecurityRefused(
            f"{given_by} names {path}, which is not UTF-8 text: it {alone}"
        ) from None  # its cause quotes
    if not text or len(content) > SECRET_BYTES or "\0" in text or "\n" in text:
        raise SecurityRefused(f"{given_by} names {path}, which {alone}")
    return text
