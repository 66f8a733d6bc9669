r"""`option tcp-check` and its rules as TCP, TCP-ECV and REDIS monitors: one for each connection that a check makes.

Rule: ours says all at once and then looks at each line that comes, where HAProxy waits between; most servers do not
mind, and it is told. A monitor holds one text and one pattern; what expects more is several, all of which must be UP.
The dialogue that everybody has for Redis is known by its texts and becomes a REDIS monitor, which waits as it should.
What is sent after the last expectation decides nothing (a QUIT) and is left out. A text that logs in is a secret, and
never printed.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from connectors.config.imports.draft import Given
from connectors.config.imports.haproxy_http import Request, expectation, take_connect
from connectors.config.imports.haproxy_lines import Line, written_bytes
from connectors.config.imports.notices import Notices
from connectors.config.imports.patterns import quoted, tell_pattern
from connectors.config.imports.telling import logs_in

REDIS_SAYS = re.compile(r"\^?\\?\+?(PONG|OK)|role:(master|slave)", re.IGNORECASE)
REDIS_ROLE = re.compile(r"role:(master|slave)", re.IGNORECASE)
NEVER_READ = frozenset({"comment", "set-var", "set-var-fmt", "unset-var"})


@dataclass(frozen=True, slots=True)
class Said:
    """One step of a dialogue: what is sent, or expected (`kind` string or rstring, perhaps negated)."""

    line: int
    kind: str
    text: str
    negated: bool = False


@dataclass(slots=True)
class Dialogue:
    """One connection: where it goes, and what is said in order."""

    to: Request
    steps: list[Said] = field(default_factory=list)

    @property
    def line(self) -> int:
        """Where it begins."""
        return self.to.line


def dialogues_of(option: Line, rules: Iterable[Line], notices: Notices) -> list[Dialogue]:
    """The connections of a check, in order."""
    found = [Dialogue(Request(option.number))]
    for rule in rules:
        verb = rule.words[1] if len(rule.words) > 1 else ""
        if verb == "connect":
            if found[-1].steps or found[-1].to.port or found[-1].to.over_tls:
                found.append(Dialogue(Request(rule.number)))
            take_connect(found[-1].to, rule, notices)
        elif verb in ("send", "send-binary", "expect"):
            step = _step(verb, rule)
            if step is None:
                notices.changed(rule.number, f"tcp-check {verb}", "is not understood: it is neither said nor looked at")
            else:
                found[-1].steps.append(step)
        else:
            tell = notices.note if verb in NEVER_READ else notices.changed
            tell(rule.number, f"tcp-check {verb}", "has no part in the verdict here")
    if len(found) > 1:
        notices.note(found[1].line, "a check of several connections", f"is {len(found)} monitors here, all must be UP")
    return found


def _step(verb: str, rule: Line) -> Said | None:
    words = rule.words[2:]
    if verb == "send" and words:
        return Said(rule.number, "send", words[0])
    if verb == "send-binary" and words:
        return _binary(rule.number, "send", words[0])
    matched = expectation(words) if verb == "expect" else None
    if matched is None:
        return None
    kind, negated, value = matched
    if kind == "binary":
        return _binary(rule.number, "string", value, negated)
    return Said(rule.number, kind, value, negated) if kind in ("string", "rstring") else None


def _binary(line: int, kind: str, digits: str, negated: bool = False) -> Said | None:
    try:
        return Said(line, kind, bytes.fromhex(digits).decode("ascii", "surrogateescape"), negated)
    except ValueError:
        return None


def dialogue_settings(dialogue: Dialogue, name: str, notices: Notices) -> list[dict[str, Given]]:
    """A dialogue as settings of monitors, without TLS and times; `name` is for references to secrets."""
    redis = _redis(dialogue.steps, name, notices)
    port: dict[str, Given] = {"destination_port": dialogue.to.port} if dialogue.to.port else {}
    return [one | port for one in ([redis] if redis else _content(dialogue.steps, notices))]


def _redis(steps: Sequence[Said], name: str, notices: Notices) -> dict[str, Given] | None:
    """The settings of a REDIS monitor if this is how one talks to Redis."""
    sent = [step.text.strip().upper() for step in steps if step.kind == "send"]
    if "PING" not in sent or not any("PONG" in step.text for step in steps if step.kind != "send"):
        return None
    rest = [text for text in sent if text not in ("PING", "QUIT", "INFO REPLICATION") and not text.startswith("AUTH ")]
    said_back = [step.text.strip() for step in steps if step.kind != "send"]
    if rest or any(step.negated for step in steps) or not all(REDIS_SAYS.fullmatch(text) for text in said_back):
        return None
    said: dict[str, Given] = {"type": "REDIS"}
    role = next((found for step in steps if (found := REDIS_ROLE.search(step.text))), None)
    if role:
        said["redis_role"] = "MASTER" if role[1].lower() == "master" else "REPLICA"
    login = next((step for step in steps if step.kind == "send" and logs_in(step.text)), None)
    if login:
        said["password_ref"] = f"file:{name}"
        if len(login.text.split()) > 2:
            said["user_name"] = login.text.split()[1]
        mend = "holds a secret, which is never configuration: put it into the file that password_ref names"
        notices.changed(login.line, "tcp-check send AUTH", mend)
    for step in steps:
        notices.note(step.line, "a dialogue with Redis", "is a REDIS monitor here")
    return said


def _content(steps: Sequence[Said], notices: Notices) -> list[dict[str, Given]]:
    """The settings of TCP-ECV monitors; of a TCP monitor where nothing is expected."""
    last = max((place for place, step in enumerate(steps) if step.kind != "send"), default=-1)
    for step in steps[last + 1 :]:
        what = "what is sent after the last expectation" if last >= 0 else "what is sent, with nothing expected"
        notices.note(step.line, what, "decides nothing and is not sent")
    steps = steps[: last + 1]
    if not steps:
        return [{"type": "TCP"}]
    said: dict[str, Given] = {"type": "TCP-ECV"}
    sent = [step for step in steps if step.kind == "send"]
    for step in (step for step in sent if logs_in(step.text)):
        mend = "may hold a secret, which is never configuration: it is not sent; bind a monitor of a type that logs in"
        notices.lost(step.line, "a tcp-check that logs in", mend)
    text = "".join(written_bytes(step.text) for step in sent if not logs_in(step.text))
    if text:
        said["send"] = text
    if len(sent) > 1:
        notices.changed(
            sent[1].line, "a dialogue of several steps", "is said at once here; the answers may come in any order"
        )
    return _expect(steps, said, notices)


def _expect(steps: Sequence[Said], base: dict[str, Given], notices: Notices) -> list[dict[str, Given]]:
    """A monitor for as many expectations as one can hold: a text and a pattern of each sort."""
    found = [dict(base)]
    for step in (step for step in steps if step.kind != "send"):
        if step.kind == "rstring":
            tell_pattern(step.text, step.line, notices)
            if "\\n" in step.text or "(?s" in step.text:
                notices.changed(step.line, f"pattern {step.text[:60]}", "is matched line by line here")
        if step.negated:
            mend = "waits there until the server closes or says it; ours judges by the first line without it"
            notices.changed(step.line, f"tcp-check expect ! {step.text[:60]}", mend)
        options = list(_ways(step))
        holder = next((one for one in found if any(name not in one for name, _ in options)), None)
        if holder is None:
            holder = dict(base)
            found.append(holder)
        name, value = next((name, value) for name, value in options if name not in holder)
        holder[name] = value
    if len(found) > 1:
        notices.note(steps[0].line, "a check of many expectations", f"is {len(found)} monitors here, all must be UP")
    return found


def _ways(step: Said) -> Iterator[tuple[str, str]]:
    """The parameters that may hold an expectation. A text on one line may stand as a pattern too."""
    parameter = "not_recv" if step.negated else "recv"
    if step.kind == "string":
        yield parameter, written_bytes(step.text)
    if step.kind == "rstring":
        yield f"{parameter}_pattern", step.text
    elif "\n" not in step.text.rstrip("\r\n") and step.text.isascii():
        yield f"{parameter}_pattern", quoted(step.text)
