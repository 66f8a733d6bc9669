"""What ns.conf's commands become: each case is a monitor, or a few commands, and what comes of them."""

from __future__ import annotations

import pytest

from connectors.config.imports.netscaler_lines import commands_of, escapes
from connectors.config.imports.netscaler_monitors import BUILT_IN, NEAREST, TYPES
from schemas.config import Kind
from schemas.parameters.monitors import MONITOR_TYPES
from tests.unit.imports.imported import Imported, imported


def monitor(command: str) -> Imported:
    """A service with one monitor, `m`."""
    commands = ("add service s 10.0.0.1 TCP 80", f"add lb monitor m {command}", "bind service s -monitorName m")
    return imported("netscaler", "\n".join(commands))


@pytest.mark.parametrize(
    ("command", "settings"),
    [
        ("PING", {"type": "PING"}),
        ("TCP -interval 7", {"interval_ms": 7_000}),
        ("TCP -interval 500 MSEC -resptimeout 20 msec -downTime 2 MIN", {"interval_ms": 500, "down_time_ms": 120_000}),
        ("TCP -retries 10 -failureRetries 6 -successRetries 2", {"retries": 10, "failure_retries": 6}),
        ("TCP -alertRetries 2 -respTimeoutThresh 50 -deviation 100 MSEC", {"alert_retries": 2, "deviation_ms": 100}),
        ("TCP -destIP 10.9.9.9 -destPort 81 -reverse YES -LRTM ENABLED", {"destination_port": 81, "reverse": True}),
        ("TCP -secure YES", {"type": "TCP", "secure": True}),
        ("TCPS", {"type": "TCP", "secure": True}),
        ("HTTP -respCode 200 302-304", {"type": "HTTP", "response_codes": ("200", "302-304")}),
        ('HTTP -httpRequest "get /a b"', {"http_request": "GET /a"}),
        ("HTTP -secure YES -trofsCode 503", {"type": "HTTPS", "trofs_code": 503}),
        ('HTTP-ECV -send "GET /x" -recv ok', {"type": "HTTP-ECV", "send": "GET /x", "response_codes": ("100-599",)}),
        ('HTTP-ECV -send "GET /x" -secure YES', {"type": "HTTPS-ECV"}),
        ('HTTP-ECV -send "GET / HTTP/1.1\\r\\nHost: a.test\\r\\n\\r\\n"', {"custom_headers": ("Host: a.test",)}),
        ('HTTP -customHeaders "A: b\\r\\nC: d\\r\\n"', {"custom_headers": ("A: b", "C: d")}),
        ('HTTP -customHeaders "Cookie: x=y"', {"secret_headers": ("cookie: file:m.cookie",)}),
        ('TCP-ECV -send "a\\\\r\\\\n" -recv "+OK"', {"send": "a\\r\\n", "recv": "+OK"}),
        ('TCP-ECV -recv "x" -trofsString gone', {"trofs_string": "gone"}),
        ("UDP-ECV -send a -recv b", {"type": "UDP-ECV", "send": "a", "recv": "b"}),
        ("DNS -query a.test -queryType AAAA -IPAddress 2001:db8::1", {"query_type": "AAAA"}),
        ("DNS -query a.test -queryType Zone", {"query_type": "ZONE"}),
        ("FTP -userName u -password p", {"type": "FTP", "user_name": "u", "password_ref": "file:m"}),
        ("FTP-EXTENDED -userName u -password p -fileName f", {"type": "FTP", "file_name": "f"}),
        ("USER -scriptName x.pl -scriptArgs user=a;password=geheim", {"script_args": None}),
        ('TCP-ECV -send "AUTH geheim" -recv OK', {"send": None, "recv": "OK"}),
        ("HTTP -secureArgs geheim -kcdAccount geheim", {"type": "HTTP"}),
        ('HTTP -customHeaders "X-Api-Key: geheim"', {"secret_headers": ("X-Api-Key: file:m.x-api-key",)}),
        ('USER -scriptName x.pl -scriptArgs "a=b c"', {"script_name": "x.pl", "script_args": "a=b c"}),
        ('MYSQL-ECV -userName u -database d -sqlQuery "select 1"', {"type": "MYSQL", "sql_query": "select 1"}),
        ("LDAP -baseDN dc=x -bindDN cn=y -password p", {"type": "LDAP", "bind_dn": "cn=y"}),
        ("SMTP -userName u", {"type": "SMTP"}),
        ("HTTP2 -grpcHealthCheck YES -grpcServiceName a.B", {"type": "GRPC", "grpc_service_name": "a.B"}),
        ("HTTP-INLINE -respCode 200", {"type": "HTTP-INLINE"}),
        ("POP3 -userName u -password p", {"type": "TCP"}),
        ("WHATEVER", {"type": "TCP"}),
    ],
)
def test_M6_M18_a_monitor(command: str, settings: dict[str, object]) -> None:
    made = monitor(command)
    assert "geheim" not in made.text + "".join(made.notices)
    found = made.monitor("m")
    assert {name: found.get(name) for name in settings} == {
        name: ("Cookie: file:m.cookie",) if value == ("cookie: file:m.cookie",) else value
        for name, value in settings.items()
    }


