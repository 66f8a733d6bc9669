"""What HAProxy's words for checks become: each case is a backend's lines and what comes of its first server."""

from __future__ import annotations

import pytest

from connectors.config.imports.haproxy_lines import words_of
from schemas.config import Kind
from schemas.parameters.escapes import escaped_bytes
from tests.unit.imports.imported import Imported, imported

SERVER = "server s 10.0.0.1:80 check"


def backend(*lines: str, before: str = "") -> Imported:
    return imported("haproxy", f"{before}\nbackend b\n" + "\n".join(f"  {line}" for line in lines))


@pytest.mark.parametrize(
    ("options", "settings"),
    [
        ("", {"interval_ms": 2_000, "response_timeout_ms": 1_999, "retries": 3, "success_retries": 2}),
        ("inter 500 rise 5 fall 7", {"interval_ms": 500, "retries": 7, "success_retries": 5, "down_time_ms": 500}),
        ("inter 1m downinter 2m", {"interval_ms": 60_000, "down_time_ms": 120_000}),
        ("port 8080", {"destination_port": 8080}),
        ("port 80", {"type": "TCP"}),
        ("addr 10.9.9.9", {"destination_ip": "10.9.9.9"}),
        ("source 10.0.0.9:0", {"source_ip": "10.0.0.9"}),
        ("check-ssl verify none", {"secure": True}),
        ("ssl verify none", {"secure": True}),
        ("ssl verify required ca-file @system-ca check-sni a.test", {"server_name": "a.test", "tls_verify": True}),
        ("check-ssl sni str(b.test) ca-file /x/ca.pem", {"server_name": "b.test", "ca_ref": "file:ca.pem"}),
    ],
)
def test_server_options(options: str, settings: dict[str, object]) -> None:
    monitor = backend(f"{SERVER} {options}").monitor("b")
    assert {name: monitor.get(name) for name in settings} == settings


def test_tls_of_traffic_is_not_that_of_a_check_elsewhere() -> None:
    assert "secure" not in backend(f"{SERVER} ssl verify none port 8080").monitor("b")


def test_a_certificate_that_haproxy_takes_without_a_name_does_not_turn_good_servers_down() -> None:
    found = backend(f"{SERVER} ssl verify required ca-file /x/ca.pem")
    assert "tls_verify" not in found.monitor("b")
    assert found.told("give server_name and tls_verify: yes")


def test_the_default_of_verification_is_the_global_section_s() -> None:
    found = backend(f"{SERVER} ssl", before="global\n  ssl-server-verify none")
    assert not found.told("a certificate")


@pytest.mark.parametrize(
    ("timeouts", "milliseconds"),
    [
        ((), 9_999),
        (("timeout connect 1s",), 9_999),
        (("timeout check 2s",), 2_000),
        (("timeout connect 1s", "timeout check 2s"), 3_000),
        (("timeout connect 9s", "timeout check 2s"), 9_999),
    ],
)
def test_time_outs_add_up_as_in_haproxy(timeouts: tuple[str, ...], milliseconds: int) -> None:
    found = backend(*timeouts, f"{SERVER} inter 10s")
    assert found.monitor("b")["response_timeout_ms"] == milliseconds


HTTP = "option httpchk"


@pytest.mark.parametrize(
    ("lines", "settings"),
    [
        ((HTTP,), {"type": "HTTP", "http_request": "OPTIONS /", "response_codes": ("200-399",)}),
        ((f"{HTTP} /ok",), {"http_request": "OPTIONS /ok"}),
        ((f"{HTTP} GET /ok HTTP/1.1\\r\\nHost:\\ a.test",), {"custom_headers": ("Host: a.test",)}),
        (
            (HTTP, "http-check send meth PUT uri /x hdr X-A b"),
            {"http_request": "PUT /x", "custom_headers": ("X-A: b",)},
        ),
        ((HTTP, "http-check expect status 200,204-206"), {"response_codes": ("200", "204-206")}),
        ((HTTP, "http-check expect ! status 500-599"), {"response_codes": ("100-499",)}),
        ((HTTP, "http-check expect rstatus ^20[04]"), {"response_codes": ("200", "204")}),
        ((HTTP, "http-check expect min-recv 5 comment x string ok"), {"type": "HTTP-ECV", "recv": "ok"}),
        ((HTTP, "http-check expect string ok"), {"send": "OPTIONS /", "response_codes": ("100-599",)}),
        ((HTTP, "http-check expect rstring o+k"), {"recv_pattern": "o+k"}),
        ((HTTP, "http-check expect ! string bad"), {"not_recv": "bad"}),
        ((HTTP, "http-check expect status 200", "http-check expect string ok"), {"response_codes": ("200",)}),
        ((HTTP, "http-check disable-on-404"), {"trofs_code": 404}),
        ((HTTP, "http-check send hdr Authorization x"), {"secret_headers": ("Authorization: file:b.authorization",)}),
        (("option redis-check",), {"type": "REDIS"}),
        (("option mysql-check user u post-41",), {"type": "MYSQL", "user_name": "u"}),
        (("option pgsql-check user u",), {"type": "PGSQL"}),
        (("option ldap-check",), {"type": "LDAP"}),
        (("option smtpchk EHLO a.test",), {"type": "SMTP", "ehlo_domain": "a.test"}),
        (("option ssl-hello-chk",), {"type": "TLS"}),
        (("option redis-check", "no option redis-check"), {"type": "TCP"}),
        (("option redis-check", "option tcp-check"), {"type": "TCP"}),
        (("option tcp-check", "tcp-check send hi"), {"type": "TCP"}),
        (
            ("option tcp-check", 'tcp-check send "a\\r\\n"', "tcp-check expect string b"),
            {"send": "a\\r\\n", "recv": "b"},
        ),
        (("option tcp-check", "tcp-check connect port 81", "tcp-check expect string b"), {"destination_port": 81}),
        (("option tcp-check", "tcp-check expect ! rstring b+"), {"not_recv_pattern": "b+"}),
    ],
)
def test_what_a_check_asks(lines: tuple[str, ...], settings: dict[str, object]) -> None:
    monitor = backend(*lines, SERVER).monitor("b")
    assert {name: monitor.get(name) for name in settings} == settings


