"""The kernel's neighbours, on two hosts of a network of the test's own: a MAC for who is on the link, else none."""

from __future__ import annotations

import socket
import struct
from pathlib import Path

import pytest

from connectors.link import neighbours
from connectors.link.neighbours import HEADER, KEPT_S, NEIGHBOUR, Neighbour, Neighbours, messages, neighbour_of
from connectors.link.vlan import vlan_of
from tests.netns.network import PORT, Network
from tests.waiting import wait_until


def mac_of(network: Network, host: str) -> str:
    return network.run(host, "cat", f"/sys/class/net/{PORT}/address").strip()


def greet(address: str) -> None:
    """A packet to the address, so that the kernel asks who has it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as sock:
        sock.connect((address, 9))
        sock.send(b"?")


def test_S1_who_is_on_the_link_is_known_by_mac_interface_and_vlan_for_both_families() -> None:
    with Network("n0", "t0") as network:
        network.run("n0", "ip", "link", "set", PORT, "down")
        network.run("n0", "ip", "link", "set", PORT, "name", "eth0.7")
        network.run("n0", "ip", "link", "set", "eth0.7", "up")
        network.run("n0", "ip", "-6", "address", "replace", f"{network.address6('n0')}/64", "dev", "eth0.7", "nodad")
        wanted = Neighbour(mac_of(network, "t0"), 7, "eth0.7")
        for address in (network.address("t0"), network.address6("t0")):

            def found(address: str = address) -> Neighbour | None:
                def look() -> Neighbour | None:
                    greet(address)
                    return Neighbours().of(address, 0.0)

                return network.within("n0", look)

            wait_until(lambda found=found: found() == wanted, 5.0, f"{address} is known")  # type: ignore[misc]
        assert network.within("n0", lambda: Neighbours().of("127.0.0.1", 0.0)) is None
        assert network.within("n0", lambda: Neighbours().of("192.0.2.1", 0.0)) is None
        assert network.within("n0", lambda: Neighbours().of("", 0.0)) is None


def test_S1_the_table_is_asked_for_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def table() -> dict[str, tuple[int, str]]:
        asked.append(1)
        raise PermissionError

    monkeypatch.setattr(neighbours, "table", table)
    known = Neighbours()
    assert [known.of("10.0.0.1", at_s) for at_s in (0.0, KEPT_S / 2, KEPT_S, KEPT_S * 1.5)] == [None] * 4
    assert len(asked) == 2


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(value), kind) + value + b"\0" * (-len(value) % 4)


def entry(state: int, *attributes: bytes) -> bytes:
    return NEIGHBOUR.pack(socket.AF_INET, 3, state, 0, 0) + b"".join(attributes)


ADDRESS, MAC = attribute(1, bytes((10, 0, 0, 1))), attribute(2, b"\x02\0\0\0\0\1")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        entry(0x02),
        entry(0x02, ADDRESS),
        entry(0x20, ADDRESS, MAC),
        entry(0x40, ADDRESS, attribute(2, b"\0" * 6)),
        entry(0x02, attribute(1, b"123"), MAC),
        entry(0x02, b"\1\0\0\0", MAC),
    ],
)
def test_what_is_no_neighbour_is_passed_over(body: bytes) -> None:
    assert neighbour_of(body) == {}
    assert neighbour_of(entry(0x02, ADDRESS, MAC)) == {"10.0.0.1": (3, "02:00:00:00:00:01")}


def test_a_datagram_of_nonsense_ends() -> None:
    assert list(messages(b"\0" * 64)) == []
    body = b"12345"
    one = HEADER.pack(HEADER.size + len(body), 28, 0, 0, 0) + body + b"\0" * 3
    assert list(messages(one * 2)) == [(28, body)] * 2


def test_S1_the_vlan_is_what_the_kernel_says_else_what_the_interface_is_called(tmp_path: Path) -> None:
    (tmp_path / "uplink").write_text("uplink  VID: 100\t REORDER_HDR: 1\n")
    assert [vlan_of(name, tmp_path) for name in ("uplink", "eth0.12", "vlan30", "eth0", "eth0.9999")] == [
        100,
        12,
        30,
        0,
        0,
    ]
