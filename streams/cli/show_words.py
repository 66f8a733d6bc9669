"""Times, durations and states as people read them: what `show`, `watch` and the board have in common.

Rule: pure; the time of now is an argument. Ages are short (`42s`, `3m 07s`, `2h 05m`, `4d 3h`): a table has to fit a
terminal, and JSON has the exact milliseconds. Colours are names of styles; who prints decides whether there are any.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from schemas.states import BindingVerdict, State

STYLES = {
    State.UP: "bold green",
    State.DOWN: "bold red",
    State.UNKNOWN: "bold yellow",
    State.OUT_OF_SERVICE: "cyan",
    State.GOING_OUT_OF_SERVICE: "cyan",
}
SHORT = {State.OUT_OF_SERVICE: "OUT", State.GOING_OUT_OF_SERVICE: "GOING"}
"""States whose names do not fit a board."""
NO_STATE_YET = "no state yet"
BINDING_STYLES = {
    BindingVerdict.UP: STYLES[State.UP],
    BindingVerdict.DOWN: STYLES[State.DOWN],
    BindingVerdict.UNKNOWN: STYLES[State.UNKNOWN],
    BindingVerdict.MAINTENANCE: STYLES[State.GOING_OUT_OF_SERVICE],
}


def age_text(age_ms: int) -> str:
    """Such as `0s`, `59s`, `3m 07s`, `2h 05m`, `4d 3h`. A clock that is behind gives 0s."""
    seconds = max(0, age_ms) // 1000
    if seconds < 60:
        return f"{seconds}s"
    if seconds < 3_600:
        return f"{seconds // 60}m {seconds % 60:02d}s"
    if seconds < 86_400:
        return f"{seconds // 3_600}h {seconds % 3_600 // 60:02d}m"
    return f"{seconds // 86_400}d {seconds % 86_400 // 3_600}h"


def response_text(response_us: int | None) -> str:
    """Such as `0.4 ms`, `120 ms`, `2.1 s`; a dash for none."""
    if response_us is None:
        return "-"
    if response_us < 10_000:
        return f"{response_us / 1000:.1f} ms"
    if response_us < 1_000_000:
        return f"{response_us // 1000} ms"
    return f"{response_us / 1_000_000:.1f} s"


def time_text(at_ms: int) -> str:
    """The time of day, local, with milliseconds: `14:03:07.412`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone().strftime("%H:%M:%S.%f")[:-3]


def date_text(at_ms: int) -> str:
    """The date and time of day, local: `2026-11-29 14:03:07.412`."""
    return datetime.fromtimestamp(at_ms / 1000, UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S.%f")[:-3]


def weight_text(up_weight: int, threshold: int) -> str:
    """`70/70`, or `2/all` where every monitor must be UP."""
    return f"{up_weight}/{threshold or 'all'}"


def address_text(ip_address: str, port: int) -> str:
    """`10.0.0.3:80`, `[2001:db8::3]:80`, and `?:80` before a name was resolved."""
    if not ip_address:
        return f"?:{port}"
    return f"[{ip_address}]:{port}" if ":" in ip_address else f"{ip_address}:{port}"


def link_text(mss: int | None, layer_two: Mapping[str, Any] | None) -> str:
    """What the owner learnt of the link, such as `02:00:00:00:00:01 on eth0.100, VLAN 100, MSS 1448`."""
    parts = [] if mss is None else [f"MSS {mss}"]
    if layer_two is not None:
        vlan = [f"VLAN {layer_two['vlan']}"] if layer_two["vlan"] else []
        parts = [f"{layer_two['mac']} on {layer_two['channel']}", *vlan, *parts]
    return ", ".join(parts)


def load_text(load: Mapping[str, Any]) -> str:
    """A measured load, such as `73 % of the threshold`."""
    return f"{load['load']} % of the threshold" + (", a threshold is reached" if load["threshold_reached"] else "")
