"""The target policy: which address is refused, by which line, and what a wrong line is told."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.engine import frames
from connectors.probes.policy import NO_RULES, RECOMMENDED, enforce, parse_policy, read_policy
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding, engine
from tests.unit.engine.servers import answering, serving, silent

RULES = """
# ours
allow 10.1.0.0/16   # the shop
deny  10.0.0.0/8
DENY 169.254.169.254
allow 2001:db8:1::/48
deny 2001:db8::/32
"""


@pytest.mark.parametrize(
    ("ip", "line"),
    [
        ("10.1.2.3", None),
        ("10.2.0.1", 4),
        ("192.0.2.1", None),
        ("169.254.169.254", 5),
        ("169.254.169.253", None),
        ("2001:db8:1::1", None),
        ("2001:db8:2::1", 7),
        ("::ffff:10.2.0.1", 4),
        ("::ffff:a9fe:a9fe", 5),
        ("::ffff:10.1.2.3", None),
        ("64:ff9b::a9fe:a9fe", 5),
        ("fe80::1", None),
    ],
)
def test_the_first_line_that_matches_decides(ip: str, line: int | None) -> None:
    refusal = parse_policy(RULES).refusal(ip)
    if line is None:
        assert refusal is None
    else:
        assert refusal is not None
        assert refusal.startswith(f'{ip} may not be probed: "')
        assert refusal.endswith(f'", line {line} of the target policy of this node')


@pytest.mark.parametrize(
    "ip", ["0.0.0.0", "::", "224.0.0.1", "239.255.255.250", "ff02::1", "255.255.255.255", "::ffff:0.0.0.0"]
)
def test_some_addresses_are_always_refused(ip: str) -> None:
    for policy in (NO_RULES, parse_policy("allow all")):
        assert "is never probed" in str(policy.refusal(ip))


@pytest.mark.parametrize("ip", ["", "localhost", "10.0.0.1:80", "010.0.0.1", "0x7f000001", "2130706433"])
def test_only_addresses_are_allowed(ip: str) -> None:
    assert "only a resolved address" in str(NO_RULES.refusal(ip))


def test_deny_all_closes_both_families() -> None:
    policy = parse_policy("allow 127.0.0.0/8\ndeny all")
    assert policy.refusal("127.0.0.1") is None
    assert policy.refusal("::1")
    assert policy.refusal("8.8.8.8")


def test_what_is_recommended_refuses_the_metadata_services() -> None:
    policy = parse_policy(RECOMMENDED)
    for ip in ("169.254.169.254", "169.254.170.2", "fd00:ec2::254", "fe80::a9fe:a9fe", "::ffff:169.254.169.254"):
        assert policy.refusal(ip), ip
    assert policy.refusal("10.0.0.1") is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("allow", 'line 1: "allow" is no rule: write it like "deny 10.0.0.0/8" or "allow all"'),
        ("\npermit 10.0.0.0/8", 'line 2: "permit 10.0.0.0/8" is no rule'),
        ("deny 10.0.0.1/8", "has host bits set: write a network like 10.0.0.0/8"),
        ("deny example.org", "does not appear to be an IPv4 or IPv6 network"),
        ("deny ::ffff:10.0.0.0/104", "write it as the IPv4 network"),
        ("deny 10.0.0.0/8 10.1.0.0/16", "is no rule"),
    ],
)
def test_a_wrong_line_says_what_to_write(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "targets"
    path.write_text(text)
    with pytest.raises(ValueError, match="target policy") as raised:
        read_policy(path)
    assert str(path) in str(raised.value)
    assert message in str(raised.value)


def test_a_file_that_cannot_be_read_or_is_no_text_is_told(tmp_path: Path) -> None:
    path = tmp_path / "targets"
    with pytest.raises(ValueError, match="cannot be read: No such file"):
        read_policy(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(ValueError, match="target policy"):
        read_policy(path)


@pytest.fixture
def _no_rules_after() -> Iterator[None]:
    yield
    enforce(NO_RULES)


@pytest.mark.usefixtures("_no_rules_after")
def test_an_engine_never_connects_to_what_is_refused_and_its_target_is_not_to_blame() -> None:
    asked: list[object] = []

    def note(connection: socket.socket, ended: threading.Event) -> None:
        asked.append(connection)
        silent(connection, ended)

    with serving(note) as port, engine() as harness:
        harness.tell(frames.encode_targets(parse_policy("# ours\ndeny 127.0.0.0/9\n")))
        refused = harness.first(binding(1, port=port))
        mapped = harness.first(binding(2, port=port, ip="::ffff:127.0.0.1"))
        pinged = harness.first(binding(3, kind="PING", port=0))
    for report in (refused, mapped, pinged):
        assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, Reason.NO_PERMISSION)
        assert '"deny 127.0.0.0/9", line 2 of the target policy of this node' in report.detail
    assert not asked


def test_a_redirect_is_an_answer_and_never_followed() -> None:
    asked: list[object] = []

    def note(connection: socket.socket, ended: threading.Event) -> None:
        asked.append(connection)
        silent(connection, ended)

    with serving(note) as other, engine() as harness:
        moved = f"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:{other}/latest/meta-data\r\n\r\n".encode()
        with serving(answering(moved)) as port:
            wanted = binding(2, kind="HTTP", port=port, response_codes=((302, 302),))
            reports = [harness.first(binding(1, kind="HTTP", port=port)), harness.first(wanted)]
    assert [report.reason for report in reports] == [Reason.BAD_STATUS, Reason.OK]
    assert not asked
