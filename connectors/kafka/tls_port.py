"""Whether a port that gives a plaintext client no answer speaks TLS: the most common reason, and a silent one.

Rule: asked only where a client without TLS got no answer from a port that somebody listens on. Such a broker hangs up
without a word that a Kafka client would understand, and the client takes it for one that is down. Nothing is sent over
the connection that is opened here, so that whom it reaches is of no matter.
"""

from __future__ import annotations

import socket
import ssl

from connectors.kafka.security import PLAINTEXT, PROTOCOL
from connectors.kafka.settings import KafkaAccess

LOOK_S = 1.0


def refusal(access: KafkaAccess) -> tuple[str, str] | None:
    """Why the brokers do not understand this client, as `ClientLog.refusal` has it; None if that is not the reason."""
    if "SSL" in access.security.get(PROTOCOL, PLAINTEXT).upper():
        return None
    if not any(speaks_tls(address) for address in access.bootstrap.split(",")):
        return None
    return "_TRANSPORT", "its port speaks TLS, and this client does not"


def speaks_tls(address: str) -> bool:
    """Whether a TLS handshake comes to its end there."""
    host, _, port = address.strip().rpartition(":")
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # who it is does not matter: nothing is told to it
    try:
        with socket.create_connection((host.strip("[]"), int(port)), LOOK_S) as raw, context.wrap_socket(raw):
            return True
    except (OSError, ValueError, OverflowError):
        return False
