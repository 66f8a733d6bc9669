"""Ports that speak TLS, that speak something else, and that nobody listens on."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from connectors.kafka.settings import KafkaAccess
from connectors.kafka.tls_port import refusal, speaks_tls
from tests.unit.engine.authority import authority, identity


@contextmanager
def port(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """Where one connection is accepted and served so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with suppress(OSError):
                connection, _ = listener.accept()
                with connection:
                    serve(connection)

        thread = threading.Thread(target=accept)
        thread.start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.close()
        thread.join()


def test_a_port_with_tls_is_known_by_a_handshake(tmp_path: Path) -> None:
    context = identity("kafka", authority("ours")).server_context(tmp_path)

    def handshake(connection: socket.socket) -> None:
        with suppress(ssl.SSLError), context.wrap_socket(connection, server_side=True):
            return

    with port(handshake) as address:
        assert refusal(KafkaAccess(address, "test")) == ("_TRANSPORT", "its port speaks TLS, and this client does not")


def test_who_speaks_tls_is_not_asked() -> None:
    access = KafkaAccess("127.0.0.1:1", "test", {"security.protocol": "SASL_SSL"})
    assert refusal(access) is None


def test_a_port_that_hangs_up_or_answers_nonsense_does_not_speak_tls() -> None:
    with port(lambda connection: None) as address:
        assert not speaks_tls(address)
    with port(lambda connection: connection.sendall(b"HTTP/1.0 400 Bad Request\r\n\r\n")) as address:
        assert not speaks_tls(address)
    assert not speaks_tls("127.0.0.1:1")
    assert not speaks_tls("no address")
