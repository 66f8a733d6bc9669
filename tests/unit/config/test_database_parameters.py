"""Parameters of monitors that log in: what would have no effect is refused, with the mend."""

from __future__ import annotations

import pytest

from schemas.config import Kind
from schemas.parameters.checking import check_added, check_changed
from schemas.parameters.kinds import table_of

QUERY = {"user_name": "watch", "password_ref": "file:mysql", "sql_query": "SELECT 1"}


def faults(monitor_type: str, **settings: object) -> list[str]:
    given = {"type": monitor_type, **settings}
    return check_added(table_of(Kind.MONITOR, given), given).faults


@pytest.mark.parametrize("monitor_type", ["MYSQL", "PGSQL"])
def test_a_database_is_asked_by_a_user(monitor_type: str) -> None:
    assert faults(monitor_type) == []
    assert faults(monitor_type, **QUERY, database="shop", recv="1", secure="yes") == []
    [fault] = faults(monitor_type, sql_query="SELECT 1")
    assert fault == "sql_query has no effect without a login: give user_name too, or leave it out"
    [fault] = faults(monitor_type, user_name="watch", recv="1")
    assert fault == "recv is looked for in the rows of a query: give sql_query too, or leave it out"


def test_a_password_itself_is_refused_and_not_quoted() -> None:
    [fault] = faults("MYSQL", user_name="watch", password_ref="hunter2")
    assert "hunter2" not in fault


def test_a_directory_is_asked_by_name_and_password_or_as_nobody() -> None:
    assert faults("LDAP") == []
    assert faults("LDAP", bind_dn="cn=w,dc=x", password_ref="file:ldap", base_dn="dc=x", filter="(ou=*)") == []
    assert "belong together" in faults("LDAP", bind_dn="cn=w,dc=x")[0]
    assert "give base_dn too" in faults("LDAP", filter="(ou=*)")[0]
    assert "is of the form (attribute=value)" in faults("LDAP", base_dn="dc=x", filter="(&(a=b)(c=d))")[0]


def test_a_later_change_is_held_to_the_same() -> None:
    stored = {"type": "MYSQL", **QUERY}
    table = table_of(Kind.MONITOR, stored)
    assert check_changed(table, stored, {"recv": "1"}).faults == []
    assert "without a login" in check_changed(table, stored, {"user_name": None}).faults[0]


def test_the_health_of_grpc() -> None:
    assert faults("GRPC", grpc_service_name="shop", grpc_health_check="no", grpc_status_code=12) == []
    assert faults("GRPC", grpc_status_code=17) != []
