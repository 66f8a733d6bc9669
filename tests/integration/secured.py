"""A real broker that lets nobody in without a login over TLS, and grants nothing that no ACL allows.

Rule: as an operator would set it up: SASL_SSL with SCRAM-SHA-512 (and the other two mechanisms with passwords), or
certificates alone; a certificate authority of one's own, Kafka's StandardAuthorizer, a user a role, and their rights
from `watchbill acls --apply`. One user is the administrator of that Kafka, and none of Watchbill's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import (
    AdminClient,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from connectors.kafka.security import security_from
from connectors.kafka.settings import KafkaAccess
from infra.kafka.broker import Broker
from tests.unit.engine.authority import Identity, authority, identity

ADMIN = "kafka-admin"
NODE, OPERATOR, READER = "watchbill-node", "watchbill-operator", "watchbill-reader"
"""The names that `watchbill acls` uses where none are given."""
ROLES = (NODE, OPERATOR, READER)
SCRAM = {"SCRAM-SHA-256": ScramMechanism.SCRAM_SHA_256, "SCRAM-SHA-512": ScramMechanism.SCRAM_SHA_512}
ANSWER_S = 60.0
ONE_SERVICE = """\
monitors:
  tcp: {{type: TCP, interval: 200 msec, response_timeout: 100 msec}}
services:
  web: {{address: 127.0.0.1, port: {port}, monitors: {{tcp: {{}}}}}}
"""


@dataclass(frozen=True)
class Guarded:
    """Where the broker is, and the file of its authority."""

    bootstrap: str
    authority_path: Path

    def usual(self, user: str) -> dict[str, str]:
        """How this user is let in, but for the authority."""
        raise AssertionError(f"{type(self).__name__} lets nobody in")

    def environment(self, user: str, **other: str) -> dict[str, str]:
        """What an operator sets for a program of this user; `other` variables win, and an empty one is not set."""
        usual = {**self.usual(user), "WATCHBILL_KAFKA_SSL_CA_LOCATION": str(self.authority_path)}
        return {name: value for name, value in {**usual, **other}.items() if value}

    def access(self, user: str) -> KafkaAccess:
        """The same for a program that is given its access."""
        return KafkaAccess(self.bootstrap, f"test-{user}", security_from(self.environment(user)))

    def answering(self, host: str, port: int) -> bool:
        """Whether a broker there lets the administrator in."""
        access = replace(self, bootstrap=f"{host}:{port}").access(ADMIN)
        try:
            return bool(AdminClient({**access.admin(), "log_level": 0}).list_topics(timeout=2).brokers)
        except KafkaException:
            return False


@dataclass(frozen=True)
class Secured(Guarded):
    """A password is the login; `passwords` is the folder with each user's in a file of its own."""

    passwords: Path

    def usual(self, user: str) -> dict[str, str]:
        """As `Guarded.usual`."""
        return {
            "WATCHBILL_KAFKA_SECURITY_PROTOCOL": "SASL_SSL",
            "WATCHBILL_KAFKA_SASL_MECHANISM": "SCRAM-SHA-512",
            "WATCHBILL_KAFKA_SASL_USERNAME": user,
            "WATCHBILL_KAFKA_SASL_PASSWORD_FILE": str(self.passwords / user),
        }

    def password(self, user: str) -> str:
        """In plain, to look for where it must not be."""
        return (self.passwords / user).read_text(encoding="utf-8").strip()


@contextmanager
def secured(folder: Path) -> Iterator[Secured]:
    """The broker, with a user for each role and no rights granted yet."""
    passwords = folder / "passwords"
    passwords.mkdir(mode=0o700)
    for user in (ADMIN, *ROLES):
        (passwords / user).write_text(f"{user}-kept-secret\n", encoding="utf-8")
    root = authority("a test's authority")
    authority_path = folder / "authority.pem"
    authority_path.write_text(root.pem, encoding="utf-8")
    unknown = Secured("", authority_path, passwords)

    with Broker.start(
        folder / "kafka",
        settings=_settings(_key_store(identity("kafka", root), folder / "kafka.pem"), unknown),
        format_options=("--add-scram", f"SCRAM-SHA-512=[name={ADMIN},password={unknown.password(ADMIN)}]"),
        answering=unknown.answering,
    ) as broker:
        made = replace(unknown, bootstrap=broker.bootstrap)
        _add_users(made)
        yield made


