r"""`add lb monitor` as a monitor of ours: names and defaults are NetScaler's on both sides, so most goes over as it is.

Rule: a type is one row of `TYPES`, a parameter one row of `PARAMETERS`; what neither has is told. Where the two differ
it is written out: HTTP-ECV takes any status there (only the body counts), a headers text is one line here and many
there, times have their unit. A type that ours lacks becomes the nearest thing that still connects, and is told as lost,
because a service that nobody checks would be worse than one that is checked less.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.config.imports.draft import Given
from connectors.config.imports.haproxy_tls import file_name
from connectors.config.imports.netscaler_lines import Command, escapes
from connectors.config.imports.notices import Notices
from connectors.config.imports.telling import is_secret_header, logs_in, may_hold_secret
from schemas.parameters.monitors import MONITOR_TYPES

ANY_STATUS = ("100-599",)
WORDS_OF_UNITS = {"": "s", "sec": "s", "msec": "ms", "min": "min", "s": "s", "ms": "ms"}

TYPES: Mapping[str, str] = {
    **{name: name for name in MONITOR_TYPES},
    "TCPS": "TCP",
    "TCPS-ECV": "TCP-ECV",
    "FTP-EXTENDED": "FTP",
    "MYSQL-ECV": "MYSQL",
    "DNS-TCP": "DNS",
    "HTTP2": "HTTP",
}
"""NetScaler's type -> ours. With `-secure YES`, HTTP and HTTP-ECV are HTTPS and HTTPS-ECV here."""
OVER_TLS = frozenset({"TCPS", "TCPS-ECV"})

NEAREST: Mapping[str, tuple[str, str]] = {
    "ARP": ("PING", "only an echo request"),
    "ND6": ("PING", "only an echo request"),
    "POP3": ("TCP", "only a connection: bind TCP-ECV with recv: +OK for its greeting"),
    "NNTP": ("TCP", "only a connection: bind TCP-ECV with recv: '20' for its greeting"),
    "RTSP": ("TCP", "only a connection: bind TCP-ECV that sends OPTIONS * RTSP/1.0"),
    "MQTT": ("TCP", "only a connection: bind a USER monitor with a script"),
    "DIAMETER": ("TCP", "only a connection: bind a USER monitor with a script"),
    "MSSQL-ECV": ("TCP", "only a connection: bind a USER monitor with a script"),
    "ORACLE-ECV": ("TCP", "only a connection: bind a USER monitor with a script"),
    "RADIUS": ("PING", "only an echo request: bind a USER monitor with a script"),
    "SNMP": ("PING", "only an echo request: bind LOAD for values, USER for a verdict"),
    "SIP-UDP": ("PING", "only an echo request: bind UDP-ECV that sends OPTIONS"),
    "SIP-TCP": ("TCP", "only a connection: bind TCP-ECV that sends OPTIONS"),
}
"""Types that ours has not -> what still asks the target, and what to bind instead."""
OTHER = ("TCP", "only a connection: bind a monitor that asks what this one did")

BUILT_IN: Mapping[str, str] = {
    "tcp-default": "TCP",
    "ping-default": "PING",
    "tcp": "TCP",
    "ping": "PING",
    "http": "HTTP",
    "tcps": "TCPS",
    "https": "HTTPS",
    "arp": "ARP",
    "nd6": "ND6",
}
"""Monitors that every NetScaler has without a line in ns.conf."""

_NO_PART = (
    "encrypted encryptmethod kek suffix tos tosid iptunnel dispatcherip dispatcherport storedb snmpversion "
    "storefrontcheckbackendservices units1 units2 units3 units4"
)
NO_PART = frozenset(_NO_PART.split())
PLAIN: Mapping[str, str] = {
    "retries": "retries",
    "failureretries": "failure_retries",
    "successretries": "success_retries",
    "alertretries": "alert_retries",
    "resptimeoutthresh": "response_timeout_threshold",
    "destip": "destination_ip",
    "destport": "destination_port",
    "state": "state",
    "comment": "comment",
    "trofscode": "trofs_code",
    "query": "query",
    "filename": "file_name",
    "username": "user_name",
    "scriptname": "script_name",
    "basedn": "base_dn",
    "binddn": "bind_dn",
    "filter": "filter",
    "database": "database",
    "sqlquery": "sql_query",
    "grpcservicename": "grpc_service_name",
    "grpcstatuscode": "grpc_status_code",
    "grpchealthcheck": "grpc_health_check",
    "reverse": "reverse",
}
TIMES = {"interval": "interval", "resptimeout": "response_timeout", "downtime": "down_time", "deviation": "deviation"}
SECRETS = {"password": "password_ref", "snmpcommunity": "snmp_community_ref"}
TEXTS = {"recv": "recv", "trofsstring": "trofs_string"}


