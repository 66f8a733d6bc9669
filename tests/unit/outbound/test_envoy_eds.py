"""What is written for Envoy of each vserver, and when."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from connectors.outbound.envoy_eds import HEALTH, Endpoint, EnvoyEds, document, put
from schemas.states import State

ONE = Endpoint("10.0.0.1", 80, 3, State.UP)


def endpoints(*given: Endpoint) -> list[tuple[str, int, str, int]]:
    resource = json.loads(document("shop", given))["resources"][0]
    assert resource["cluster_name"] == "shop"
    rows = resource["endpoints"][0]["lb_endpoints"]
    at = [row["endpoint"]["address"]["socket_address"] for row in rows]
    return [
        (where["address"], where["port_value"], row["health_status"], row["load_balancing_weight"])
        for where, row in zip(at, rows, strict=True)
    ]


@pytest.mark.parametrize(
    ("state", "health"),
    [
        (State.UP, "HEALTHY"),
        (State.DOWN, "UNHEALTHY"),
        (State.OUT_OF_SERVICE, "UNHEALTHY"),
        (State.GOING_OUT_OF_SERVICE, "DRAINING"),
        (State.UNKNOWN, "UNKNOWN"),
    ],
)
def test_each_state_in_the_words_of_envoy(state: State, health: str) -> None:
    assert endpoints(Endpoint("10.0.0.1", 80, 3, state)) == [("10.0.0.1", 80, health, 3)]
    assert set(HEALTH) == set(State)


def test_what_is_bound_twice_is_there_once_with_both_weights() -> None:
    other = Endpoint("10.0.0.1", 81, 1, State.DOWN)
    assert endpoints(ONE, other, ONE) == [("10.0.0.1", 80, "HEALTHY", 6), ("10.0.0.1", 81, "UNHEALTHY", 1)]


def test_the_version_is_another_only_where_something_else_is_said() -> None:
    def version(*given: Endpoint) -> str:
        return str(json.loads(document("shop", given))["version_info"])

    assert version(ONE) == version(ONE)
    assert version(ONE) != version(Endpoint("10.0.0.1", 80, 3, State.DOWN))


def test_a_file_is_replaced_whole_and_only_by_another(tmp_path: Path) -> None:
    place = tmp_path / "shop.json"
    assert put(place, b"one")
    first = place.stat().st_ino
    assert not put(place, b"one")
    assert put(place, b"two")
    assert place.read_bytes() == b"two"
    assert place.stat().st_ino != first, "renamed over, as Envoy waits for; not written into"
    assert list(tmp_path.iterdir()) == [place]


def test_a_folder_that_is_gone_is_told_of_once_and_written_to_when_it_is_back(tmp_path: Path) -> None:
    folder = tmp_path / "eds"
    feed = EnvoyEds(folder, lambda: {"shop": [ONE]})

    async def looks() -> None:
        await feed.turn()
        await feed.turn()
        folder.mkdir()
        await feed.turn()

    with capture_logs() as logs:
        asyncio.run(looks())
    assert [row["log_level"] for row in logs] == ["warning", "info", "info"]
    assert json.loads((folder / "shop.json").read_text())["resources"]
    assert feed.written == 1
