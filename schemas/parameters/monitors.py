"""The table of monitor types and their parameters (M-6, M-18): a new type of monitor is one row here.

Rule: names and defaults are NetScaler's. `COMMON` holds what every type has; a type adds what only its own probe reads,
and just those rows are handed to the probe. A row is here only if something acts on it: a parameter that is accepted
and ignored is a lie to the operator.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from schemas.parameters.databases import GRPC_OWN, LDAP_OWN, LOGIN_OWN, PASSWORD, login_where_it_acts
from schemas.parameters.durations import duration_text
from schemas.parameters.parameter import Parameter, Settings, Shape, Table
from schemas.parameters.tls import SECURE_OWN, TLS_OWN, tls_where_it_acts

DAY_MS = 86_400_000
LONGEST_MS = 30 * DAY_MS


@dataclass(frozen=True, slots=True)
class MonitorType:
    """A row: the type's name, what it does, its own parameters, and all of its parameters as one table."""

    name: str
    help: str
    own: tuple[Parameter, ...]
    sets_state: bool = True
    """Off for a type that measures but never decides UP or DOWN (LOAD)."""
    port: int | None = None
    """Probed where no destination_port is given, for a type that asks another server than the service's own."""
    passive: bool = False
    """On for a type that asks nobody: what only a probe reads is not among its parameters."""
    table: Table = field(init=False)

    def __post_init__(self) -> None:
        lacks = (OF_PROBES if self.passive else frozenset()) | (frozenset() if self.sets_state else OF_DECIDERS)
        common = [row for row in COMMON if row.name not in lacks]
        object.__setattr__(self, "table", Table((*common, *self.own), RULES))


def shorter_than_interval(given: Settings, effective: Settings) -> str | None:
    """response_timeout < interval (M-18); at the shortest interval, 1 ms, they may be equal."""
    interval, timeout = effective["interval_ms"], effective.get("response_timeout_ms", 0)
    assert isinstance(interval, int)
    assert isinstance(timeout, int)
    if timeout < interval or timeout == interval == 1:
        return None
    source = "" if "response_timeout_ms" in given else " (the default)"
    return (
        f"response_timeout {duration_text(timeout)}{source} is not shorter than interval {duration_text(interval)}: "
        f"give a shorter response_timeout, such as {duration_text(max(1, interval // 2))}"
    )


def failures_within_retries(given: Settings, effective: Settings) -> str | None:
    """failure_retries ≤ retries (M-18): "6 of 10"; 0 means all of them."""
    failures, retries = effective["failure_retries"], effective["retries"]
    assert isinstance(failures, int)
    assert isinstance(retries, int)
    if failures <= retries:
        return None
    source = "" if "retries" in given else " (the default)"
    return f"failure_retries {failures} is more than retries {retries}{source}: give retries={failures} or more"


def source_reaches_destination(given: Settings, _: Settings) -> str | None:
    """source_ip and destination_ip are of one family. A service's address is judged where it is probed."""
    source, destination = given.get("source_ip"), given.get("destination_ip")
    if source is None or destination is None or (":" in str(source)) == (":" in str(destination)):
        return None
    return f"source_ip {source} cannot reach destination_ip {destination}: give two IPv4 or two IPv6 addresses"


RULES = (
    shorter_than_interval,
    failures_within_retries,
    source_reaches_destination,
    tls_where_it_acts,
    login_where_it_acts,
)

STATE = Parameter("state", Shape.CHOICE, "DISABLED takes it out of use", choices=("ENABLED", "DISABLED"), later=False)
COMMENT = Parameter("comment", Shape.TEXT, "for people", low=0, high=255)

TYPE_NAMES = (
    "TCP",
    "HTTP",
    "HTTPS",
    "HTTPS-ECV",
    "PING",
    "TLS",
    "HTTP-ECV",
    "MYSQL",
    "PGSQL",
    "LDAP",
    "GRPC",
    "TCP-ECV",
    "UDP",
    "UDP-ECV",
    "SMTP",
    "REDIS",
    "DNS",
    "FTP",
    "USER",
    "LOAD",
    "HTTP-INLINE",
    "TCP-INLINE",
)

OF_PROBES = frozenset(
    {
        "response_timeout",
        "response_timeout_threshold",
        "down_time",
        "deviation",
        "lrtm",
        "destination_ip",
        "destination_port",
        "source_ip",
    }
)
"""Of the parameters that all types have, those that mean nothing without a probe."""

OF_DECIDERS = frozenset({"lrtm"})
"""Those that mean nothing for a type that has no part in the state, nor in the response time."""

