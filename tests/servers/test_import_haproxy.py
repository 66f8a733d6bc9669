"""The importer reads HAProxy's configuration as HAProxy does: it takes the sample, and quoting is its own."""

from __future__ import annotations

import re
import socket
import subprocess
from pathlib import Path

from schemas.config import Kind
from schemas.parameters.escapes import escaped_bytes
from tests.servers.proxied import short_folder
from tests.servers.running import free_port, needed, running
from tests.unit.imports.imported import imported, sample

SAID = (
    r"plain\ words\ \#1\r\n",
    r'"in weak \"quotes\" # and \\ \x41 \d\r\n"',
    r"'in strong \ quotes \r \"'",
    r'mixed"a b"\ c\xff',
)
"""What a check sends, as HAProxy is told it."""
CHECKS = """
global
    maxconn 10
defaults
    mode tcp
    timeout connect 1s
    timeout client 1s
    timeout server 1s
listen unused
    bind 127.0.0.1:{port}
"""
BACKEND = """
backend b{number}
    option tcp-check
    tcp-check send {said}
    tcp-check expect string ok
    server s 127.0.0.1:{port} check inter 100ms
"""


def test_haproxy_itself_takes_the_sample(tmp_path: Path) -> None:
    text = re.sub(r"^ +(bind \*:443 .*|(user|group) haproxy)$", "", sample("haproxy"), flags=re.MULTILINE)
    text = text.replace("/etc/haproxy/internal-ca.pem", "@system-ca").replace("errorfile", "# errorfile")
    config, environment = tmp_path / "haproxy.cfg", {"APP_HOST": "127.0.0.1"}
    config.write_text(text)
    command = [needed("haproxy"), "-c", "-f", str(config)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False, env=environment)
    assert ran.returncode == 0, ran.stderr


def test_what_haproxy_sends_is_what_our_monitor_would_send() -> None:
    with short_folder() as folder, socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen(64)
        listening.settimeout(20.0)
        target, port = listening.getsockname()[1], free_port()
        text = CHECKS.format(port=port) + "".join(
            BACKEND.format(number=number, said=said, port=target) for number, said in enumerate(SAID)
        )
        (folder / "haproxy.cfg").write_text(text)
        found = imported("haproxy", text)
        ours = {
            escaped_bytes(str(wanted.settings["send"]))
            for (kind, _), wanted in found.wanted.items()
            if kind is Kind.MONITOR
        }
        assert len(ours) == len(SAID)
        seen: set[bytes] = set()
        with running([needed("haproxy"), "-db", "-f", str(folder / "haproxy.cfg")], port, folder):
            for _ in range(200):
                if seen >= ours:
                    break
                connection, _ = listening.accept()
                with connection:
                    connection.settimeout(5.0)
                    seen.add(connection.recv(1024))
        assert seen >= ours, seen
