"""From a command as a person writes it to a probe that an engine can begin: parameters of the kinds that log in."""

from __future__ import annotations

import pytest

from connectors.probes.kinds import KINDS, converse
from connectors.probes.outcome import Outcome
from schemas.config import ConfigCommand, Kind, Operation, Verb
from tests.unit.node.test_inventory import Desk

LOGIN = "user_name=watch password_ref=env:WATCHBILL_SECRET_HERE database=shop sql_query=SELECT(1) recv=1"
TLS = "secure=yes tls_verify=yes server_name=shop.example"


@pytest.mark.parametrize(
    "words",
    [
        "type=MYSQL",
        f"type=MYSQL {LOGIN} {TLS}",
        "type=PGSQL",
        f"type=PGSQL {LOGIN} {TLS}",
        "type=LDAP",
        f"type=LDAP bind_dn=cn=w,dc=x password_ref=env:WATCHBILL_SECRET_HERE base_dn=dc=x filter=(ou=*) {TLS}",
        "type=GRPC",
        f"type=GRPC grpc_service_name=shop grpc_health_check=no grpc_status_code=12 {TLS}",
    ],
)
def test_M6_what_is_added_can_be_probed(words: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_HERE", "open sesame")
    desk = Desk()
    change = desk.do(f"add monitor m {words}\nadd service s address=10.0.0.1 port=1000\nbind service s monitor m")
    [binding] = change.added
    found = converse(binding)
    assert not isinstance(found, Outcome), found
    given = {part.partition("=")[0] for part in words.split()} - {"type"}
    defaults = KINDS[binding.kind].parameters
    assert given == {name for name, value in binding.parameters.items() if value != defaults[name]}


def test_M6_a_load_monitor_asks_the_port_of_snmp_and_never_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_HERE", "public")
    desk = Desk()
    given = {"type": "LOAD", "snmp_community_ref": "env:WATCHBILL_SECRET_HERE", "metrics": ".1.3.6.1.2.1.1.3.0 100 2"}
    added = ConfigCommand("load", 0, "test", (Operation(Verb.ADD, Kind.MONITOR, "m", given),))
    result, changes = desk.fold.take(added, 0)
    assert result.accepted, result.rejections
    desk.inventory.apply(changes)
    change = desk.do("add service s address=10.0.0.1 port=80\nbind service s monitor m")
    [binding] = change.added
    assert (binding.port, binding.parameters["metrics"]) == (161, ("1.3.6.1.2.1.1.3.0 100 2",))
    assert not isinstance(converse(binding), Outcome)
    config = desk.inventory.config_of(desk.of(Kind.SERVICE, "s"))
    assert config is not None
    assert [(bound.counts, bound.measures) for bound in config.bindings] == [(False, True)]


def test_L2_L3_engines_are_told_whose_response_time_is_to_be_told() -> None:
    desk = Desk()
    desk.do(
        "add monitor m type=TCP lrtm=yes\nadd service s address=10.0.0.1 port=80\nbind service s monitor m\n"
        "add vserver v method=LRTM"
    )
    change = desk.do("bind vserver v service s")
    assert [binding.tells_response for binding in change.added] == [True]
    config = desk.inventory.config_of(desk.of(Kind.SERVICE, "s"))
    assert config is not None
    assert config.least_response
    change = desk.do("unbind vserver v service s")
    assert [binding.tells_response for binding in change.added] == [False]
    assert not change.placement_changed
    assert desk.do("set vserver v comment=x").services == frozenset()


def test_M12_a_monitor_is_a_state_probe_and_may_be_lrtm_or_drtm_besides() -> None:
    desk = Desk()
    desk.do(
        "add monitor state type=TCP\nadd monitor least type=TCP lrtm=yes\nadd monitor dynamic type=TCP deviation=20ms\n"
        "add service s address=10.0.0.1 port=80\nadd vserver v method=LRTM\nbind vserver v service s"
    )
    added = {}
    for monitor in ("state", "least", "dynamic"):
        change = desk.do(f"bind service s monitor {monitor}")
        added = {binding.monitor_name: binding for binding in change.added}
    config = desk.inventory.config_of(desk.of(Kind.SERVICE, "s"))
    assert config is not None
    assert all(bound.counts for bound in config.bindings), "each is a state probe"
    assert {name: binding.deviation_ms for name, binding in added.items()} == {"state": 0, "least": 0, "dynamic": 20}
    assert config.least_response, "one LRTM monitor makes the service's response time worth telling"
    assert desk.inventory.placeables[config.entity_id].lead is not None, "one DRTM monitor makes it a DRTM service"
