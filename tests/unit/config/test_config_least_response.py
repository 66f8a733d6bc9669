"""L-2: which services are chosen by their response time, and which ones a change of a vserver reaches."""

from __future__ import annotations

import pytest

from schemas.inventory.services import affected, services, some_services
from streams.folding.config.fold import ConfigFold
from tests.unit.config.config_words import folded, messages, take

BASE = """
add monitor quick type=TCP lrtm=yes
add monitor plain type=TCP
add service a address=10.0.0.1 port=80
add service b address=10.0.0.2 port=80
add service_group web
add member web/10.0.0.3:80
add member web/10.0.0.4:80
add service c address=10.0.0.5 port=80
add vserver least method=LRTM
add vserver round method=ROUNDROBIN
bind service a monitor quick
bind service b monitor plain
bind service c monitor quick
bind service_group web monitor quick
bind vserver least service a
bind vserver least service b
bind vserver least service_group web
bind vserver round service c
"""
MEMBERS = {"web/10.0.0.3:80", "web/10.0.0.4:80"}


def chosen(fold: ConfigFold) -> set[str]:
    return {service.name for service in services(fold.entities) if service.least_response}


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("", {"a"} | MEMBERS),
        ("set vserver round method=LRTM", {"a", "c"} | MEMBERS),
        ("set vserver least method=-", set()),
        ("unbind vserver least service a", MEMBERS),
        ("unbind vserver least service_group web", {"a"}),
        ("set monitor plain lrtm=yes", {"a", "b"} | MEMBERS),
        ("set monitor quick lrtm=no", set()),
        ("disable monitor quick", set()),
        ("bind service a monitor quick state=DISABLED", MEMBERS),
        ("add member web/10.0.0.9:80", {"a", "web/10.0.0.9:80"} | MEMBERS),
        ("bind member web/10.0.0.3:80 monitor quick state=DISABLED", {"a", "web/10.0.0.4:80"}),
        ("disable vserver least", {"a"} | MEMBERS),
    ],
)
def test_L2_an_lrtm_monitor_in_use_and_a_vserver_of_that_method(line: str, names: set[str]) -> None:
    assert chosen(folded(*[text for text in (BASE, line) if text])) == names


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("unbind vserver least service a", {"a"}),
        ("bind vserver least service c", {"c"}),
        ("bind vserver least service a weight=4", set()),
        ("unbind vserver least service_group web", MEMBERS),
        ("set vserver least method=ROUNDROBIN", {"a", "b"} | MEMBERS),
        ("set vserver round method=LRTM", {"c"}),
        ("bind vserver round service a", set()),
        ("set vserver least comment=x", set()),
    ],
)
def test_L2_a_change_of_a_vserver_reaches_the_services_that_it_chooses_among(line: str, names: set[str]) -> None:
    fold = folded(BASE)
    before = fold.entities
    result, changes = take(fold, line)
    assert result.accepted, messages(result)
    reached = some_services(fold.entities, affected(fold.entities, changes, before))
    assert {service.name for _, service in reached if service} == names


@pytest.mark.parametrize("kind", ["HTTP-INLINE", "LOAD"])
def test_L2_monitors_without_a_response_time_that_counts_have_no_lrtm(kind: str) -> None:
    result, _ = take(ConfigFold(), f"add monitor m type={kind} lrtm=yes")
    assert any('"lrtm" is not a parameter' in message for message in messages(result))
