"""A `server` line's options: what each takes, what has to do with checks, and what comes of `default-server`.

Rule: options are laid over one another in order: the defaults' `default-server`, the section's, the line's own; `no-X`
takes X back. How many words an option takes is this table's to know, or the next option would be read as its value; an
option that is not in it is told. Why not guess by the look of the next word: `cookie check` is a cookie called check.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from connectors.config.imports.haproxy_lines import Line
from connectors.config.imports.notices import Notices

_FLAGS = (
    "agent-check allow-0rtt backup check check-reuse-pool check-send-proxy check-ssl check-via-socks4 disabled "
    "enabled force-sslv3 force-tlsv10 force-tlsv11 force-tlsv12 force-tlsv13 non-stick renegotiate send-proxy "
    "send-proxy-v2 send-proxy-v2-ssl send-proxy-v2-ssl-cn ssl ssl-reuse sslv3 stick strict-maxconn tfo "
    "tls-tickets tlsv10 tlsv11 tlsv12 tlsv13"
)
FLAGS = frozenset(_FLAGS.split())
_VALUED = (
    "addr agent-addr agent-inter agent-port agent-send alpn ca-file cc check-alpn check-pool-conn-name "
    "check-proto check-sni ciphers ciphersuites client-sigalgs cookie crl-file crt curves downinter error-limit "
    "fall fastinter guid hash-key id idle-ping init-addr init-state inter log-bufsize log-proto max-reuse "
    "maxconn maxqueue minconn namespace npn observe on-error on-marked-down on-marked-up pool-conn-name "
    "pool-low-conn pool-max-conn pool-purge-delay port proto proxy-v2-options quic-cc-algo redir resolve-net "
    "resolve-opts resolve-prefer resolvers rise shard sigalgs slowstart sni socks4 source ssl-max-ver "
    "ssl-min-ver tcp-md5sig tcp-ut track usesrc interface verify verifyhost weight ws"
)
VALUED = frozenset(_VALUED.split())

TRAFFIC = "is about traffic: it stays in HAProxy"
UNLIKE: Mapping[str, tuple[str, str]] = {
    "fastinter": ("changed", "while its state is changing it is probed at the same interval as always"),
    "agent-check": ("lost", "nobody asks its agent: bind a LOAD or USER monitor that does"),
    "observe": ("changed", "real traffic does not count: bind an HTTP-INLINE monitor, `node --haproxy-stats` feeds it"),
    "check-send-proxy": ("changed", "probes begin without a PROXY line: give the monitor a port that needs none"),
    "check-via-socks4": ("lost", "probes go straight to the server, not by SOCKS4"),
    "check-alpn": ("changed", "probes speak HTTP/1.1 and offer no ALPN"),
    "check-proto": ("changed", "probes speak HTTP/1.1"),
    "crt": ("changed", "probes show no client certificate: a server that asks for one refuses them"),
    "backup": ("note", "a vserver knows no backup: whoever chooses looks at the state"),
    "on-marked-down": ("note", "sessions are HAProxy's: it stays there"),
    "on-marked-up": ("note", "sessions are HAProxy's: it stays there"),
    "init-addr": ("note", "a name is resolved by the node that probes it, as its TTL says"),
    "resolvers": ("note", "a name is resolved by the node that probes it, as its TTL says"),
    "init-state": ("note", "a service is UNKNOWN until it was probed"),
}
"""Options of checks that ours has in another way or not at all: how much that matters, and what to do."""
_OURS = (
    "addr ca-file check check-sni check-ssl disabled downinter enabled fall inter port rise sni source ssl track "
    "verify verifyhost weight"
)
OURS = frozenset(_OURS.split())


@dataclass(slots=True)
class Options:
    """What a server's options come to: each that stands, its value, and the line that said it."""

    values: dict[str, str] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)

    def take(self, words: Sequence[str], line: Line, notices: Notices) -> None:
        """Lay the options of a line over those so far."""
        at = 0
        while at < len(words):
            word = words[at]
            value = words[at + 1] if word in VALUED and at + 1 < len(words) else ""
            at += 2 if word in VALUED else 1
            if word.startswith("set-proxy-v2-tlv-fmt"):
                at += 1
            elif word.startswith("no-") and (word[3:] in FLAGS or word[3:] in VALUED):
                self.values.pop(word[3:], None)
            elif word in FLAGS or word in VALUED:
                self.values[word] = value
                self.lines[word] = line.number
            elif not word.startswith("no-"):
                notices.changed(line.number, f"server option {word}", "is not known here: see whether it is of checks")
        if "enabled" in self.values:
            del self.values["enabled"]
            self.values.pop("disabled", None)

    def tell(self, notices: Notices) -> None:
        """What of them ours has in another way. Only asked for a server that is checked."""
        for name in self.values:
            loss, mend = UNLIKE.get(name, ("", ""))
            what = f"server option {name}"
            if loss == "lost":
                notices.lost(self.lines[name], what, mend)
            elif loss == "changed":
                notices.changed(self.lines[name], what, mend)
            elif loss == "note":
                notices.note(self.lines[name], what, mend)
            elif name not in OURS and not name.startswith("agent-"):
                notices.note(self.lines[name], what, TRAFFIC)
        if self.has("send-proxy", "send-proxy-v2") and not self.has("port", "addr", "check-send-proxy"):
            line = self.lines.get("send-proxy", self.lines.get("send-proxy-v2", 0))
            notices.changed(line, "checks with send-proxy", UNLIKE["check-send-proxy"][1])

    def has(self, *names: str) -> bool:
        """Whether one of these stands."""
        return any(name in self.values for name in names)

    def get(self, name: str, default: str = "") -> str:
        """An option's value."""
        return self.values.get(name, default)
