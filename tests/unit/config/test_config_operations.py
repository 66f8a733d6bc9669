"""Every verb on every kind: what it changes, and each reason why it is refused, as tables."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from schemas.config import BoundTo, ConfigCommand, Kind, Verb
from schemas.identifiers import EntityId
from schemas.inventory.entities import Removed
from streams.folding.config.fold import ConfigFold
from tests.unit.config.config_words import folded, messages, operation, take

BASE = """
add node_group east
add monitor http-web type=HTTP interval=5s
add monitor tcp type=TCP
add service web1 address=10.0.0.1 port=80
add service web2 address=10.0.0.2 port=80
add service_group web
add member web/10.0.0.3:80
add vserver shop address=10.9.0.1 port=80 method=LRTM
bind service web1 monitor http-web weight=10
bind service_group web monitor tcp
bind vserver shop service web1
bind vserver shop service_group web
bind service web2 node_group east
"""


@pytest.fixture
def fold() -> ConfigFold:
    return folded(BASE)


def test_O2_the_id_is_the_offset_and_the_index_and_is_never_reused(fold: ConfigFold) -> None:
    web1 = fold.entities.find(Kind.SERVICE, "web1")
    assert web1 is not None
    assert web1.entity_id == "0-3"
    take(fold, "unbind vserver shop service web1\nrm service web1\nadd service web1 address=10.0.0.1 port=80")
    again = fold.entities.find(Kind.SERVICE, "web1")
    assert again is not None
    assert again.entity_id == "1-2"


def test_M9_a_binding_has_a_weight_of_1_unless_given(fold: ConfigFold) -> None:
    take(fold, "bind service web1 monitor tcp")
    web1 = fold.entities.find(Kind.SERVICE, "web1")
    assert web1 is not None
    assert web1.bindings == (
        BoundTo(Kind.MONITOR, EntityId("0-1"), 10, True),
        BoundTo(Kind.MONITOR, EntityId("0-2"), 1, True),
    )


def test_M3_one_monitor_on_many_services_and_many_on_one(fold: ConfigFold) -> None:
    result, _ = take(fold, "bind service web2 monitor http-web\nbind service web2 monitor tcp")
    assert result.accepted
    assert set(fold.entities.referring_to(EntityId("0-1"))) == {"0-3", "0-4"}


def test_binding_again_changes_the_weight_and_keeps_the_rest(fold: ConfigFold) -> None:
    take(fold, "bind service web1 monitor http-web state=DISABLED")
    take(fold, "bind service web1 monitor http-web weight=20")
    web1 = fold.entities.find(Kind.SERVICE, "web1")
    assert web1 is not None
    assert web1.bindings[0] == BoundTo(Kind.MONITOR, EntityId("0-1"), 20, False)


def test_rename_keeps_the_id_and_frees_the_name(fold: ConfigFold) -> None:
    result, changes = take(fold, "rename service web1 front\nadd service web1 address=10.0.0.9 port=80")
    assert result.accepted
    front = fold.entities.find(Kind.SERVICE, "front")
    assert front is not None
    assert front.entity_id == "0-3"
    assert len(changes) == 2


def test_two_services_can_swap_their_names(fold: ConfigFold) -> None:
    take(fold, "rename service web1 aside\nrename service web2 web1\nrename service aside web2")
    first, second = fold.entities.find(Kind.SERVICE, "web1"), fold.entities.find(Kind.SERVICE, "web2")
    assert first is not None
    assert second is not None
    assert (first.entity_id, second.entity_id) == ("0-4", "0-3")


def test_G1_renaming_a_group_renames_its_members_and_keeps_their_ids(fold: ConfigFold) -> None:
    result, _ = take(fold, "rename service_group web shop-web")
    assert [named.name for named in result.entities] == ["shop-web"]
    member = fold.entities.find(Kind.MEMBER, "shop-web/10.0.0.3:80")
    assert member is not None
    assert member.entity_id == "0-6"


def test_removing_a_group_removes_its_members(fold: ConfigFold) -> None:
    _, changes = take(fold, "unbind vserver shop service_group web\nrm service_group web")
    assert {change for change in changes if isinstance(change, Removed)} == {
        Removed(Kind.SERVICE_GROUP, EntityId("0-5")),
        Removed(Kind.MEMBER, EntityId("0-6")),
    }
    assert list(fold.entities.referring_to(EntityId("0-2"))) == []


def test_a_member_is_found_by_any_spelling_of_its_address(fold: ConfigFold) -> None:
    take(fold, "add member web/[2001:DB8:0::1]:80")
    result, _ = take(fold, "disable member web/[2001:db8::1]:80")
    assert result.accepted
    assert result.entities[0].name == "web/[2001:db8::1]:80"


@pytest.mark.parametrize("kind_and_name", ["service web1", "monitor tcp", "member web/10.0.0.3:80", "vserver shop"])
def test_disable_and_enable(fold: ConfigFold, kind_and_name: str) -> None:
    kind, name = kind_and_name.split()
    for verb, expected in (("disable", False), ("enable", True)):
        take(fold, f"{verb} {kind} {name}")
        entity = fold.entities.find(Kind[kind.upper()], name)
        assert entity is not None
        assert entity.enabled is expected


def test_an_entity_can_be_added_disabled(fold: ConfigFold) -> None:
    take(fold, "add service web9 address=10.0.0.9 port=80 state=DISABLED")
    web9 = fold.entities.find(Kind.SERVICE, "web9")
    assert web9 is not None
    assert not web9.enabled
    assert web9.settings == {"address": "10.0.0.9", "port": 80}


def test_what_is_already_so_is_accepted_and_changes_nothing(fold: ConfigFold) -> None:
    result, changes = take(fold, "set service web1 port=80\nenable service web1\nbind vserver shop service web1")
    assert result.accepted
    assert changes == ()
    assert {named.name for named in result.entities} == {"web1", "shop"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("add service web1 address=10.0.0.1 port=80", 'service "web1" exists already: use set to change it'),
        ("add service a/b address=10.0.0.1 port=80", 'service "a/b" cannot be called so: a name has 1 to 127'),
        ("add service web9 address=10.0.0.1", 'service "web9": port is missing: give its number 1-65535'),
        ("add member web/10.0.0.3:99999", "a member is called group/address:port"),
        ("add member wep/10.0.0.3:81", 'service group "wep" does not exist'),
        (
            "set service web9 port=80",
            'service "web9" does not exist: add it first, or mend the name (did you mean "web',
        ),
        ("set service web1 prot=80", '"prot" is not a parameter: did you mean port?'),
        ("set monitor tcp type=HTTP", "type cannot be changed later: remove it and add it again with type=HTTP"),
        ("set monitor tcp interval=1s", "response_timeout 2s (the default) is not shorter than interval 1s"),
        ("rm monitor http-web", 'monitor "http-web" is still bound to service "web1": unbind it there first'),
        ("rm service web1", 'service "web1" is still bound to vserver "shop"'),
        ("rm node_group east", 'node group "east" is still bound to service "web2"'),
        ("rm service web9", 'service "web9" does not exist'),
        ("rename service web1 web2", 'service "web2" exists already: choose another name for service "web1"'),
        ("rename service web1", 'service "web1" cannot be renamed to "": a name has'),
        ("rename member web/10.0.0.3:80 other", "its name is its address; remove it and add another"),
        ("bind service web1", 'service "web1": say what to bind to it, by kind and name'),
        (
            "bind service web1 monitor http-wep",
            'monitor "http-wep" does not exist: add it first, or mend the name (did',
        ),
        (
            "bind service web1 vserver shop",
            "a vserver cannot be bound to a service: bound to it can be: monitor, service, node",
        ),
        ("bind monitor tcp service web1", "a service cannot be bound to a monitor: nothing can"),
        ("bind service web1 monitor tcp weight=101", 'weight cannot be "101": it is a whole number from 1 to 100'),
        ("bind service web1 node_group east weight=2", '"weight" is not a parameter here: there is nothing to set'),
        ("unbind service web1 monitor tcp", 'monitor "tcp" is not bound to service "web1": nothing to unbind'),
        ("disable node_group east", "a node group cannot be enabled or disabled"),
        ("enable service web9", 'service "web9" does not exist'),
    ],
)
def test_each_reason_says_what_where_and_how_to_mend_it(fold: ConfigFold, line: str, message: str) -> None:
    before = fold.entities
    result, changes = take(fold, line)
    assert not result.accepted
    assert any(message in told for told in messages(result)), messages(result)
    assert changes == ()
    assert fold.entities is before


def test_a_command_is_taken_all_or_not_at_all_and_names_operation_and_line(fold: ConfigFold) -> None:
    result, changes = take(
        fold,
        """
        add service web3 address=10.0.0.3 port=80

        set service web9 port=80
        rm monitor tcp""",
    )
    assert not result.accepted
    assert [(rejection.operation, rejection.line) for rejection in result.rejections] == [(1, 3), (2, 4)]
    assert changes == ()
    assert fold.entities.find(Kind.SERVICE, "web3") is None


def test_a_refused_add_is_not_reported_again_by_what_builds_on_it(fold: ConfigFold) -> None:
    result, _ = take(
        fold,
        """
        add monitor bad type=HTTP interval=soon
        bind service web1 monitor bad
        set monitor bad retries=2
        unbind service web1 monitor bad
        rm monitor bad""",
    )
    assert len(result.rejections) == 1
    assert "interval" in result.rejections[0].message


def test_an_empty_command_and_one_that_is_too_long_are_refused(fold: ConfigFold) -> None:
    result, _ = take(fold, "")
    assert "1 to 50,000 operations, not 0" in messages(result)[0]


def test_reasons_have_a_limit_and_the_last_tells_how_many_more(fold: ConfigFold) -> None:
    result, _ = take(fold, "\n".join(f"rm service gone{number}" for number in range(1_500)))
    assert len(result.rejections) == 1_001
    assert "and 500 more reasons" in result.rejections[-1].message


@pytest.mark.parametrize("change", [{"verb": Verb.UNKNOWN}, {"kind": Kind.UNKNOWN}, {"target_kind": Kind.UNKNOWN}])
def test_what_only_a_newer_release_knows_is_rejected_and_nothing_is_done(
    fold: ConfigFold, change: dict[str, Any]
) -> None:
    newer = replace(operation("bind service web1 monitor tcp"), **change)
    result, changes = fold.take(ConfigCommand("newer", 0, "test", (newer,)), fold.offset + 1)
    assert not result.accepted
    assert "upgrade every node" in result.rejections[0].message
    assert changes == ()


def settings_of(fold: ConfigFold, kind: Kind, name: str) -> tuple[bool, dict[str, Any]]:
    entity = fold.entities.find(kind, name)
    assert entity is not None
    return entity.enabled, dict(entity.settings)


def test_M20_a_disable_keeps_how_until_the_next_enable(fold: ConfigFold) -> None:
    given = {"address": "10.0.0.1", "port": 80}
    take(fold, "disable service web1 delay=60s graceful=yes")
    assert settings_of(fold, Kind.SERVICE, "web1") == (False, {**given, "delay_ms": 60_000, "graceful": True})
    take(fold, "set service web1 threshold=5\nset service web1 threshold=-")
    take(fold, "disable service web1 delay=5s")
    assert settings_of(fold, Kind.SERVICE, "web1") == (False, {**given, "delay_ms": 5_000})
    take(fold, "disable service web1")
    assert settings_of(fold, Kind.SERVICE, "web1") == (False, given)
    take(fold, "disable service web1 delay=5s\nenable service web1")
    assert settings_of(fold, Kind.SERVICE, "web1") == (True, given)


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("disable monitor tcp delay=60s", '"delay" is not a parameter here'),
        ("enable service web1 delay=60s", '"delay" is not a parameter here'),
        ("disable vserver shop graceful=yes", '"graceful" is not a parameter here'),
        ("disable service web1 delay=60", "60"),
        ("disable service web1 dealy=60s", "did you mean delay?"),
        ("set service web1 delay=60s", '"delay" is not a parameter'),
        ("set service web1 flap_window=30s", "flap_changes is 1 or more"),
    ],
)
def test_M20_what_cannot_be_given_is_told(fold: ConfigFold, text: str, part: str) -> None:
    result, changes = take(fold, text)
    assert not result.accepted
    assert part in result.rejections[0].message
    assert changes == ()


def test_U7_a_shadow_stays_one_until_it_is_said_otherwise(fold: ConfigFold) -> None:
    def shadow() -> bool:
        web1 = fold.entities.find(Kind.SERVICE, "web1")
        assert web1 is not None
        return web1.bindings[-1].shadow

    take(fold, "bind service web1 monitor tcp shadow=yes")
    assert shadow()
    take(fold, "bind service web1 monitor tcp weight=7")
    assert shadow()
    take(fold, "bind service web1 monitor tcp shadow=no")
    assert not shadow()