@dataclass(slots=True)
class Monitor:
    """A monitor as NetScaler has it, all that was added and set."""

    name: str
    kind: str
    line: int
    parameters: dict[str, tuple[str, ...]] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    metrics: list[str] = field(default_factory=list)
    is_built_in: bool = False
    """It was never added: a NetScaler has it by itself."""

    def take(self, command: Command) -> None:
        """Lay a command's parameters over those so far."""
        self.parameters.update(command.parameters)
        self.lines.update(dict.fromkeys(command.parameters, command.line))

    @property
    def is_shadow(self) -> bool:
        """Whether its failures only are logged (`-action LOG` or `NONE`)."""
        return (self.parameters.get("action") or ("DOWN",))[0].upper() in ("LOG", "NONE")


def monitor_settings(monitor: Monitor, notices: Notices) -> dict[str, Given]:
    """The settings of our monitor. What is not in them is told."""
    ours, is_secure = _type_of(monitor, notices)
    said: dict[str, Given] = {"type": ours}
    rows = MONITOR_TYPES[ours].table.by_name
    if is_secure and "secure" in rows:
        said["secure"] = "yes"
    if ours.endswith("-ECV") and ours.startswith("HTTP"):
        said["response_codes"] = ANY_STATUS
    if monitor.metrics and "metrics" in rows:
        said["metrics"] = tuple(monitor.metrics)
    elif monitor.metrics:
        notices.lost(monitor.line, f"monitor {monitor.name}: its metrics", f"a monitor of type {ours} has none")
    for name, values in monitor.parameters.items():
        for key, value in _settings_of(Said(monitor, ours, name, values, notices)).items():
            if key in rows:
                said[key] = value
            else:
                what = f"monitor {monitor.name}: -{name}"
                notices.note(monitor.lines[name], what, f"has no meaning for a monitor of type {ours}")
    return said


def _type_of(monitor: Monitor, notices: Notices) -> tuple[str, bool]:
    """Our type, and whether it speaks TLS by `secure`."""
    kind = monitor.kind.upper()
    is_secure = kind in OVER_TLS or (monitor.parameters.get("secure") or ("NO",))[0].upper() == "YES"
    ours = TYPES.get(kind)
    if ours is None:
        ours, mend = NEAREST.get(kind, OTHER)
        notices.lost(monitor.line, f"monitor {monitor.name} of type {kind}", mend)
    elif kind == "HTTP2" and "grpchealthcheck" in monitor.parameters:
        ours = "GRPC"
    elif kind in ("DNS-TCP", "HTTP2"):
        asked = "asks by UDP" if kind == "DNS-TCP" else "speaks HTTP/1.1"
        notices.changed(monitor.line, f"monitor {monitor.name} of type {kind}", f"{asked} here")
    if is_secure and ours in ("HTTP", "HTTP-ECV"):
        return ours.replace("HTTP", "HTTPS"), False
    return ours, is_secure


@dataclass(frozen=True, slots=True)
class Said:
    """One parameter of a monitor: its name and values, and what it is said of."""

    monitor: Monitor
    ours: str
    """Our type."""
    name: str
    values: tuple[str, ...]
    notices: Notices

    @property
    def value(self) -> str:
        """The first value, or nothing."""
        return (self.values or ("",))[0]

    def changed(self, what: str, mend: str) -> None:
        """Tell that it goes over in another way."""
        self.notices.changed(self.monitor.lines[self.name], f"monitor {self.monitor.name}: {what}", mend)