def test_M6_every_type_is_ours_or_has_a_nearest_that_is() -> None:
    assert {*TYPES.values(), *(ours for ours, _ in NEAREST.values())} <= MONITOR_TYPES.keys()
    assert {kind for kind in BUILT_IN.values() if kind not in TYPES} <= NEAREST.keys()


@pytest.mark.parametrize("kind", sorted(NEAREST))
def test_a_type_that_is_not_there_is_lost_aloud_and_still_asked(kind: str) -> None:
    found = monitor(kind)
    assert found.told(f"2: lost: monitor m of type {kind}: only")
    assert found.bound("s") == {"m": (1, None, False)}


def test_what_netscaler_checks_without_being_told() -> None:
    services = ("TCP", "HTTP", "UDP", "DNS", "ANY")
    found = imported("netscaler", "\n".join(f"add service s{kind} 10.0.0.1 {kind} 80" for kind in services))
    assert [*found.bound("sTCP"), *found.bound("sHTTP")] == ["tcp-default", "tcp-default"]
    assert [*found.bound("sUDP"), *found.bound("sDNS"), *found.bound("sANY")] == ["ping-default"] * 3


def test_built_in_monitors_are_written_out_as_they_were_set() -> None:
    text = "add service s 10.0.0.1 HTTP 80\nset lb monitor http HTTP -interval 9\nbind service s -monitorName http"
    assert imported("netscaler", text).monitor("http") == {"type": "HTTP", "interval_ms": 9_000}


def test_a_built_in_monitor_that_checks_nobody_is_left_out() -> None:
    """Every ns.conf sets some: none of them is anybody's loss."""
    found = imported("netscaler", "set lb monitor ldns-dns LDNS-DNS -query .\nset lb monitor sta CITRIX-STA-SERVICE")
    assert found.text == ""
    (notice,) = found.notices
    assert notice.startswith("1-2: note: monitor ldns-dns, monitor sta: is one that every NetScaler has")
    assert list(imported("netscaler", "add lb monitor own TCP").wanted) == [(Kind.MONITOR, "own")]


def test_M9_bindings_have_weight_and_state_and_shadow() -> None:
    found = imported(
        "netscaler",
        "\n".join(
            (
                "add service s 10.0.0.1 TCP 80 -monThreshold 30",
                "add lb monitor a TCP",
                "add lb monitor b TCP -action LOG",
                "add lb monitor c TCP",
                "bind service s -monitorName a -weight 30",
                "bind service s -monitorName b -monState DISABLED",
                "bind lb monitor c s -weight 5",
                "bind service s -monitorName c -weight 6",
            )
        ),
    )
    assert found.service("s")["threshold"] == 30
    assert found.bound("s") == {"a": (30, None, False), "b": (1, False, True), "c": (6, None, False)}