COMMON = (
    Parameter("type", Shape.CHOICE, "what kind of probe", choices=TYPE_NAMES, required=True, later=False),
    Parameter("interval", Shape.DURATION, "time between two probes", 5_000, 1, LONGEST_MS),
    Parameter("response_timeout", Shape.DURATION, "time to answer, shorter than the interval", 2_000, 1, LONGEST_MS),
    Parameter("retries", Shape.NUMBER, "probes that are looked back at before DOWN", 3, 1, 127),
    Parameter("failure_retries", Shape.NUMBER, "failures among `retries` that mean DOWN; 0 means all", 0, 0, 32),
    Parameter("success_retries", Shape.NUMBER, "successes in a row that mean UP", 1, 1, 32),
    Parameter("down_time", Shape.DURATION, "pause before a target that is DOWN is probed again", 30_000, 0, LONGEST_MS),
    Parameter("alert_retries", Shape.NUMBER, "failures in a row that make an alert; 0: none", 0, 0, 32),
    Parameter(
        "response_timeout_threshold",
        Shape.NUMBER,
        "percent of response_timeout; an answer that takes longer counts as slow and makes an alert; 0: none does",
        0,
        0,
        100,
    ),
    Parameter("deviation", Shape.DURATION, "DRTM: time-out = average of the answers + this; 0: off", 0, 0, LONGEST_MS),
    Parameter("lrtm", Shape.SWITCH, "yes: its response time is told as it moves, to vservers of method LRTM", False),
    Parameter("reverse", Shape.SWITCH, "a success means DOWN, a failure UP", False),
    Parameter("destination_ip", Shape.ADDRESS, "probe this address instead of the service's"),
    Parameter("destination_port", Shape.NUMBER, "probe this port instead of the service's", low=1, high=65_535),
    Parameter("source_ip", Shape.ADDRESS, "probes leave from this address of the node, which every node must have"),
    STATE,
    COMMENT,
)

HTTP_ANSWER = (
    Parameter("response_codes", Shape.STATUS_CODES, "status codes that mean success", ("200",)),
    Parameter("custom_headers", Shape.HEADERS, "header lines to send besides"),
    Parameter("secret_headers", Shape.SECRET_HEADERS, "header lines whose value each node looks up"),
    Parameter("trofs_code", Shape.NUMBER, "status code that announces maintenance", low=100, high=599),
)
HTTP_OWN = (Parameter("http_request", Shape.TEXT, "method and path", "HEAD /", 3, 1024), *HTTP_ANSWER)
CONTENT = (
    Parameter("recv", Shape.ESCAPED, "text that must be in the answer's first 24 KB", low=1, high=1024),
    Parameter("recv_pattern", Shape.TEXT, "regular expression (RE2) that must match there", low=1, high=1024),
    Parameter("not_recv", Shape.ESCAPED, "text that must not be there, such as an error", low=1, high=1024),
    Parameter("not_recv_pattern", Shape.TEXT, "regular expression (RE2) that must not match there", low=1, high=1024),
)
TROFS_STRING = Parameter("trofs_string", Shape.ESCAPED, "text there that announces maintenance", low=1, high=1024)
HTTP_ECV_OWN = (
    Parameter("send", Shape.TEXT, "method and path", "GET /", 3, 1024),
    *HTTP_ANSWER,
    *CONTENT,
    TROFS_STRING,
)
TCP_ECV_OWN = (
    Parameter("send", Shape.ESCAPED, "what to say; without it the greeting is awaited", low=1, high=1024),
    *CONTENT,
    TROFS_STRING,
    *SECURE_OWN,
)
UDP_OWN = (Parameter("send", Shape.ESCAPED, "what to send", "watchbill", 1, 1024),)
UDP_ECV_OWN = (Parameter("send", Shape.ESCAPED, "what to send", low=1, high=1024, required=True), *CONTENT)
DATABASE_OWN = (*LOGIN_OWN, *CONTENT, *SECURE_OWN)

TLS_KIND_OWN = (
    Parameter("expiry_days", Shape.NUMBER, "DOWN if the certificate expires within so many days", 0, 0, 3650),
)
SMTP_OWN = (
    Parameter("ehlo_domain", Shape.TEXT, "who we say we are", "watchbill.invalid", 1, 253),
    *SECURE_OWN,
)
REDIS_OWN = (
    Parameter("user_name", Shape.TEXT, "user to log in as; without one the default user", low=1, high=128),
    PASSWORD,
    Parameter("redis_role", Shape.CHOICE, "the role it must have", choices=("MASTER", "REPLICA")),
    *SECURE_OWN,
)

