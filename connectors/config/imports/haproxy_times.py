"""How often, how long, how many: HAProxy's times of a check as settings of a monitor.

Rule: what HAProxy does in fact, not what the words look like. `downinter` is the pause between probes of a server that
is DOWN, which is our `down_time`, and without it HAProxy goes on at `inter` where ours would wait 30 s: so it is always
written. With `timeout check` a probe may take the connect's time and then the check's; without it, as long as `inter`,
and ours has to end before the next begins.
"""

from __future__ import annotations

import re

from connectors.config.imports.haproxy_server import Options
from connectors.config.imports.notices import Notices
from schemas.parameters.durations import duration_text

UNITS_US = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
INTER_MS, RISE, FALL = 2_000, 2, 3
"""HAProxy's defaults."""
_TIME = re.compile(r"([0-9]{1,12})(us|ms|s|m|h|d)?")


def time_ms(text: str) -> int | None:
    """Milliseconds of a time as HAProxy writes it: `2s`, `500ms`, `2000`; a part of one counts as one."""
    match = _TIME.fullmatch(text)
    return None if match is None else -(-int(match[1]) * UNITS_US[match[2] or "ms"] // 1_000)


def timing(options: Options, connect: str, check: str, line: int, notices: Notices) -> dict[str, str]:
    """The settings; `connect` and `check` are the section's time-outs, empty where there are none."""
    inter = _given(options, "inter", INTER_MS, notices)
    down = _given(options, "downinter", inter, notices)
    settings = {
        "interval": duration_text(inter),
        "response_timeout": duration_text(_timeout_ms(inter, connect, check, line, notices)),
        "retries": options.get("fall", str(FALL)),
        "success_retries": options.get("rise", str(RISE)),
        "down_time": duration_text(down),
    }
    if down < inter:
        notices.changed(options.lines["downinter"], "downinter", f"is shorter than inter: it is probed every {inter}ms")
    return settings


def _given(options: Options, name: str, default_ms: int, notices: Notices) -> int:
    if not options.has(name):
        return default_ms
    found = time_ms(options.get(name))
    if not found:
        what = f"{name} {options.get(name)}"
        notices.changed(options.lines[name], what, f"is no time that ours can have: it is {default_ms}ms")
    return found or default_ms


def _timeout_ms(inter: int, connect: str, check: str, line: int, notices: Notices) -> int:
    longest = max(1, inter - 1)
    check_ms, connect_ms = time_ms(check), time_ms(connect)
    if not check_ms:
        return longest
    whole = check_ms + min(connect_ms or 0, inter)
    if whole <= longest:
        return whole
    what = f"time-outs of {whole}ms, not shorter than inter {inter}ms"
    notices.changed(line, what, f"ours ends a probe before the next begins: response_timeout is {longest}ms")
    return longest