def test_G1_groups_have_members_and_what_is_disabled_is_out() -> None:
    found = imported(
        "netscaler",
        "\n".join(
            (
                "add server one 10.0.0.1",
                "add server two 2001:db8::2 -state DISABLED",
                "add server three 10.0.0.3",
                "add serviceGroup g HTTP -pathMonitor YES -pathMonitorIndv NO",
                "bind serviceGroup g one 80",
                "bind serviceGroup g two 80",
                "bind serviceGroup g three 80 -state DISABLED",
                "bind serviceGroup g 10.0.0.4 80",
                "bind serviceGroup g 10.0.0.5 80",
                "unbind serviceGroup g 10.0.0.5 80",
                "disable serviceGroup g 10.0.0.4 80",
                "disable server one",
                "enable server one",
            )
        ),
    )
    members = {name: wanted.enabled for (kind, name), wanted in found.wanted.items() if kind is Kind.MEMBER}
    expected = {"g/10.0.0.1:80": None, "g/[2001:db8::2]:80": False, "g/10.0.0.3:80": False, "g/10.0.0.4:80": False}
    assert members == expected
    group = found.wanted[(Kind.SERVICE_GROUP, "g")]
    assert group.settings == {"path_monitor": True, "path_monitor_individual": False}


def test_vservers_have_their_services_and_groups() -> None:
    text = (
        "add service s 10.0.0.1 HTTP 80\nadd serviceGroup g HTTP\n"
        "add lb vserver v SSL 10.0.0.9 443 -lbMethod LEASTRESPONSETIME\n"
        "bind lb vserver v s -weight 9\nbind lb vserver v g\nbind lb vserver v gone\ndisable lb vserver v"
    )
    found = imported("netscaler", text)
    vserver = found.wanted[(Kind.VSERVER, "v")]
    assert vserver.settings == {"protocol": "SSL", "address": "10.0.0.9", "port": 443, "method": "LRTM"}
    assert vserver.enabled is False
    assert {name: weight for name, (weight, *_) in found.bound("v", Kind.VSERVER).items()} == {"s": 9, "g": 1}
    assert found.told("6: lost: gone of vserver v: was never added")


def test_LOAD_has_its_metrics_by_name_or_by_oid() -> None:
    text = (
        "add lb metricTable t\nbind lb metricTable t cpu 1.3.6.1\n"
        "add lb monitor m LOAD -metricTable t -snmpCommunity public\n"
        "bind lb monitor m -metric cpu -metricThreshold 400 -metricWeight 2\n"
        "bind lb monitor m -metric 1.3.7.1 -metricThreshold 9"
    )
    assert imported("netscaler", text).monitor("m")["metrics"] == ("1.3.6.1 400 2", "1.3.7.1 9 1")


def test_what_is_about_health_and_not_followed_is_told() -> None:
    found = imported("netscaler", "add service s 10.0.0.1 TCP 80\nrename service s t\nunset lb monitor http -interval")
    assert found.told("2: changed: rename service s: is not followed")
    assert found.told("3: changed: unset lb monitor http: is not followed")


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('add service "a b" 10.0.0.1 TCP 80', ("a b", "10.0.0.1", "TCP", "80")),
        ('add service "a \\"b\\"" x', ('a "b"', "x")),
        ('add service q{a "b} x', ('a "b', "x")),
        ("add service q x", ("q", "x")),
        ("ADD Service x", ("x",)),
    ],
)
def test_quoting(line: str, words: tuple[str, ...]) -> None:
    (command,) = commands_of(line)
    assert (command.verb, command.about, command.words) == ("add", "service", words)


def test_a_quoted_word_is_never_a_parameter() -> None:
    (command,) = commands_of('add lb monitor m TCP-ECV -send "-x y" -recv -1')
    assert command.parameters == {"send": ("-x y",), "recv": ("-1",)}


@pytest.mark.parametrize(
    ("text", "ours"), [("a\\r\\n\\x41", "a\\r\\n\\x41"), ("C:\\dir\\", "C:\\\\dir\\\\"), ("\\xg", "\\\\xg")]
)
def test_escapes(text: str, ours: str) -> None:
    assert escapes(text) == ours