DNS_OWN = (
    Parameter("query", Shape.TEXT, "name to ask for, such as example.org", low=1, high=255, required=True),
    Parameter(
        "query_type",
        Shape.CHOICE,
        "record to ask for: ADDRESS is A, ZONE is SOA",
        "ADDRESS",
        choices=("ADDRESS", "AAAA", "ZONE", "CNAME", "MX", "NS", "PTR", "SRV", "TXT"),
    ),
    Parameter("ip_address", Shape.ADDRESSES, "one of these must be in the answer"),
)
FTP_OWN = (
    Parameter("user_name", Shape.TEXT, "user to log in as", "anonymous", 1, 128),
    PASSWORD,
    Parameter("file_name", Shape.TEXT, "file to get, at most its first 64 KB", low=1, high=1024),
    *CONTENT,
    Parameter("put_file_name", Shape.TEXT, "file to write", low=1, high=1024),
    Parameter("put_content", Shape.TEXT, "what to write into it", "watchbill", 1, 1024),
)
USER_OWN = (
    Parameter(
        "script_name", Shape.TEXT, "a script's name in the scripts folder of each node", None, 1, 100, required=True
    ),
    Parameter(
        "script_args", Shape.TEXT, "its arguments; quotes keep words together, nothing is expanded", low=1, high=1024
    ),
)
HTTP_INLINE_OWN = (
    Parameter("response_codes", Shape.STATUS_CODES, "status codes of real traffic that mean success", ("100-499",)),
)
LOAD_OWN = (
    Parameter("metrics", Shape.METRICS, "values to ask for: OID, threshold, weight 1 to 100", required=True),
    Parameter("snmp_community_ref", Shape.SECRET_REF, "the community, as each node looks it up", required=True),
    Parameter("snmp_version", Shape.CHOICE, "V2: SNMPv2c", "V2", choices=("V2",)),
)

MONITOR_TYPES: dict[str, MonitorType] = {
    row.name: row
    for row in (
        MonitorType("TCP", "a TCP connection is accepted", SECURE_OWN),
        MonitorType("HTTP", "an HTTP request is answered with one of the status codes", (*HTTP_OWN, *SECURE_OWN)),
        MonitorType("HTTPS", "as HTTP, over TLS", (*HTTP_OWN, *TLS_OWN)),
        MonitorType("HTTPS-ECV", "as HTTP-ECV, over TLS", (*HTTP_ECV_OWN, *TLS_OWN)),
        MonitorType("PING", "an ICMP echo is answered", ()),
        MonitorType("TLS", "a TLS handshake is done, its certificate valid for long enough", (*TLS_KIND_OWN, *TLS_OWN)),
        MonitorType(
            "HTTP-ECV", "the page that answers an HTTP request holds what is expected", (*HTTP_ECV_OWN, *SECURE_OWN)
        ),
        MonitorType("MYSQL", "a MySQL or MariaDB server lets us in and answers a query", DATABASE_OWN),
        MonitorType("PGSQL", "a PostgreSQL server lets us in and answers a query", DATABASE_OWN),
        MonitorType("LDAP", "a directory lets us in and has an entry", (*LDAP_OWN, *SECURE_OWN)),
        MonitorType("GRPC", "the health service of a gRPC server says SERVING", (*GRPC_OWN, *SECURE_OWN)),
        MonitorType("TCP-ECV", "what a TCP connection answers holds what is expected", TCP_ECV_OWN),
        MonitorType("UDP", "nobody says that no one hears a datagram", UDP_OWN),
        MonitorType("UDP-ECV", "a datagram is answered with what is expected", UDP_ECV_OWN),
        MonitorType("SMTP", "a mail server greets and answers EHLO", SMTP_OWN),
        MonitorType("REDIS", "a Redis server answers PING, and has the role that is wanted", REDIS_OWN),
        MonitorType("DNS", "a DNS server answers a query, with a known address if one is given", DNS_OWN),
        MonitorType("FTP", "an FTP server lets us in, gives a file with what is expected, and takes one", FTP_OWN),
        MonitorType("USER", "a script on the node ends with 0; nodes run none unless they are told to", USER_OWN),
        MonitorType(
            "LOAD", "an SNMP agent tells how loaded it is; UP or DOWN is decided by others", LOAD_OWN, False, 161
        ),
        MonitorType(
            "HTTP-INLINE",
            "real HTTP traffic, as a proxy or the API tells, has those status codes",
            HTTP_INLINE_OWN,
            passive=True,
        ),
        MonitorType(
            "TCP-INLINE", "real connections, as a proxy or the API tells, are accepted and served", (), passive=True
        ),
    )
}
assert tuple(MONITOR_TYPES) == TYPE_NAMES, "the choice of types and the table of types differ"
