"""Services in JSON: the shape, pages by name, filters, errors that help."""

from __future__ import annotations

import json

import pytest

from schemas.states import State
from streams.web.encoding import encode_answer
from streams.web.services import one_service, services_page
from tests.unit.replica.samples import service_state
from tests.unit.web.fake_source import FakeSource, monitor, service

SAMPLE = FakeSource(
    services=[service("3-0", "web3"), service("1-0", "web1", (monitor("1-3", "home"),)), service("2-0", "db/ten:80")],
    states={
        "1-0": service_state("1-0", view_id=5, sequence=7, state=State.DOWN, name="web1"),
        "3-0": service_state("3-0", name="web3"),
    },
)


def names(source: FakeSource, *pairs: tuple[str, str]) -> list[str]:
    answer = services_page(source, pairs)
    assert answer.status == 200, answer.body
    return [row["name"] for row in answer.body["services"]]


def test_a_row_has_the_fields_of_the_record() -> None:
    answer = services_page(SAMPLE, (("name", "web1"),))
    assert answer.body == {
        "states_age_s": 0.25,
        "count": 1,
        "next_after": None,
        "services": [
            {
                "entity_id": "1-0",
                "name": "web1",
                "state": "DOWN",
                "owner": "b0",
                "view_id": 5,
                "sequence": 7,
                "address": "10.0.0.1",
                "port": 80,
                "up_weight": 1,
                "threshold": 1,
                "response_time_us": 1200,
                "since": "2026-09-21T14:13:20.000Z",
                "since_ms": 1_790_000_000_000,
                "age_s": 0.25,
                "cause": {
                    "kind": "PROBE",
                    "text": "1 of 1 up",
                    "topic": "watchbill.probe-results",
                    "partition": 3,
                    "offset": 100,
                },
                "explained_by": [],
            }
        ],
    }


def test_a_service_without_a_state_is_unknown_and_nobodys() -> None:
    row = services_page(SAMPLE, (("name", "db"),)).body["services"][0]
    assert (row["state"], row["owner"], row["since"], row["age_s"], row["cause"]) == ("UNKNOWN", None, None, None, None)
    assert (row["address"], row["port"]) == ("10.0.0.9", 8080)


@pytest.mark.parametrize(
    ("pairs", "expected"),
    [
        ((), ["db/ten:80", "web1", "web3"]),
        ((("state", "DOWN"),), ["web1"]),
        ((("state", "up"),), ["web3"]),
        ((("state", "UNKNOWN"),), ["db/ten:80"]),
        ((("owner", "b0"),), ["web1", "web3"]),
        ((("owner", "b1"),), []),
        ((("name", "web"),), ["web1", "web3"]),
        ((("after", "web1"),), ["web3"]),
    ],
)
def test_filters(pairs: tuple[tuple[str, str], ...], expected: list[str]) -> None:
    assert names(SAMPLE, *pairs) == expected


def test_pages_by_name_meet_every_service_once_and_decode_no_more_than_they_show() -> None:
    source = FakeSource(services=[service(f"{each}-0", f"s{each:04}") for each in reversed(range(12_000))])
    seen: list[str] = []
    after = ""
    while after is not None:
        source.asked.clear()
        body = services_page(source, (("after", after), ("limit", "5000"))).body
        seen += [row["name"] for row in body["services"]]
        assert len(source.asked) <= 5_001
        after = body["next_after"]
    assert seen == sorted({each.name for each in source.services})


@pytest.mark.parametrize(
    ("pair", "text"),
    [
        (("limit", "0"), "limit='0': give a whole number from 1 to 10,000"),
        (("limit", "10001"), "limit='10001': give a whole number from 1 to 10,000"),
        (("limit", "many"), "limit='many': give a whole number from 1 to 10,000"),
        (
            ("state", "SICK"),
            "state='SICK': give one of UNKNOWN, UP, DOWN, OUT_OF_SERVICE, GOING_OUT_OF_SERVICE",
        ),
        (("stat", "UP"), "no parameter 'stat': this page takes state, owner, name, after, limit"),
        (("name", "x" * 257), "name has 257 characters: at most 256"),
    ],
)
def test_a_wrong_parameter_is_refused_with_the_mend(pair: tuple[str, str], text: str) -> None:
    answer = services_page(SAMPLE, (pair,))
    assert (answer.status, answer.body) == (400, {"error": text})


def test_a_parameter_given_twice_is_refused() -> None:
    assert services_page(SAMPLE, (("name", "a"), ("name", "b"))).body == {"error": "name is given twice: give it once"}


def test_one_service_shows_each_binding_and_no_setting_of_its_monitors() -> None:
    body = one_service(SAMPLE, (), "web1").body
    assert body["incarnation"] == "b0-1"
    assert body["updated_at_ms"] == 1_790_000_000_007
    assert body["bindings"] == [
        {
            "monitor_id": "1-3",
            "monitor": "home",
            "type": "HTTP",
            "weight": 30,
            "enabled": True,
            "counts": True,
            "shadow": False,
            "state": "UP",
            "verdict": "UP",
            "reason": "OK",
            "detail": "",
            "response_time_us": 1200,
            "run": 3,
            "count": 2,
            "outcomes": "++++++++++",
            "slow": False,
            "load": None,
            "last_at": "2026-09-21T14:13:20.000Z",
            "last_at_ms": 1_790_000_000_000,
            "failures": [],
        }
    ]
    assert "hidden" not in json.dumps(body)


def test_a_name_that_is_not_there_is_told_with_the_nearest() -> None:
    answer = one_service(SAMPLE, (), "web9")
    assert answer.status == 404
    assert answer.body["error"] in (
        'no service "web9": did you mean "web1"?',
        'no service "web9": did you mean "web3"?',
    )
    assert one_service(SAMPLE, (), "quite another").body == {"error": 'no service "quite another"'}


def test_a_misspelt_name_among_very_many_is_compared_with_those_that_end_or_begin_alike() -> None:
    source = FakeSource(services=[service(f"{each}-0", f"web{each:05}") for each in range(20_000)])
    assert one_service(source, (), "web0123x").body["error"].startswith('no service "web0123x": did you mean "web0123')


def test_U9_a_state_ages_and_stays_while_kafka_is_away() -> None:
    source = FakeSource(services=SAMPLE.services, states=SAMPLE.states, age_s=75.0)
    row = services_page(source, (("name", "web3"),)).body["services"][0]
    assert (row["state"], row["age_s"]) == ("UP", 75.0)


def test_an_age_that_is_not_known_is_null_in_json() -> None:
    source = FakeSource(services=SAMPLE.services, states=SAMPLE.states, age_s=float("inf"))
    body = json.loads(encode_answer(services_page(source, ()).body))
    assert body["states_age_s"] is None
    assert body == services_page(source, ()).body
