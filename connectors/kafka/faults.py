"""What can be wrong with a log, as a value: whoever asks learns what, and how to mend it.

Rule: a missing topic or a silent broker may mend itself, so the reader tries again; a topic that was made anew, or
records that are gone, can not, so it stops and keeps what it has. Raising in the reader's thread would tell nobody.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import Enum

from connectors.kafka.client_log import NO_CERTIFICATE
from connectors.kafka.security import CA, CERTIFICATE, KEY, MECHANISM, PASSWORD, PROTOCOL, USER, variable


class FaultKind(Enum):
    """Why a log is not being read."""

    NO_ANSWER = "NO_ANSWER"
    """No broker answered yet. Tried again."""
    TOPIC_MISSING = "TOPIC_MISSING"
    """Tried again: someone may create it."""
    BEHIND = "BEHIND"
    """Kafka answers and the log is being read, but its end was not reached in the time given."""
    NOT_YET = "NOT_YET"
    """The broker answers, but does not serve every partition yet: just created, or a leader just gone. Tried again."""
    REFUSED = "REFUSED"
    """The broker answers, but not with this: rights, or an error of its own. Tried again."""
    NOT_LET_IN = "NOT_LET_IN"
    """A broker turned this client away: its login, its certificate or its protocol. Tried again."""
    WRONG_PARTITIONS = "WRONG_PARTITIONS"
    """The topic has not the partitions asked for. Final."""
    TOPIC_RECREATED = "TOPIC_RECREATED"
    """The topic has another id than before. Final: offsets and view ids of the old one mean nothing in it."""
    RECORDS_GONE = "RECORDS_GONE"
    """The next record to read is no longer there. Final: going on would be a gap."""


FINAL = frozenset({FaultKind.WRONG_PARTITIONS, FaultKind.TOPIC_RECREATED, FaultKind.RECORDS_GONE})


@dataclass(frozen=True, slots=True)
class LogFault:
    """A kind, and a sentence for a person: what, where, and the next step."""

    kind: FaultKind
    message: str

    @property
    def final(self) -> bool:
        """Whether the reader has stopped for good."""
        return self.kind in FINAL


def no_answer(bootstrap: str) -> LogFault:
    return LogFault(
        FaultKind.NO_ANSWER,
        f"no Kafka broker answers at {bootstrap}: start one with `watchbill kafka start`, or check --bootstrap",
    )


def not_let_in(bootstrap: str, name: str, text: str) -> LogFault:
    """`name` and `text` of the client's error."""
    return LogFault(FaultKind.NOT_LET_IN, f"Kafka at {bootstrap} does not let this client in: {text}. {_MENDS[name]}")


_MENDS = defaultdict(
    lambda: f"It may expect TLS or a login: check {variable(PROTOCOL)} (SASL_SSL or SSL, mostly) and the port",
    {
        "_AUTHENTICATION": f"Check {variable(USER)}, {variable(PASSWORD)} (or …_FILE) and {variable(MECHANISM)}",
        "_SSL": f"Check {variable(CA)}: the authority that signed the brokers' certificates; and the name asked for",
        NO_CERTIFICATE: f"Set {variable(CERTIFICATE)} and {variable(KEY)}: a certificate that the brokers trust",
    },
)


def rights_mend(text: str) -> str:
    """What to do about an error of Kafka's, if it is one of rights; else nothing."""
    if "AUTHORIZATION" not in text.upper():
        return ""
    return ". This user lacks a right: `watchbill acls` lists what each role needs, and grants it with --apply"


def not_yet(bootstrap: str, why: str) -> LogFault:
    return LogFault(FaultKind.NOT_YET, f"Kafka at {bootstrap} does not serve every partition yet: {why}")


def topic_missing(topic: str) -> LogFault:
    return LogFault(
        FaultKind.TOPIC_MISSING,
        f"topic {topic} does not exist: run `watchbill init`, or check the cluster's name",
    )


def still_behind(records: int, deadline_s: float) -> LogFault:
    return LogFault(
        FaultKind.BEHIND, f"after {deadline_s:g} s some {records:,} records are still to be read: wait longer"
    )


def refused(what: str, bootstrap: str) -> LogFault:
    return LogFault(FaultKind.REFUSED, f"Kafka at {bootstrap} refused: {what}{rights_mend(what)}")


def wrong_partitions(topic: str, found: int, wanted: int) -> LogFault:
    return LogFault(
        FaultKind.WRONG_PARTITIONS,
        f"topic {topic} has {found} partitions, {wanted} are wanted: `watchbill init` says what to change",
    )


def topic_recreated(topic: str, before: str, now: str) -> LogFault:
    return LogFault(
        FaultKind.TOPIC_RECREATED,
        f"topic {topic} was deleted and made anew (id {before}, now {now}): what was read no longer stands in it; "
        "stop every node, then start them on the new topic",
    )


def records_gone(topic: str, partition: int, why: str) -> LogFault:
    return LogFault(
        FaultKind.RECORDS_GONE,
        f"the next record of {topic} partition {partition} is no longer there ({why}): start again to read it anew",
    )
