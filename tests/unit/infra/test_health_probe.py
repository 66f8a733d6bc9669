"""What a container's probe says of the node beside it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from infra.deploy.health import token_of, why_not

TOKEN = "a-token-of-the-test"


@contextmanager
def node(status: int, body: bytes) -> Iterator[str]:
    """Something that answers `/healthz` so, to whoever shows the token."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            right = (self.path, self.headers.get("Authorization")) == ("/healthz", f"Bearer {TOKEN}")
            self.send_response(status if right else 401)
            self.end_headers()
            self.wfile.write(body if right else json.dumps({"error": "this node wants its token"}).encode())

        def log_message(self, format: str, *arguments: object) -> None:
            """Nothing on the test's output."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_node_that_serves_is_well() -> None:
    with node(200, b'{"ok": true, "reasons": []}') as address:
        assert why_not(address, TOKEN) is None


@pytest.mark.parametrize(
    ("status", "body", "token", "told"),
    [
        (
            503,
            b'{"ok": false, "reasons": ["joining: waiting for group", "no lease"]}',
            TOKEN,
            "joining: waiting for group; no lease",
        ),
        (200, b"{}", None, "this node wants its token"),
        (503, b"<html>", TOKEN, "no answer from"),
    ],
)
def test_a_node_that_is_not_well_says_why_in_one_line(status: int, body: bytes, token: str | None, told: str) -> None:
    with node(status, body) as address:
        said = why_not(address, token)
    assert said is not None
    assert told in said
    assert "\n" not in said


def test_nobody_there_is_not_well() -> None:
    assert "Connection refused" in (why_not("127.0.0.1:1", None) or "")


def test_the_token_is_taken_from_where_the_node_has_it(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    assert token_of({}) is None
    assert token_of({"WATCHBILL_WEB_TOKEN": TOKEN}) == TOKEN
    assert token_of({"WATCHBILL_WEB_TOKEN_FILE": str(file)}) == TOKEN
