"""What a section says of checks (`option …-check`, rules, time-outs) as the probes of its servers.

Rule: of the options that choose a kind of check the last one counts, as in HAProxy, and `no option` takes it back; the
defaults' rules hold only where the section has none of its own. A kind is one row of `KINDS`; TLS is laid over what it
answers, because HAProxy decides about it for each server.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from connectors.config.imports.draft import Given
from connectors.config.imports.haproxy_http import requests_of
from connectors.config.imports.haproxy_lines import Line, Section
from connectors.config.imports.haproxy_tcp import dialogue_settings, dialogues_of
from connectors.config.imports.notices import Notices

RULES = {"http-check": "httpchk", "tcp-check": "tcp-check"}
"""Keyword of a rule -> the option whose rules these are."""


@dataclass(frozen=True, slots=True)
class Probe:
    """One monitor's settings without times and TLS. `over_tls` None: as the server says."""

    line: int
    settings: dict[str, Given]
    over_tls: bool | None = None
    server_name: str = ""


@dataclass(slots=True)
class Checks:
    """What a section says of checks."""

    option: Line | None = None
    rules: list[Line] = field(default_factory=list)
    own_rules: list[Line] = field(default_factory=list)
    connect: str = ""
    check: str = ""

    def probes(self, name: str, notices: Notices) -> list[Probe]:
        """The probes of every server that is checked; `name` is for references to secrets."""
        kind = self.option.words[1] if self.option else "tcp"
        wanted = [rule for rule in self.own_rules or self.rules if RULES[rule.first] == kind]
        for rule in self.own_rules:
            if RULES[rule.first] != kind:
                what, mend = " ".join(rule.words[:2]), f"is not used, there as here: the check is option {kind}"
                notices.note(rule.number, what, mend)
        if self.option is None:
            return [Probe(0, {"type": "TCP"})]
        if kind == "httpchk":
            requests, trofs = requests_of(self.option, wanted, notices)
            return [Probe(one.line, one.settings(name, trofs), one.over_tls, one.server_name) for one in requests]
        if kind == "tcp-check":
            return [
                Probe(one.line, settings, one.to.over_tls, one.to.server_name)
                for one in dialogues_of(self.option, wanted, notices)
                for settings in dialogue_settings(one, name, notices)
            ]
        return [Probe(self.option.number, KINDS[kind](self.option, notices))]


def checks_of(section: Section) -> Checks:
    """The lines about checks of a section, its defaults' first."""
    checks = Checks()
    for place, line in enumerate(section.lines):
        words = line.words
        second = words[1] if len(words) > 1 else ""
        if line.first == "option" and second in ASKING:
            checks.option = line
        elif line.first in ("no", "default") and words[1:2] == ("option",) and words[2:3] and words[2] in ASKING:
            checks.option = None
        elif line.first in RULES:
            (checks.rules if place < section.inherited else checks.own_rules).append(line)
        elif line.first == "timeout" and len(words) > 2 and second in ("connect", "check"):
            checks.connect, checks.check = (
                (words[2], checks.check) if second == "connect" else (checks.connect, words[2])
            )
    return checks


def _after(line: Line, word: str) -> str:
    at = line.words.index(word) if word in line.words else len(line.words)
    return line.words[at + 1] if at + 1 < len(line.words) else ""


def _mysql(line: Line, _: Notices) -> dict[str, Given]:
    user = _after(line, "user")
    return {"type": "MYSQL", "user_name": user} if user else {"type": "MYSQL"}


def _plain(kind: str) -> Callable[[Line, Notices], dict[str, Given]]:
    return lambda *_: {"type": kind}


def _smtp(line: Line, notices: Notices) -> dict[str, Given]:
    hello, domain = (*line.words[2:], "", "")[:2]
    if hello.upper() == "HELO":
        notices.changed(line.number, "HELO", "is EHLO here")
    return {"type": "SMTP", "ehlo_domain": domain} if domain else {"type": "SMTP"}


def _hello(line: Line, notices: Notices) -> dict[str, Given]:
    notices.changed(line.number, "an SSLv3 hello", "is a whole TLS handshake here, certificate not verified")
    return {"type": "TLS"}


def _script(line: Line, notices: Notices) -> dict[str, Given]:
    mend = "is a USER monitor: put the command into each node's scripts folder; it is told the target by WATCHBILL_*"
    notices.changed(line.number, "option external-check", mend)
    return {"type": "USER", "script_name": "external-check"}


def _spop(line: Line, notices: Notices) -> dict[str, Given]:
    notices.changed(line.number, "option spop-check", "is a TCP connection here: no type of monitor speaks SPOP")
    return {"type": "TCP"}


KINDS: dict[str, Callable[[Line, Notices], dict[str, Given]]] = {
    "mysql-check": _mysql,
    "pgsql-check": _plain("PGSQL"),
    "redis-check": _plain("REDIS"),
    "ldap-check": _plain("LDAP"),
    "smtpchk": _smtp,
    "ssl-hello-chk": _hello,
    "external-check": _script,
    "spop-check": _spop,
}
"""Option -> the settings of its probe."""
ASKING = frozenset({*KINDS, *RULES.values()})
"""Every option that chooses what a check asks."""