def test_over_tls_http_is_https() -> None:
    found = backend(HTTP, "http-check expect string ok", f"{SERVER} ssl verify none")
    assert found.monitor("b")["type"] == "HTTPS-ECV"


def test_a_check_of_several_requests_is_as_many_monitors() -> None:
    rules = ("http-check send uri /a", "http-check expect status 200", "http-check send uri /b")
    found = backend(HTTP, *rules, SERVER)
    assert list(found.bound("b.s")) == ["b", "b-2"]
    assert [found.monitor(name)["http_request"] for name in ("b", "b-2")] == ["OPTIONS /a", "OPTIONS /b"]


def test_a_dialogue_is_said_at_once_and_a_monitor_holds_a_text_and_a_pattern() -> None:
    said = ("expect string 220", "send A\\r\\n", "expect rstring 2[0-9]+", "send Q")
    steps = [f"tcp-check {one}" for one in said]
    found = backend("option tcp-check", *steps, SERVER)
    monitor = found.monitor("b")
    assert (monitor["send"], monitor["recv"], monitor["recv_pattern"]) == ("A\\r\\n", "220", "2[0-9]+")
    assert list(found.bound("b.s")) == ["b"]
    found = backend("option tcp-check", *steps, "tcp-check expect string bye.", SERVER)
    assert found.told("changed: a dialogue of several steps")
    assert found.told("a check of many expectations: is 2 monitors here")
    assert (found.monitor("b-2")["send"], found.monitor("b-2")["recv"]) == ("A\\r\\nQ", "bye.")
    assert found.monitor("b")["send"] == "A\\r\\nQ"


def test_a_text_may_stand_as_a_pattern_but_not_over_two_lines() -> None:
    texts = ("tcp-check expect string one", "tcp-check expect string t.w+o", 'tcp-check expect string "a\\r\\nb"')
    found = backend("option tcp-check", *texts, SERVER)
    assert (found.monitor("b")["recv"], found.monitor("b")["recv_pattern"]) == ("one", "t\\.w\\+o")
    assert found.monitor("b-2")["recv"] == "a\\r\\nb"
    found = backend("option httpchk", "http-check expect string one", "http-check expect string t.o", SERVER)
    assert (found.monitor("b")["recv"], found.monitor("b")["recv_pattern"]) == ("one", "t\\.o")


def test_only_what_redis_would_say_makes_a_redis_monitor() -> None:
    ping = ("tcp-check send PING\\r\\n", "tcp-check expect string +PONG")
    assert backend("option tcp-check", *ping, SERVER).monitor("b")["type"] == "REDIS"
    assert backend("option tcp-check", "tcp-check expect string 220", *ping, SERVER).monitor("b")["type"] == "TCP-ECV"


def test_a_login_is_never_sent_nor_shown() -> None:
    found = backend("option tcp-check", "tcp-check send PASS\\ geheim", "tcp-check expect string ok", SERVER)
    assert "send" not in found.monitor("b")
    assert found.told("lost: a tcp-check that logs in")
    assert "geheim" not in found.text + "".join(found.notices)


def test_a_request_that_may_hold_a_secret_stays_and_is_told() -> None:
    found = backend("option httpchk GET /health?token=abc", SERVER)
    assert found.monitor("b")["http_request"] == "GET /health?token=abc"
    assert found.told("changed: monitor b: http_request: every view shows it")


def test_what_re2_has_not_is_told() -> None:
    assert backend(HTTP, "http-check expect rstring (?!x)y", SERVER).told("has what RE2 has not")
    assert not backend(HTTP, "http-check expect rstring (?i)y{2}", SERVER).told("RE2")


