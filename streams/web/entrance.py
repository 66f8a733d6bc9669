"""How a person shows the token: a page with one field, and a pass that the browser shows from then on.

Rule: the page says nothing of the cluster, and stands alone, since every file wants the token too: its style is in it,
named in its policy by digest, and it runs no script. The token is sent once, in a body: no address, history or log
has it. What the browser keeps until it is closed is the pass (`guard.pass_of`), which no script can read. Why not the
dialog of HTTP's basic authentication: it asks for a user name that nobody has, before a blank page, and a browser
opens it again over the dashboard each time that the event stream comes back.
"""

from __future__ import annotations

import re
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from hmac import compare_digest
from string import Template
from urllib.parse import parse_qsl

from streams.web.guard import ENTER, Door, pass_of

FIELD = "token"

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 34rem; margin: 12vh auto 0; padding: 0 1rem; color: CanvasText; background: Canvas; }
h1 { font-size: 1.4rem; }
form { display: flex; flex-wrap: wrap; gap: .5rem; align-items: end; margin: 1.5rem 0; }
label { flex: 1 1 16rem; }
input, button { font: inherit; padding: .5rem .7rem; box-sizing: border-box; }
input { display: block; width: 100%; }
[hidden] { display: none; }
[role=alert] { border-left: .25rem solid #c62828; padding-left: .75rem; }
"""
POLICY = (
    f"default-src 'none'; style-src 'sha256-{b64encode(sha256(STYLE.encode()).digest()).decode()}'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
WRONG = '<p role="alert">That is not the token of this node.</p>\n'
PAGE = Template(f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Watchbill: token</title>
<style>{STYLE}</style>
</head>
<body>
<main>
<h1>This node wants its token</h1>
<p>It shows its pages to whoever has it. It is what <code>WATCHBILL_WEB_TOKEN</code> was set to when this node was
started; whoever runs the node can tell you.</p>
$wrong<form method="post" action="$enter">
<input autocomplete="username" value="token" hidden>
<label>Token <input type="password" name="{FIELD}" required autofocus autocomplete="current-password"></label>
<button>Open</button>
</form>
<p>Your browser is let in until you close it. A program sends <code>Authorization: Bearer TOKEN</code> instead.</p>
</main>
</body>
</html>
""")


@dataclass(frozen=True, slots=True)
class Entry:
    """What came of a form: the cookie to set, or why there is none, as (HTTP status, text); neither where nothing is
    asked for.
    """

    cookie: str | None = None
    problem: tuple[int, str] | None = None


def token_page(raw_path: str, *, wrong: bool = False) -> bytes:
    """The page, as shown at a path. Its form goes to a relative address: a proxy before the node may add a prefix."""
    enter = "../" * (raw_path.count("/") - 1) + ENTER.removeprefix("/")
    return PAGE.substitute(wrong=WRONG if wrong else "", enter=enter).encode()


def shows_pages(accept: str) -> bool:
    """Whether an answer is to be shown to a person: a browser that opens an address asks for HTML, by name."""
    return re.search(r"(^|,)\s*text/html\b", accept, re.IGNORECASE) is not None


def enter(body: bytes, door: Door) -> Entry:
    """Let somebody in who gives the token, `token=…` as a form sends it."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True, errors="strict")
    except ValueError:
        pairs = []
    if [name for name, _ in pairs] != [FIELD] or not pairs[0][1]:
        return Entry(problem=(400, f"send the one field {FIELD}, as a form does"))
    token = door.token
    if token is None:
        return Entry()
    if not compare_digest(pairs[0][1].strip().encode(), token.encode()):
        return Entry(problem=(401, "that is not the token of this node"))
    return Entry(cookie="{}={}; HttpOnly; SameSite=Lax".format(*pass_of(token)))
