"""The parameter tables, and reading values into them: every shape, its range, and the message when it does not fit."""

from __future__ import annotations

import pytest

from schemas.config import Kind
from schemas.parameters.checking import check_added, check_changed, describe
from schemas.parameters.durations import duration_ms, duration_text
from schemas.parameters.kinds import BINDINGS, KINDS, table_of
from schemas.parameters.monitors import MONITOR_TYPES
from schemas.parameters.parameter import Parameter, Shape
from schemas.parameters.reading import Unfit, code_ranges, read, written


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1ms", 1),
        ("500msec", 500),
        ("5s", 5_000),
        ("5 sec", 5_000),
        ("1.5s", 1_500),
        ("2min", 120_000),
        ("1h", 3_600_000),
        ("3d", 259_200_000),
        ("5", None),
        ("", None),
        ("-5s", None),
        ("0.5ms", None),
        ("5 parsecs", None),
    ],
)
def test_M2_durations_have_a_unit_and_are_whole_milliseconds(text: str, milliseconds: int | None) -> None:
    assert duration_ms(text) == milliseconds


@pytest.mark.parametrize("text", ["0s", "1ms", "5s", "90s", "2min", "1h", "30d"])
def test_durations_are_shown_as_they_are_written(text: str) -> None:
    milliseconds = duration_ms(text)
    assert milliseconds is not None
    assert duration_text(milliseconds) == text


def test_M18_defaults_are_netscalers() -> None:
    defaults = MONITOR_TYPES["HTTP"].table.defaults
    assert defaults == {
        "interval_ms": 5_000,
        "response_timeout_ms": 2_000,
        "retries": 3,
        "failure_retries": 0,
        "success_retries": 1,
        "down_time_ms": 30_000,
        "alert_retries": 0,
        "response_timeout_threshold": 0,
        "deviation_ms": 0,
        "lrtm": False,
        "reverse": False,
        "http_request": "HEAD /",
        "response_codes": ("200",),
        "secure": False,
        "tls_verify": False,
    }
    assert KINDS[Kind.SERVICE].table.defaults["threshold"] == 0
    assert KINDS[Kind.VSERVER].table.defaults["method"] == "LEASTCONNECTION"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"type": "TCP", "interval": "1s"}, "response_timeout 2s (the default) is not shorter than interval 1s"),
        ({"type": "TCP", "interval": "1s", "response_timeout": "1s"}, "such as 500ms"),
        ({"type": "TCP", "failure_retries": 6}, "failure_retries 6 is more than retries 3 (the default)"),
        ({"type": "TCP", "retries": 128}, 'retries cannot be "128": it is a whole number from 1 to 127'),
        ({"type": "HTP"}, 'type cannot be "HTP": it is one of TCP, '),
        ({"interval": "5s"}, "type is missing: give its TCP|"),
        ({"type": "TCP", "interval": 5.5}, "it is a number with a unit, such as 500ms, 5s or 2min"),
        ({"type": "TCP", "interval": "31d"}, "it is from 1ms to 30d"),
        ({"type": "TCP", "intervall": "5s"}, '"intervall" is not a parameter: did you mean interval?'),
        ({"type": "TCP", "http_request": "GET /"}, '"http_request" is not a parameter'),
        ({"type": "HTTP", "response_codes": "200-700"}, "status codes are 100 to 599"),
        ({"type": "HTTP", "custom_headers": "X: a\r\nY: b"}, "a header line is like 'Host: example.org'"),
        ({"type": "HTTP", "http_request": "GET /\r\nX: y"}, "without control characters"),
    ],
)
def test_M18_a_monitor_is_checked_by_its_types_table(given: dict[str, object], message: str) -> None:
    checked = check_added(table_of(Kind.MONITOR, given), given)  # type: ignore[arg-type]
    assert any(message in fault for fault in checked.faults), checked.faults


def test_M2_a_monitor_may_run_every_millisecond() -> None:
    given = {"type": "TCP", "interval": "1ms", "response_timeout": "1ms"}
    assert check_added(table_of(Kind.MONITOR, given), given).faults == []


def test_all_faults_are_told_not_the_first_only() -> None:
    checked = check_added(KINDS[Kind.SERVICE].table, {"address": "10.0.0.300", "threshold": -1, "colour": "red"})
    assert len(checked.faults) == 4
    assert any("port is missing" in fault for fault in checked.faults)


def test_only_what_was_given_is_kept_and_in_one_spelling() -> None:
    given = {"type": "http", "interval": "5s", "response_codes": "200-299, 301", "reverse": "no"}
    kept = check_added(table_of(Kind.MONITOR, given), given).kept
    assert kept == {"type": "HTTP", "interval_ms": 5_000, "response_codes": ("200-299", "301"), "reverse": False}
    assert check_added(table_of(Kind.MONITOR, kept), kept).kept == kept
    assert code_ranges(kept["response_codes"]) == ((200, 299), (301, 301))


def test_addresses_are_kept_in_one_spelling() -> None:
    row = Parameter("address", Shape.ADDRESS, "")
    assert read(row, "2001:DB8:0:0::1") == "2001:db8::1"
    assert isinstance(read(row, "fe80::1%eth0"), Unfit)
    assert isinstance(read(row, "10.0.0.01"), Unfit)


def test_T2_path_monitor_individual_needs_path_monitor() -> None:
    table = KINDS[Kind.SERVICE].table
    given = {"address": "10.0.0.1", "port": 80, "path_monitor_individual": False}
    assert "where path_monitor is on" in check_added(table, given).faults[0]
    assert check_added(table, {**given, "path_monitor": "yes"}).faults == []
    assert table.defaults["path_monitor_individual"] is True


def test_a_change_to_none_goes_back_to_the_default() -> None:
    table = KINDS[Kind.SERVICE].table
    stored = {"address": "10.0.0.1", "port": 80, "threshold": 10}
    assert check_changed(table, stored, {"threshold": None}).kept == {"address": "10.0.0.1", "port": 80}
    assert "port cannot be taken back" in check_changed(table, stored, {"port": None}).faults[0]
    assert "only at add" in describe(table.by_name["internal"])
    assert "internal cannot be changed later" in check_changed(table, stored, {"internal": True}).faults[0]
    assert "enable and disable" in check_changed(table, stored, {"state": "DISABLED"}).faults[0]


def test_every_default_is_in_the_kept_form_and_every_row_can_be_described() -> None:
    tables = [row.table for row in KINDS.values()] + [kind.table for kind in MONITOR_TYPES.values()]
    for table in [*tables, *BINDINGS.values()]:
        for row in table.rows:
            assert row.default is None or read(row, row.default) == row.default
            assert row.default is None or read(row, written(row, row.default)) == row.default
            assert row.help
            assert describe(row)
