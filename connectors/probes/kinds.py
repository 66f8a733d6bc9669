"""The table of probe kinds: a new kind is one file, one row here and one test file.

Rule: what the table does not name does not exist. An unknown kind, a setting that makes no sense or a bug in a kind is
a value, not a crash: the binding's every probe is then INCONCLUSIVE and says what to change, and its neighbours are not
touched.
"""

from __future__ import annotations

from pathlib import Path

from connectors.engine.binding import Binding
from connectors.probes.contract import Conversation, Kind, TaskKind
from connectors.probes.grpc import GRPC
from connectors.probes.http import HTTP
from connectors.probes.http_ecv import HTTP_ECV
from connectors.probes.https import HTTPS, HTTPS_ECV
from connectors.probes.ldap import LDAP
from connectors.probes.load import LOAD
from connectors.probes.mysql import MYSQL
from connectors.probes.outcome import Outcome, inconclusive
from connectors.probes.pgsql import PGSQL
from connectors.probes.ping import PING
from connectors.probes.redis import REDIS
from connectors.probes.smtp import SMTP
from connectors.probes.tcp import TCP
from connectors.probes.tcp_ecv import TCP_ECV
from connectors.probes.tls import TLS
from connectors.probes.udp import UDP
from connectors.probes.udp_ecv import UDP_ECV
from schemas.probes import Reason

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        TCP,
        HTTP,
        HTTPS,
        HTTPS_ECV,
        TLS,
        PING,
        HTTP_ECV,
        MYSQL,
        PGSQL,
        LDAP,
        GRPC,
        TCP_ECV,
        UDP,
        UDP_ECV,
        SMTP,
        REDIS,
        LOAD,
    )
}

PASSIVE_NAMES = ("HTTP-INLINE", "TCP-INLINE")
"""Kinds that never probe (`inline.py`): an engine only has their rows in its table."""

TASK_NAMES = ("DNS", "FTP", "USER")
"""Kinds that the node's own process probes (`task_kinds.py`); an engine only has their rows in its table."""


def converse(binding: Binding) -> tuple[Kind, Conversation] | Outcome:
    """The binding's kind and a conversation for it, or the outcome that all its probes have."""
    kind = KINDS.get(binding.kind)
    if kind is None:
        return inconclusive(Reason.LOCAL_ERROR, f"no probe kind {binding.kind}: this release has {known_names()}")
    fault = unknown_parameter(kind, binding)
    if fault is not None:
        return fault
    try:
        return kind, kind.converse(binding)
    except UnicodeError as error:
        return inconclusive(Reason.LOCAL_ERROR, broken(kind.name, error))
    except ValueError as error:
        return inconclusive(Reason.LOCAL_ERROR, str(error))
    except Exception as error:
        return inconclusive(Reason.LOCAL_ERROR, broken(kind.name, error))


def broken(kind: str, error: Exception) -> str:
    """A bug in a kind, as a detail: where it is. Not the error's own words, which may quote a secret."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" at {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace is not None else ""
    return f"probe kind {kind} broke: {type(error).__name__}{place}"


def known_names() -> str:
    """Every kind of this release, for people."""
    return ", ".join((*KINDS, *PASSIVE_NAMES, *TASK_NAMES))


def unknown_parameter(kind: Kind | TaskKind, binding: Binding) -> Outcome | None:
    """The outcome of a binding with a setting that its kind does not know; None if there is none such."""
    unknown = sorted(binding.parameters.keys() - kind.parameters.keys())
    if not unknown:
        return None
    known = ", ".join(kind.parameters) or "none"
    return inconclusive(Reason.LOCAL_ERROR, f"{kind.name} has no parameter {', '.join(unknown)}: it has {known}")
