"""The parameters of types of monitors that log in: databases, directories, and the health service of gRPC.

Rule: names are NetScaler's, as a table of this project spells them (`userName` is `user_name`). A password is always a
reference: configuration travels in Kafka and is shown by every view.
"""

from __future__ import annotations

from schemas.parameters.parameter import Parameter, Shape

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
