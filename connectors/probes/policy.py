"""Which addresses this node may probe: the rules of its operator, asked right before anything is connected to.

Rule: whoever may configure a service may name any address, and a node reaches much that he does not, such as a cloud's
metadata service at 169.254.169.254; so the node's operator has the last word, in a file of the node. Lines are `allow
NETWORK` or `deny NETWORK`, the first that matches decides, what none matches is allowed; end with `deny all` to turn
that round. It is the resolved address that is asked, never a name, so rebinding a name gains nothing. Unspecified,
multicast and broadcast addresses are always refused. Rules are read when the node starts and hold until it ends.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from pathlib import Path

FILE_VARIABLE = "WATCHBILL_TARGETS"
"""Names the file of a node's rules."""

POLICY_BYTES = 1024 * 1024
"""The longest file."""

RECOMMENDED = """\
# The metadata services of clouds give out keys: no monitor should reach them.
deny 169.254.0.0/16
deny fe80::/10
deny fd00:ec2::254/128
"""
"""What to begin with on a machine in a cloud."""

BROADCAST = IPv4Address("255.255.255.255")
MAPPED = IPv6Network("::ffff:0:0/96")
TRANSLATED = IPv6Network("64:ff9b::/96")
"""IPv4 behind a translator (RFC 6052)."""

Address = IPv4Address | IPv6Address


@dataclass(frozen=True, slots=True)
class Rule:
    """One line. `networks` has one, or for `all` those of both families."""

    line: int
    allow: bool
    networks: tuple[IPv4Network | IPv6Network, ...]
    text: str

    def matches(self, address: Address) -> bool:
        """Whether the line speaks of this address."""
        return any(address in network for network in self.networks)


@dataclass(frozen=True, slots=True)
class TargetPolicy:
    """A node's rules, in order."""

    rules: tuple[Rule, ...] = ()
    text: str = ""
    """As they were written: what travels to the engines."""

    def refusal(self, ip: str) -> str | None:
        """Why this address may not be probed, as a sentence for people; None if it may."""
        try:
            address = ip_address(ip)
        except ValueError:
            return "no IP address to probe: only a resolved address can be checked against the target policy"
        for each in readings(address):
            if each.is_unspecified or each.is_multicast or each == BROADCAST:
                return f"{ip} is never probed: it is an unspecified, multicast or broadcast address"
            found = next((rule for rule in self.rules if rule.matches(each)), None)
            if found is not None and not found.allow:
                return f'{ip} may not be probed: "{found.text}", line {found.line} of the target policy of this node'
        return None


NO_RULES = TargetPolicy()
"""Everything is allowed but what is always refused."""


def readings(address: Address) -> Iterator[Address]:
    """Every address that packets to this one may end at: an IPv6 spelling of an IPv4 address is no way round a rule."""
    if isinstance(address, IPv6Address):
        inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if address in MAPPED:
            yield inner
            return
        if address in TRANSLATED:
            yield inner
    yield address


def parse_policy(text: str) -> TargetPolicy:
    """Read rules. Raises ValueError with the line and what to write instead."""
    rules = []
    for line, written in enumerate(text.splitlines(), 1):
        words = written.partition("#")[0].split()
        if words:
            rules.append(_rule(line, words))
    return TargetPolicy(tuple(rules), text)


def read_policy(path: Path) -> TargetPolicy:
    """Read a node's file. Raises ValueError with the file, the line and what to mend."""
    try:
        with path.open("rb") as file:
            content = file.read(POLICY_BYTES + 1)
        if len(content) > POLICY_BYTES:
            raise ValueError(f"it is longer than {POLICY_BYTES} bytes")
        return parse_policy(content.decode())
    except OSError as error:
        raise ValueError(f"target policy {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise ValueError(f"target policy {path}: {error}") from error


def _rule(line: int, words: list[str]) -> Rule:
    text = " ".join(words)[:80]
    if len(words) != 2 or words[0].lower() not in ("allow", "deny"):
        raise ValueError(f'line {line}: "{text}" is no rule: write it like "deny 10.0.0.0/8" or "allow all"')
    allow = words[0].lower() == "allow"
    if words[1].lower() == "all":
        return Rule(line, allow, (IPv4Network("0.0.0.0/0"), IPv6Network("::/0")), text)
    try:
        network = ip_network(words[1])
    except ValueError as error:
        raise ValueError(f'line {line}: "{text}": {error}: write a network like 10.0.0.0/8 or 2001:db8::/32') from None
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        raise ValueError(f'line {line}: "{text}": write it as the IPv4 network it stands for')
    return Rule(line, allow, (network,), text)


_in_force = NO_RULES


def enforce(policy: TargetPolicy) -> None:
    """Let these rules hold in this process from now on: called once, before anything is probed.

    They hold for the process and not for an object of it, so that no path to a target can be made without them.
    """
    global _in_force
    _in_force = policy


def refusal(ip: str) -> str | None:
    """Why this process may not probe the address, as a sentence for people; None if it may."""
    return _in_force.refusal(ip)