def _settings(key_store: Path, made: Secured) -> Mapping[str, str]:
    login = "org.apache.kafka.common.security.scram.ScramLoginModule required"
    plain = " ".join(f'user_{user}="{made.password(user)}"' for user in ROLES)
    return {
        "listener.security.protocol.map": "CLIENT:SASL_SSL,CONTROLLER:PLAINTEXT",
        "sasl.enabled.mechanisms": "SCRAM-SHA-512,SCRAM-SHA-256,PLAIN",
        "listener.name.client.scram-sha-256.sasl.jaas.config": f"{login};",
        "listener.name.client.plain.sasl.jaas.config": (
            f"org.apache.kafka.common.security.plain.PlainLoginModule required {plain};"
        ),
        "sasl.mechanism.inter.broker.protocol": "SCRAM-SHA-512",
        "listener.name.client.scram-sha-512.sasl.jaas.config": (
            f'{login} username="{ADMIN}" password="{made.password(ADMIN)}";'
        ),
        **_tls_settings(key_store, made.authority_path),
        # The controller's listener is on the loopback and has no login: its requests are the broker's own.
        "super.users": f"User:{ADMIN};User:ANONYMOUS",
    }


def _tls_settings(key_store: Path, authority_path: Path) -> Mapping[str, str]:
    return {
        "listener.name.client.ssl.keystore.type": "PEM",
        "listener.name.client.ssl.keystore.location": str(key_store),
        "listener.name.client.ssl.truststore.type": "PEM",
        "listener.name.client.ssl.truststore.location": str(authority_path),
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
    }


def _key_store(server: Identity, path: Path) -> Path:
    key = server.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    path.write_text(key + server.pem, encoding="utf-8")
    return path


def _add_users(made: Secured) -> None:
    admin = AdminClient({**made.access(ADMIN).admin(), "log_level": 0})
    for mechanism in SCRAM.values():
        kind = ScramCredentialInfo(mechanism, 4096)
        wanted = [UserScramCredentialUpsertion(user, kind, made.password(user).encode()) for user in ROLES]
        for future in admin.alter_user_scram_credentials(wanted).values():
            future.result(ANSWER_S)


@dataclass(frozen=True)
class Certified(Guarded):
    """A certificate is the login; `folder` has each user's, and its key."""

    folder: Path

    def usual(self, user: str) -> dict[str, str]:
        """As `Guarded.usual`."""
        return {
            "WATCHBILL_KAFKA_SECURITY_PROTOCOL": "SSL",
            "WATCHBILL_KAFKA_SSL_CERTIFICATE_LOCATION": str(self.folder / f"{user}.crt"),
            "WATCHBILL_KAFKA_SSL_KEY_LOCATION": str(self.folder / f"{user}.key"),
        }

    def issue(self, user: str, by: Identity) -> None:
        """A certificate for a user, and its key."""
        made = identity(user, by)
        (self.folder / f"{user}.crt").write_text(made.pem, encoding="utf-8")
        key = made.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        (self.folder / f"{user}.key").write_bytes(key)


def principal(user: str) -> str:
    """What Kafka calls the bearer of a user's certificate."""
    return f"User:CN={user}"


@contextmanager
def certified(folder: Path) -> Iterator[Certified]:
    """The broker, with a certificate for each role and no rights granted yet."""
    root = authority("a test's authority")
    authority_path = folder / "authority.pem"
    authority_path.write_text(root.pem, encoding="utf-8")
    unknown = Certified("", authority_path, folder)
    for user in (ADMIN, *ROLES):
        unknown.issue(user, root)

    # The broker is a client of its own listener, too, with its own certificate.
    settings = {
        "listener.security.protocol.map": "CLIENT:SSL,CONTROLLER:PLAINTEXT",
        "listener.name.client.ssl.client.auth": "required",
        **_tls_settings(_key_store(identity("kafka", root), folder / "kafka.pem"), authority_path),
        "super.users": f"{principal(ADMIN)};{principal('kafka')};User:ANONYMOUS",
    }
    with Broker.start(folder / "kafka", settings=settings, answering=unknown.answering) as broker:
        yield replace(unknown, bootstrap=broker.bootstrap)
