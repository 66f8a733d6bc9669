"""`option httpchk` and its `http-check` rules as HTTP monitors: one for each request that a check makes.

Rule: HAProxy takes 2xx and 3xx unless something is expected, and with a text expected it takes any status: both are
written out, since ours takes 200. A check of several requests becomes a monitor each; all of a service's must be UP, so
the whole says what the one check said. A pattern over status codes is tried on every code there is, and so is exact.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from connectors.config.imports.draft import Given
from connectors.config.imports.haproxy_lines import Line, written_bytes
from connectors.config.imports.notices import Notices
from connectors.config.imports.patterns import quoted, tell_pattern
from connectors.config.imports.telling import is_secret_header

CODES = range(100, 600)
ASIDE = frozenset({"send-state", "comment", "set-var", "set-var-fmt", "unset-var"})
WITH_VALUE = frozenset(
    ["min-recv", "comment", "ok-status", "error-status", "tout-status", "on-success", "on-error", "status-code"]
)
SOMETHING = "(?s)."
"""HAProxy that looks for what must not be there wants a body to look at, however short."""
CONTENT = {
    ("string", False): "recv",
    ("rstring", False): "recv_pattern",
    ("string", True): "not_recv",
    ("rstring", True): "not_recv_pattern",
}
"""(what is matched, negated) -> our parameter."""


@dataclass(slots=True)
class Request:
    """One request of a check and what its answer is to be."""

    line: int
    method: str = "OPTIONS"
    path: str = "/"
    headers: list[str] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    codes: frozenset[int] | None = None
    content: dict[str, str] = field(default_factory=dict)
    port: str = ""
    over_tls: bool | None = None
    """What `http-check connect` says; None: nothing."""
    server_name: str = ""

    def is_judged(self) -> bool:
        """Whether something is expected of it already."""
        return self.codes is not None or bool(self.content)

    def settings(self, name: str, trofs: bool) -> dict[str, Given]:
        """As settings of a monitor, without TLS and times; `name` is for references to secrets."""
        request = f"{self.method} {self.path}"
        codes = frozenset(CODES) if self.codes is None and self.content else self.codes
        said: dict[str, Given] = {"type": "HTTP-ECV" if self.content else "HTTP"}
        said["send" if self.content else "http_request"] = request
        said["response_codes"] = ranges(frozenset(range(200, 400)) if codes is None else codes)
        if self.content and not self.content.keys() & {"recv", "recv_pattern"}:
            said["recv_pattern"] = SOMETHING
        if self.headers:
            said["custom_headers"] = tuple(self.headers)
        if self.secrets:
            said["secret_headers"] = tuple(f"{header}: file:{name}.{header.lower()}" for header in self.secrets)
        if trofs:
            said["trofs_code"] = "404"
        if self.port:
            said["destination_port"] = self.port
        return said | dict(self.content)


def requests_of(option: Line, rules: Iterable[Line], notices: Notices) -> tuple[list[Request], bool]:
    """The requests of a check, in order, and whether a 404 announces maintenance."""
    first = Request(option.number)
    _take_option(first, option, notices)
    found, trofs = [first], False
    for rule in rules:
        verb = rule.words[1] if len(rule.words) > 1 else ""
        if verb in ("connect", "send") and found[-1].is_judged():
            found.append(Request(rule.number))
        if verb == "connect":
            take_connect(found[-1], rule, notices)
        elif verb == "send":
            _take_send(found[-1], rule, notices)
        elif verb == "expect":
            _take_expect(found[-1], rule, notices)
        elif verb == "disable-on-404":
            trofs = True
        else:
            tell = notices.note if verb in ASIDE else notices.changed
            tell(rule.number, f"http-check {verb}", "has no part in the verdict here")
    if len(found) > 1:
        notices.note(found[1].line, "a check of several requests", f"is {len(found)} monitors here, all must be UP")
    return found, trofs


def _take_option(request: Request, option: Line, notices: Notices) -> None:
    """`option httpchk [[METHOD] URI [VERSION]]`; headers hide in the version."""
    words = option.words[2:]
    if len(words) == 1:
        request.path = words[0]
    elif words:
        request.method, request.path = words[0], words[1]
    version, *headers = " ".join(words[2:]).split("\r\n")
    _take_version(version, option.number, notices)
    for header in headers:
        name, colon, value = header.partition(":")
        if colon:
            _take_header(request, name.strip(), value.strip(), option.number, notices)


def _take_version(version: str, line: int, notices: Notices) -> None:
    if version.strip().upper().startswith("HTTP/2"):
        notices.changed(line, version.strip(), "probes speak HTTP/1.1")


def _take_header(request: Request, name: str, value: str, line: int, notices: Notices) -> None:
    if is_secret_header(name):
        request.secrets.append(name)
        mend = "holds a secret, which is never configuration: put its value into the file that secret_headers names"
        notices.changed(line, f"header {name}", mend)
    elif "%[" in value:
        notices.changed(line, f"header {name}", "is made by an expression of HAProxy: it is not sent")
    else:
        request.headers.append(f"{name}: {value}")


def take_connect(request: Request, rule: Line, notices: Notices) -> None:
    """`http-check connect` and `tcp-check connect`: where to, and whether with TLS."""
    words = iter(rule.words[2:])
    for word in words:
        if word == "port":
            request.port = next(words, "")
        elif word == "ssl":
            request.over_tls = True
        elif word == "sni":
            request.server_name = next(words, "")
        elif word in ("addr", "alpn", "proto", "via-socks4", "send-proxy"):
            value = next(words, "") if word not in ("via-socks4", "send-proxy") else ""
            notices.changed(rule.number, f"{rule.first} connect {word} {value}".strip(), "is not done by our probes")
        elif word == "comment":
            next(words, "")


def _take_send(request: Request, rule: Line, notices: Notices) -> None:
    words = iter(rule.words[2:])
    for word in words:
        value = next(words, "")
        if word == "meth":
            request.method = value
        elif word == "uri":
            request.path = value
        elif word == "ver":
            _take_version(value, rule.number, notices)
        elif word == "hdr":
            _take_header(request, value, next(words, ""), rule.number, notices)
        elif word != "comment":
            notices.changed(
                rule.number, f"http-check send {word}", "is not sent: see whether the server answers without"
            )


def _take_expect(request: Request, rule: Line, notices: Notices) -> None:
    matched = expectation(rule.words[2:])
    if matched is None:
        notices.changed(rule.number, rule.text[:80], "is not understood: it is not looked at")
        return
    kind, negated, value = matched
    if kind in ("status", "rstatus"):
        codes = _codes(kind, value)
        if codes is None:
            notices.changed(rule.number, rule.text[:80], "is no list of status codes: it is not looked at")
            return
        wanted = frozenset(CODES) - codes if negated else codes
        request.codes = wanted if request.codes is None else request.codes & wanted
    elif (kind, negated) == ("string", False) and "recv" in request.content and "recv_pattern" not in request.content:
        request.content["recv_pattern"] = quoted(value)
    elif (kind, negated) in CONTENT and CONTENT[(kind, negated)] not in request.content:
        if kind == "rstring":
            tell_pattern(value, rule.number, notices)
        request.content[CONTENT[(kind, negated)]] = written_bytes(value) if kind == "string" else value
    else:
        notices.changed(rule.number, f"http-check expect {kind}", "is not looked at here")


def expectation(words: Sequence[str]) -> tuple[str, bool, str] | None:
    """(what is matched, negated, the value) of an `expect`."""
    at, negated = 0, False
    while at < len(words) and words[at] in (*WITH_VALUE, "!"):
        negated = negated or words[at] == "!"
        at += 1 if words[at] == "!" else 2
    return (words[at], negated, " ".join(words[at + 1 :])) if len(words) > at + 1 else None


def _codes(kind: str, value: str) -> frozenset[int] | None:
    """The status codes of a list (`200-399,401`) or of a pattern, by trying each."""
    try:
        if kind == "rstatus":
            pattern = re.compile(value)
            return frozenset(code for code in CODES if pattern.search(str(code)))
        bounds = [part.partition("-") for part in value.replace(",", " ").split()]
        return frozenset(code for low, _, high in bounds for code in range(int(low), int(high or low) + 1)) & set(CODES)
    except (re.error, ValueError):
        return None


def ranges(codes: frozenset[int]) -> tuple[str, ...]:
    """Status codes as few ranges; none at all is 599, which no server answers with."""
    found = list(_runs(sorted(codes)))
    return tuple(str(low) if low == high else f"{low}-{high}" for low, high in found) or ("599",)


def _runs(codes: Sequence[int]) -> Iterator[tuple[int, int]]:
    starts = [code for code in codes if code - 1 not in codes]
    ends = [code for code in codes if code + 1 not in codes]
    return zip(starts, ends, strict=True)
