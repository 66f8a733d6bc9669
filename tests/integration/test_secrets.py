"""A canary: secrets that real probes use, sent back by their targets, are found nowhere but at the targets.

Rule: looked for are the secrets themselves, their base64 and their first half, in every topic's bytes, the node's log
at its most talkative, the web views, the command line's output and the command lines of the node's processes.
"""

from __future__ import annotations

import base64
import re
import socket
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import psutil
import pytest

from connectors.config.producer import SecretWritten
from infra.cluster.nodes import start_node
from infra.kafka.broker import Broker
from schemas.config import Kind, Operation, Verb
from schemas.states import State
from schemas.topics import CONFIG_COMMANDS, TOPICS
from tests.integration.cluster import Cluster, add_monitor, add_service, bind, prepared
from tests.integration.test_web import unused_port
from tests.unit.engine.servers import Handler, serving

TOKEN = "Bearer canary-7f3a9c0d5e2b4816"
PASSWORD = "canary-e19b6d38c7405fa2"
WRITTEN = "canary-written-55aa77cc99ee11"
"""What somebody tries to configure in the clear."""
NODE = "b0"


def seen_by(connection: socket.socket, seen: list[bytes]) -> bytes:
    """A request, noted."""
    seen.append(connection.recv(65536))
    return seen[-1]


def strict(seen: list[bytes]) -> Handler:
    """Answers 200 to who knows the token, and to nobody else."""

    def handle(connection: socket.socket, _: threading.Event) -> None:
        known = f"\r\nAuthorization: {TOKEN}\r\n".encode() in seen_by(connection, seen)
        connection.sendall(b"HTTP/1.1 %d x\r\nContent-Length: 0\r\n\r\n" % (200 if known else 401))

    return handle


def parrot(seen: list[bytes], before: bytes, after: bytes = b"\r\n\r\n") -> Handler:
    """Sends the request's last line with a secret back, as it came."""

    def handle(connection: socket.socket, _: threading.Event) -> None:
        lines = re.findall(rb"[^\r\n]*canary[^\r\n]*", seen_by(connection, seen))
        connection.sendall(before + b" ".join(lines) + after)

    return handle


def ftp(seen: list[bytes]) -> Handler:
    """Asks for a password, and says of it that it is wrong."""

    def handle(connection: socket.socket, _: threading.Event) -> None:
        connection.sendall(b"220 ready\r\n")
        while request := seen_by(connection, seen):
            known = request.upper().startswith(b"PASS")
            connection.sendall(b"530 not " + request[5:] if known else b"331 who are you\r\n")

    return handle


def ldap(seen: list[bytes]) -> Handler:
    """Refuses a bind (invalidCredentials) with the password in its diagnostic message (RFC 4511, 4.2.2)."""

    def handle(connection: socket.socket, _: threading.Event) -> None:
        request = seen_by(connection, seen)
        said = b"no such password " + b" ".join(re.findall(rb"canary[-0-9a-f]*", request))
        result = b"\x0a\x01\x31\x04\x00\x04" + bytes([len(said)]) + said
        answer = request[2:5] + b"\x61" + bytes([len(result)]) + result
        connection.sendall(b"\x30" + bytes([len(answer)]) + answer)

    return handle


@pytest.fixture
def seen() -> dict[str, list[bytes]]:
    return {name: [] for name in SERVICES}


