"""The parameters of types of monitors that log in: databases, directories, and the health service of gRPC.

Rule: names are NetScaler's, as a table of this project spells them (`userName` is `user_name`). A password is always a
reference: configuration travels in Kafka and is shown by every view. What would have no effect, or would fail at every
probe, is refused when it is configured.
"""

from __future__ import annotations

import re

from schemas.parameters.parameter import Parameter, Settings, Shape

PASSWORD = Parameter("password_ref", Shape.SECRET_REF, "the password, as each node looks it up")

LOGIN_OWN = (
    Parameter("user_name", Shape.TEXT, "user to log in as; without one the server must only greet", low=1, high=128),
    PASSWORD,
    Parameter("database", Shape.TEXT, "database to open at login", low=1, high=128),
    Parameter("sql_query", Shape.TEXT, "query to run after the login", low=1, high=1024),
)

LDAP_OWN = (
    Parameter("bind_dn", Shape.TEXT, "name to bind as; without one as nobody", low=1, high=512),
    PASSWORD,
    Parameter("base_dn", Shape.TEXT, "an entry that must be there", low=1, high=512),
    Parameter("filter", Shape.TEXT, "(attribute=value) or (attribute=*) of that entry", "(objectClass=*)", 5, 400),
)

GRPC_OWN = (
    Parameter("grpc_health_check", Shape.SWITCH, "no: any answer of the server is enough, SERVING or not", True),
    Parameter("grpc_service_name", Shape.TEXT, "service to ask about; else the server as a whole", low=1, high=255),
    Parameter("grpc_status_code", Shape.NUMBER, "gRPC status that means success besides 0, such as 12", 0, 0, 16),
)

SQL_TYPES = ("MYSQL", "PGSQL")
CONTENT_NAMES = ("recv", "recv_pattern", "not_recv", "not_recv_pattern")
FILTER = re.compile(r"\(([A-Za-z][A-Za-z0-9-]{0,99})=([^()*\\\x00]{1,255}|\*)\)")
"""The filters that are taken: (attribute=value) or (attribute=*)."""


def login_where_it_acts(given: Settings, effective: Settings) -> str | None:
    """A database's query and password need a user, what is looked for needs a query; a bind is by name and password."""
    monitor_type = effective.get("type")
    if monitor_type in SQL_TYPES:
        return _sql_login(given)
    return _bind(given) if monitor_type == "LDAP" else None


def _sql_login(given: Settings) -> str | None:
    for name in ("password_ref", "database", "sql_query"):
        if given.get(name) is not None and given.get("user_name") is None:
            return f"{name} has no effect without a login: give user_name too, or leave it out"
    for name in CONTENT_NAMES:
        if given.get(name) is not None and given.get("sql_query") is None:
            return f"{name} is looked for in the rows of a query: give sql_query too, or leave it out"
    return None


def _bind(given: Settings) -> str | None:
    if (given.get("bind_dn") is None) != (given.get("password_ref") is None):
        return "bind_dn and password_ref belong together: give both, or none to bind as nobody"
    condition = given.get("filter")
    if condition is None:
        return None
    if not FILTER.fullmatch(str(condition)):
        return f'filter cannot be "{str(condition)[:60]}": it is of the form (attribute=value) or (attribute=*)'
    if given.get("base_dn") is None:
        return "filter has no effect without an entry to look at: give base_dn too, or leave it out"
    return None
