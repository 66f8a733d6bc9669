"""`python -m infra.deploy.health [HOST:PORT]`: is the node beside me well? For the probes of containers.

Rule: exit code 0 only if the node's `/healthz` says so; else 1 and its reasons in one line, so that an event of the
orchestrator tells why. Only the standard library is loaded: a probe every few seconds must cost next to nothing, and
`watchbill` takes half a second of a processor to start. Why not the orchestrator's own request: an open web address
wants a token, which belongs into no manifest.
"""

from __future__ import annotations

import http.client
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

DEFAULT = "127.0.0.1:8080"
PAGE = "/healthz"
ANSWER_S = 3.0
BODY_BYTES = 1 << 20


def why_not(address: str, token: str | None) -> str | None:
    """None if the node there serves with current knowledge; else why not, in one line."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    connection = http.client.HTTPConnection(address, timeout=ANSWER_S)
    try:
        connection.request("GET", PAGE, headers=headers)
        answer = connection.getresponse()
        body = json.loads(answer.read(BODY_BYTES))
    except (OSError, http.client.HTTPException, ValueError) as error:
        return f"no answer from {address}: {error or type(error).__name__}"
    finally:
        connection.close()
    if answer.status == http.client.OK:
        return None
    reasons = body.get("reasons") or [body.get("error", f"status {answer.status}")]
    return "; ".join(str(reason) for reason in reasons)


def token_of(environment: Mapping[str, str]) -> str | None:
    """The node's own token, from where the node has it."""
    path = environment.get("WATCHBILL_WEB_TOKEN_FILE")
    return environment.get("WATCHBILL_WEB_TOKEN") if path is None else Path(path).read_text("utf-8").rstrip("\r\n")


def main() -> int:
    try:
        token = token_of(os.environ)
    except (OSError, ValueError) as error:
        print(f"WATCHBILL_WEB_TOKEN_FILE: {error}")
        return 1
    fault = why_not(sys.argv[1] if len(sys.argv) > 1 else DEFAULT, token)
    if fault is not None:
        print(fault)
    return 0 if fault is None else 1


if __name__ == "__main__":
    sys.exit(main())