@pytest.fixture
def secretive(
    broker: Broker,
    cluster_name: str,
    seen: dict[str, list[bytes]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Cluster]:
    """A node with two secrets, and services whose targets learn them."""
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "token").write_text(f"{TOKEN}\n")
    monkeypatch.setenv("WATCHBILL_SECRETS", str(folder))
    monkeypatch.setenv("WATCHBILL_SECRET_REDIS", PASSWORD)
    header = {"secret_headers": ("Authorization: file:token",)}
    handlers = {
        "strict": strict(seen["strict"]),
        "status": parrot(seen["status"], b"HTTP/1.1 500 "),
        "body": parrot(seen["body"], b"HTTP/1.1 200 OK\r\n\r\n", b""),
        "redis": parrot(seen["redis"], b"-ERR unknown password ", b"\r\n"),
        "ftp": ftp(seen["ftp"]),
        "ldap": ldap(seen["ldap"]),
    }
    with ExitStack() as stack:
        cluster = stack.enter_context(prepared(broker.bootstrap, cluster_name, tmp_path / "logs"))
        web_port = unused_port()
        cluster.nodes.running[NODE] = start_node(  # type: ignore[index]
            NODE, broker.bootstrap, cluster_name, tmp_path / "logs", web_port=web_port, log_level="debug"
        )
        cluster.wait_serving()
        cluster.apply(
            add_monitor("strict", "HTTP", **header),
            add_monitor("status", "HTTP", **header),
            add_monitor("body", "HTTP-ECV", recv="all is well", **header),
            add_monitor("redis", "REDIS", password_ref="env:WATCHBILL_SECRET_REDIS"),
            add_monitor("ftp", "FTP", user_name="guest", password_ref="env:WATCHBILL_SECRET_REDIS"),
            add_monitor("ldap", "LDAP", bind_dn="cn=probe", password_ref="env:WATCHBILL_SECRET_REDIS"),
        )
        for name, handler in handlers.items():
            port = stack.enter_context(serving(handler))
            cluster.apply(add_service(name, port), bind(name, name))
        yield cluster


def test_a_secret_is_found_nowhere_but_at_its_target(secretive: Cluster, seen: dict[str, list[bytes]]) -> None:
    secretive.wait_state("strict", State.UP)
    secretive.wait_states(SERVICES[1:], State.DOWN)
    with pytest.raises(SecretWritten):
        secretive.send(Operation(Verb.SET, Kind.MONITOR, "redis", {"password_ref": WRITTEN}))
    with pytest.raises(SecretWritten):
        secretive.send(Operation(Verb.SET, Kind.MONITOR, "body", {"custom_headers": f"Authorization: {WRITTEN}"}))
    for name in SERVICES:
        secret = TOKEN if name in ("strict", "status", "body") else PASSWORD
        assert any(secret.encode() in request for request in seen[name]), f"{name} was never told its secret"
    places = dict(everything(secretive))
    assert any(b"file:token" in content for place, content in places.items() if CONFIG_COMMANDS.name in place)
    assert b"[secret]" in places["/api/services/redis"], "no detail quotes the target: the canary proves nothing"
    for name in ("status", "ftp", "ldap"):
        assert b"[secret]" in places[f"/api/services/{name}"], name
    leaks = [place for place, content in places.items() if needles().search(content)]
    assert not leaks, leaks


def needles() -> re.Pattern[bytes]:
    """A secret, its second half, or its base64 at any of the three offsets."""
    found = []
    for secret in (TOKEN.removeprefix("Bearer "), PASSWORD, WRITTEN):
        found += [secret.encode(), secret[len(secret) // 2 :].encode()]
        found += [base64.b64encode(b"x" * skip + secret.encode())[4:-4] for skip in range(3)]
    return re.compile(b"|".join(map(re.escape, found)))


def everything(cluster: Cluster) -> Iterator[tuple[str, bytes]]:
    """Every place where a secret might be, and what is there."""
    for topic in TOPICS:
        for record in cluster.records(topic):
            content = repr((record.key(), record.headers())).encode() + (record.value() or b"")
            yield f"{topic.name}/{record.partition()}/{record.offset()}", content
    node = cluster.node(NODE)
    yield "log", node.log_path.read_bytes()
    for page in ("/api/services", "/api/nodes", "/api/views", "/metrics", *map("/api/services/{}".format, SERVICES)):
        with urllib.request.urlopen(f"http://127.0.0.1:{node.web_port}{page}", timeout=10) as response:
            yield page, response.read()
    for kind in ("service", "monitor", "node"):
        yield f"show {kind}", shown(cluster, kind)
    root = psutil.Process(node.pid)
    for process in (root, *root.children(recursive=True)):
        yield f"command line of {process.pid}", " ".join(process.cmdline()).encode()


SERVICES = ("strict", "status", "body", "redis", "ftp", "ldap")


def shown(cluster: Cluster, *words: str) -> bytes:
    """What a verb prints."""
    command = [sys.executable, "-m", "streams.cli.main", "show", *words, "-o", "json"]
    command += ["--bootstrap", cluster.bootstrap, "--cluster", cluster.name]
    done = subprocess.run(command, capture_output=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr
