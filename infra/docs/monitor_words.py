"""What people are told of each type of monitor beside its parameters: what it asks, what counts as UP, an example.

Rule: an example is a whole cluster file, small enough to copy, and a test gives it to the reader of such files and to
the fold of commands. Why not in the table of types: its rows are read by nodes, which need no prose.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Sentences, and a cluster file."""

    asks: str
    up: str
    example: str


def _file(monitor: str, settings: str, service: str, address: str, port: int) -> str:
    """A cluster file of one monitor and one service."""
    return (
        f"monitors:\n  {monitor}: {{{settings}}}\n"
        f"services:\n  {service}: {{address: {address}, port: {port}, monitors: [{monitor}]}}\n"
    )


_PASSIVE = (
    "It asks nothing: it is told what came of real traffic, by programs (`POST /api/inline/SERVICE` of a node, with"
    ' JSON such as `{"successes": 12, "failures": 3, "reason": "RESET"}` or `{"statuses": {"200": 12, "503": 3}}`, '
    "counted since the last time) or by HAProxy 2.0 or later (`watchbill node --haproxy-stats PATH`, a stats socket"
    " of level operator; a server belongs to the service with its address and port). The owner's word decides; each"
    " node shows its own in `/api/services/NAME`. Not told anything for `interval` times `retries`, it is "
    "INCONCLUSIVE and changes nothing. Where a service that is DOWN gets no more traffic, nothing tells that it is "
    "well again: bind a monitor that asks beside it, or go on sending it some. What only a probe reads "
    "(`response_timeout`, `down_time`, `deviation`, the addresses) is not among its parameters."
)

WORDS: dict[str, Words] = {
    "PING": Words(
        "One ICMP echo request. A node that may not send them is INCONCLUSIVE and says how to permit it.",
        "The reply comes in time.",
        _file("ping", "type: PING, interval: 1s, response_timeout: 500ms", "router", "10.0.0.1", 1),
    ),
    "TCP": Words(
        "Connects, and resets the connection at once; nothing is sent. With `secure` also a TLS handshake.",
        "The connection is accepted.",
        _file("tcp", "type: TCP, retries: 3", "ssh-1", "10.0.0.1", 22),
    ),
    "TCP-ECV": Words(
        "Connects, says `send` if it is given, and listens. Without `send` it waits for the greeting.",
        "What comes holds `recv` (or matches `recv_pattern`) and holds no `not_recv`. With nothing expected, anything "
        "that comes.",
        _file("imap", "type: TCP-ECV, recv: '* OK', not_recv: BYE", "mail-1", "10.0.0.1", 143),
    ),
    "HTTP": Words(
        "One HTTP/1.1 request on a connection of its own. The body is not read.",
        "The whole header section comes, with one of `response_codes`.",
        _file("http", "type: HTTP, http_request: GET /health, response_codes: 200-299", "web-1", "10.0.0.1", 80),
    ),
    "HTTP-ECV": Words(
        "One HTTP/1.1 request; reads the body, of which content is looked for in the first 24 KB.",
        "One of `response_codes`, a body that is complete, holds what is expected and no error.",
        _file(
            "page",
            "type: HTTP-ECV, send: GET /status, recv: all is well, trofs_string: in maintenance",
            "web-1",
            "10.0.0.1",
            80,
        ),
    ),
    "HTTPS": Words(
        "The same as HTTP, over TLS.",
        "The handshake is done, and the answer is as for HTTP. Certificates are verified only with `tls_verify`.",
        _file("https", "type: HTTPS, tls_verify: yes, server_name: shop.example.org", "shop-1", "10.0.0.1", 443),
    ),
    "HTTPS-ECV": Words(
        "The same as HTTP-ECV, over TLS.",
        "The handshake is done, and the answer is as for HTTP-ECV.",
        _file("login-page", "type: HTTPS-ECV, send: GET /login, recv_pattern: 'Log ?in'", "shop-1", "10.0.0.1", 443),
    ),
    "TLS": Words(
        "A TLS handshake and nothing inside it. How many days the certificate has left is told also when all is well.",
        "The handshake is done, and the certificate is valid for `expiry_days` more.",
        _file("certificate", "type: TLS, expiry_days: 14, tls_verify: yes, interval: 1h", "shop-1", "10.0.0.1", 443),
    ),
    "UDP": Words(
        "One datagram.",
        "No ICMP error comes back: silence is success, so the probe lasts as long as `response_timeout`, unless an "
        "answer comes. What can expect an answer is better probed with UDP-ECV.",
        _file("syslog", "type: UDP", "logs-1", "10.0.0.1", 514),
    ),
    "UDP-ECV": Words(
        "One datagram, and its answer.",
        "The first datagram that comes back holds what is expected and no error. With nothing expected, any answer.",
        _file("game", r"type: UDP-ECV, send: 'status\n', recv: ready", "game-1", "10.0.0.1", 27015),
    ),
    "DNS": Words(
        "One query to the service's address, past every cache.",
        "The answer has a record of `query_type`, and one of `ip_address` where those are given.",
        _file(
            "names", "type: DNS, query: www.example.org, ip_address: '192.0.2.1,192.0.2.2'", "dns-1", "10.0.0.53", 53
        ),
    ),
    "FTP": Words(
        "Logs in, gets `file_name` (at most 64 KB) and writes `put_file_name`, whichever are given. Passive mode, "
        "always to the service's own address. The response time is that of the transfers.",
        "Each step is granted, and the first 24 KB of the file hold what is expected and no error.",
        _file(
            "files",
            "type: FTP, user_name: probe, password_ref: 'file:ftp', file_name: health.txt, recv: green",
            "ftp-1",
            "10.0.0.1",
            21,
        ),
    ),
    "SMTP": Words(
        "Reads the greeting, says EHLO and QUIT; no mail is begun. `secure` is TLS from the start, not STARTTLS.",
        "The greeting is 220 and EHLO is answered with 250.",
        _file("smtp", "type: SMTP, ehlo_domain: monitor.example.org", "mail-1", "10.0.0.1", 25),
    ),
    "REDIS": Words(
        "PING, after a login if `password_ref` is given, and ROLE if `redis_role` is.",
        "The server answers PONG, and has the role.",
        _file("cache", "type: REDIS, password_ref: 'file:redis', redis_role: MASTER", "cache-1", "10.0.0.1", 6379),
    ),
    "MYSQL": Words(
        "Logs in and runs `sql_query`; without `user_name` it only reads the greeting, and the server counts that as a "
        "failed connection.",
        "The login and the query succeed, and the rows hold what is expected. Columns are parted by tabs, rows by "
        "newlines.",
        _file(
            "orders",
            "type: MYSQL, user_name: watch, password_ref: 'file:mysql', sql_query: SELECT 1, recv: '1'",
            "db-1",
            "10.0.0.1",
            3306,
        ),
    ),
    "PGSQL": Words(
        "Logs in and runs `sql_query`; without `user_name` it asks what pg_isready asks.",
        "The login and the query succeed, and the rows hold what is expected. Without a user: the server takes logins.",
        _file(
            "primary",
            "type: PGSQL, user_name: watch, password_ref: 'file:pgsql', sql_query: select pg_is_in_recovery(), recv: f",
            "db-1",
            "10.0.0.1",
            5432,
        ),
    ),
    "LDAP": Words(
        "A simple bind, as `bind_dn` or as nobody, and a search for the entry `base_dn` if one is given.",
        "The bind succeeds, and the entry is there and fits `filter`.",
        _file("directory", "type: LDAP, base_dn: 'ou=people,dc=example,dc=org'", "ldap-1", "10.0.0.1", 389),
    ),
    "GRPC": Words(
        "One call of grpc.health.v1.Health/Check, in plain text, or in TLS with `secure`.",
        "The answer is SERVING; with `grpc_health_check: no` any answer of a gRPC server.",
        _file("rpc", "type: GRPC, grpc_service_name: shop.Orders, secure: yes", "rpc-1", "10.0.0.1", 50051),
    ),
    "USER": Words(
        "Runs a script from the folder that the node's operator gave (`watchbill node --scripts`), without a shell, as "
        "nobody and under limits. It is told the target by `WATCHBILL_TARGET_IP`, `WATCHBILL_TARGET_PORT`, "
        "`WATCHBILL_SERVICE`, `WATCHBILL_MONITOR`, `WATCHBILL_TIMEOUT_MS` and, if given, `WATCHBILL_SOURCE_IP`.",
        "It ends with 0. With another code the first line that it wrote says why.",
        _file(
            "queue",
            "type: USER, script_name: check-queue, script_args: --limit 100, interval: 30s",
            "queue-1",
            "10.0.0.1",
            5672,
        ),
    ),
    "LOAD": Words(
        "One SNMPv2c GET for all `metrics`. load = 100 * sum(weight * value / threshold) / sum(weight): 0 is idle, 100 "
        "means at the thresholds.",
        "LOAD measures and never decides: a service needs another monitor for its state. The load stands in the "
        "service's state, and so does whether one metric alone is at its threshold.",
        "monitors:\n"
        "  load: {type: LOAD, metrics: 1.3.6.1.4.1.2021.10.1.5.1 400 2, snmp_community_ref: 'file:snmp'}\n"
        "  http: {type: HTTP}\n"
        "services:\n  web-1: {address: 10.0.0.1, port: 80, monitors: [load, http]}\n",
    ),
    "HTTP-INLINE": Words(
        _PASSIVE,
        "Responses have one of `response_codes`: all but 5xx, unless told otherwise.",
        _file("shoppers", "type: HTTP-INLINE, retries: 10, failure_retries: 6", "shop-1", "10.0.0.1", 80),
    ),
    "TCP-INLINE": Words(
        _PASSIVE,
        "Connections are accepted and served.",
        _file("clients", "type: TCP-INLINE", "db-1", "10.0.0.1", 5432),
    ),
}
"""By the type's name, in the order in which people meet them."""