def _settings_of(said: Said) -> dict[str, Given]:
    name, value = said.name, said.value
    if name in TIMES:
        unit = WORDS_OF_UNITS.get(said.values[1].lower() if len(said.values) > 1 else "", "")
        return {TIMES[name]: f"{value}{unit}"}
    if name in PLAIN:
        return {PLAIN[name]: value}
    if name in TEXTS:
        return {TEXTS[name]: escapes(value)} if value else {}
    if name in SECRETS:
        ref = file_name(said.monitor.name)
        mend = f"is a secret, which is never configuration: put it into the file {ref} of each node's secrets folder"
        if SECRETS[name] in MONITOR_TYPES[said.ours].table.by_name:
            said.changed(f"-{name}", mend)
        return {SECRETS[name]: f"file:{ref}"}
    if name in READERS:
        return READERS[name](said)
    if name in ("secure", "action", "metrictable"):
        return {}
    what, mend = f"-{name}", "has no counterpart: it is left out"
    if name in NO_PART or value.upper() in ("", "NO", "NONE", "DISABLED"):
        said.notices.note(said.monitor.lines[name], f"a monitor's {what}", mend)
    else:
        said.changed(what, mend)
    return {}


def _request(said: Said) -> dict[str, Given]:
    return {"http_request": _method_first(said.value)}


def _method_first(request: str) -> str:
    method, _, path = request.strip().partition(" ")
    return f"{method.upper()} {path.strip().split(' ')[0] or '/'}"


def _send(said: Said) -> dict[str, Given]:
    r"""Of HTTP a request line, perhaps with version and headers after it; else bytes."""
    if not said.ours.startswith("HTTP"):
        if logs_in(said.value):
            mend = "may log in with a secret, which is never configuration: bind a monitor of a type that logs in"
            said.notices.lost(said.monitor.lines["send"], f"monitor {said.monitor.name}: -send", mend)
            return {}
        return {"send": escapes(said.value)} if said.value else {}
    first, *headers = _lines(said.value)
    return {"send": _method_first(first)} | _header_settings(said, headers)


def _headers(said: Said) -> dict[str, Given]:
    return _header_settings(said, _lines(said.value))


def _lines(text: str) -> list[str]:
    return text.replace("\\r\\n", "\n").replace("\\n", "\n").replace("\r", "").split("\n")


def _header_settings(said: Said, lines: Sequence[str]) -> dict[str, Given]:
    plain, secret = [], []
    for header in filter(None, (one.strip() for one in lines)):
        name, colon, _ = header.partition(":")
        if is_secret_header(name):
            secret.append(f"{name}: file:{file_name(said.monitor.name)}.{name.lower()}")
            mend = "holds a secret, which is never configuration: put its value into the file that secret_headers names"
            said.changed(f"header {name}", mend)
        elif colon:
            plain.append(header)
        else:
            said.changed(f"header {header[:40]}", "is no header: left out")
    settings: dict[str, Given] = {"custom_headers": tuple(plain)} if plain else {}
    return settings | ({"secret_headers": tuple(secret)} if secret else {})


def _arguments(said: Said) -> dict[str, Given]:
    if may_hold_secret(said.value):
        mend = "may hold a secret, which is never configuration: give the script a file of the node to read it from"
        said.changed("-scriptArgs", mend)
        return {}
    return {"script_args": said.value}


def _profile(said: Said) -> dict[str, Given]:
    said.changed("-netProfile", "gives it a source address: set source_ip if targets ask for one")
    return {}


READERS: Mapping[str, Callable[[Said], dict[str, Given]]] = {
    "httprequest": _request,
    "respcode": lambda said: {"response_codes": said.values},
    "customheaders": _headers,
    "send": _send,
    "querytype": lambda said: {"query_type": said.value.upper()},
    "ipaddress": lambda said: {"ip_address": said.values},
    "lrtm": lambda said: {"lrtm": "yes" if said.value.upper() == "ENABLED" else "no"},
    "netprofile": _profile,
    "scriptargs": _arguments,
}