def test_defaults_hold_until_the_section_says_otherwise() -> None:
    before = "defaults one\n  option httpchk GET /d\n  http-check expect status 204\n  default-server inter 9s check\n"
    named = before + "defaults two\n  option redis-check\n"
    assert backend("server s 10.0.0.1:80", before=before).monitor("b")["response_codes"] == ("204",)
    own = backend("http-check expect status 201", "server s 10.0.0.1:80 inter 8s", before=before)
    assert (own.monitor("b")["response_codes"], own.monitor("b")["interval_ms"]) == (("201",), 8_000)
    assert backend("server s 10.0.0.1:80 no-check", before=before).service("b.s")["health_monitor"] is False
    assert backend(SERVER, before=named).monitor("b")["type"] == "REDIS"
    plain = backend(SERVER, before=f"{before}defaults two\n  maxconn 9\n").monitor("b")
    assert (plain["type"], plain["interval_ms"]) == ("TCP", 2_000), "defaults go on from no others"
    text = f"{named}backend b from one\n  server s 10.0.0.1:80"
    assert imported("haproxy", text).monitor("b")["http_request"] == "GET /d"


def test_a_server_that_tracks_another_is_probed_where_that_one_is() -> None:
    found = backend(
        HTTP, SERVER, "server t 10.0.0.2:80 track b/s", "server u 10.0.0.3:80 track t", "server v 10.0.0.4:80 track w"
    )
    (monitor,) = found.bound("b.t")
    assert (found.monitor(monitor)["destination_ip"], found.bound("b.u")) == ("10.0.0.1", found.bound("b.t"))
    assert found.told("lost: track w: names no server")
    assert found.told("lost: service b.v")


def test_backends_are_vservers_and_weights_fit() -> None:
    found = backend(
        "mode http",
        "balance leastconn",
        f"{SERVER} weight 200",
        "server t 10.0.0.2:80 weight 50",
        "server u 10.0.0.3:80 weight 0",
    )
    assert found.wanted[(Kind.VSERVER, "b")].settings == {"protocol": "HTTP", "method": "LEASTCONNECTION"}
    assert [weight for weight, *_ in found.bound("b", Kind.VSERVER).values()] == [100, 25, 1]
    assert found.told("weights up to 200: are scaled")
    assert found.told("weight 0: is 1 here")
    assert found.service("b.t")["health_monitor"] is False


@pytest.mark.parametrize(
    ("address", "mend"),
    [
        ("/run/x.sock", "socket of HAProxy's machine"),
        ("unix@/run/x.sock", "socket of HAProxy's machine"),
        ("${HOST}:80", "HAProxy's environment"),
        ("10.0.0.1", "has no port"),
        ("10.0.0.300:80", "is no address"),
    ],
)
def test_an_address_that_cannot_be_had_is_lost_aloud(address: str, mend: str) -> None:
    found = backend(f"server s {address} check")
    assert found.text == ""
    assert found.told(f"2: lost: server b/s {address}") or found.told(f"3: lost: server b/s {address}")
    assert found.told(mend)


@pytest.mark.parametrize(
    ("address", "host", "port"),
    [
        ("[2001:db8::1]:80", "2001:db8::1", 80),
        ("2001:db8::1:80", "2001:db8::1", 80),
        ("ipv4@10.0.0.1:80", "10.0.0.1", 80),
        ("Web.Example:80", "web.example", 80),
        ("10.0.0.1 port 81", "10.0.0.1", 81),
    ],
)
def test_addresses(address: str, host: str, port: int) -> None:
    assert backend(f"server s {address} check").service("b.s") == {"address": host, "port": port}


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (r"a\ b c", ("a b", "c")),
        (r'"a # b" # c', ("a # b",)),
        (r"a\#b '\r'", ("a#b", r"\r")),
        (r'"\r\n\x41\"" \\', ('\r\nA"', "\\")),
        (r'"^\* OK\d"', (r"^\* OK\d",)),
        ("''", ("",)),
    ],
)
def test_quoting(raw: str, words: tuple[str, ...]) -> None:
    assert words_of(raw) == words


def test_bytes_that_are_no_text_come_out_as_they_went_in() -> None:
    found = backend("option tcp-check", "tcp-check send-binary 00ff0a5c", "tcp-check expect binary c3a9", SERVER)
    assert escaped_bytes(str(found.monitor("b")["send"])) == b"\x00\xff\n\\"
    assert escaped_bytes(str(found.monitor("b")["recv"])) == b"\xc3\xa9"


def test_lines_about_checks_that_check_nobody_are_told() -> None:
    found = backend("option httpchk GET /", "http-check expect status 200", "server s 10.0.0.1:80")
    assert found.told("note: option httpchk, http-check expect: checks nobody")
    found = backend("option httpchk GET /", "tcp-check expect string x", SERVER)
    assert found.told("note: tcp-check expect: is not used, there as here: the check is option httpchk")
    found = backend("tcp-check expect string x", SERVER)
    assert found.monitor("b")["type"] == "TCP"
    assert found.told("note: tcp-check expect: is not used")
