"""M-20: a service that is DOWN because of another one names it on its page and in the list."""

from __future__ import annotations

from schemas.config import Kind
from schemas.inventory.services import services
from schemas.states import State
from streams.web.services import one_service, services_page
from tests.unit.cli_show.samples import state
from tests.unit.config.config_words import folded
from tests.unit.web.fake_source import FakeSource

ENTITIES = folded("""
add service web address=10.0.0.1 port=80
add service api address=10.0.0.2 port=80
add service db address=10.0.0.3 port=80
bind service web service api
bind service api service db
""").entities


def source(**states: State) -> FakeSource:
    ids = {name: ENTITIES.by_name[(Kind.SERVICE, name)] for name in states}
    told = {ids[name]: state(now, entity_id=ids[name], name=name) for name, now in states.items()}
    return FakeSource(services=list(services(ENTITIES)), states=told, configured=ENTITIES)


def explained(found: FakeSource) -> dict[str, list[str]]:
    return {row["name"]: row["explained_by"] for row in services_page(found, ()).body["services"]}


def test_M20_the_list_names_the_root_and_not_what_hangs_between() -> None:
    down = source(web=State.DOWN, api=State.DOWN, db=State.DOWN)
    assert explained(down) == {"web": ["db"], "api": ["db"], "db": []}
    assert explained(source(web=State.DOWN, api=State.UP, db=State.DOWN)) == {"web": ["db"], "api": [], "db": []}
    assert explained(source(web=State.UP, api=State.UP, db=State.UP)) == {"web": [], "api": [], "db": []}


def test_M20_a_page_says_what_a_service_depends_on() -> None:
    body = one_service(source(web=State.DOWN, db=State.DOWN), (), "web").body
    assert body["depends_on"] == [{"name": "api", "state": "UNKNOWN"}]
    assert (body["explained_by"], body["state"]) == (["db"], "DOWN")
