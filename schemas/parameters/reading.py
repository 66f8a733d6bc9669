"""Reads one value of one parameter, as a person or a program gives it, into the form that records keep.

Rule: a value that does not fit is an answer (`Unfit`) with what is wrong and what would fit, never an exception: a
command collects all of its faults. Reading is the same for YAML, the command line and programs, and reading the kept
form again gives the same, so the fold may read what a client has read already.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import ip_address

from schemas.config import Setting
from schemas.parameters.domains import DOMAIN_FITS, canonical_domain
from schemas.parameters.durations import duration_ms, duration_text
from schemas.parameters.escapes import escaped_bytes, written_escapes
from schemas.parameters.metrics import FITS as METRIC_FITS
from schemas.parameters.metrics import METRICS, parse_metric
from schemas.parameters.parameter import Parameter, Shape
from schemas.parameters.secret_refs import CURE, is_secret_ref

SWITCH_WORDS = {"yes": True, "on": True, "true": True, "enabled": True} | {
    "no": False,
    "off": False,
    "false": False,
    "disabled": False,
}
ADDRESSES = 64
"""Addresses of one monitor; more are refused."""
HEADERS = 32
"""Header lines of one monitor; more are refused."""
HEADER_CHARACTERS = 1024
CREDENTIALS = ("authorization", "proxy-authorization", "cookie")
"""Headers that are secrets."""
_HEADER = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+:[ \t]*[^\r\n\0]*")
_CODE_RANGE = re.compile(r"(\d{3})(?:\s*-\s*(\d{3}))?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Unfit:
    """A value that cannot stand: what is wrong, and what would fit."""

    message: str


def read(parameter: Parameter, value: object) -> Setting | Unfit:
    """The value in its kept form, or why it does not fit. None stays None: back to the default."""
    if value is None:
        return None
    return _READERS[parameter.shape](parameter, value)


def written(parameter: Parameter, value: Setting) -> str:
    """A kept value as a person would write it."""
    if parameter.shape is Shape.DURATION and isinstance(value, int):
        return duration_text(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ",".join(value)
    return "" if value is None else str(value)


def code_ranges(codes: Setting) -> tuple[tuple[int, int], ...]:
    """Status codes in the kept form, such as ('200-299', '301'), as number ranges with both ends inside."""
    bounds = (code.partition("-") for code in codes) if isinstance(codes, tuple) else ()
    return tuple((int(low), int(high or low)) for low, _, high in bounds)


def _unfit(parameter: Parameter, value: object, fits: str) -> Unfit:
    return Unfit(f"{parameter.name} cannot be {_quoted(value)}: {fits}")


def _quoted(value: object) -> str:
    text = _CONTROL.sub("?", str(value))
    return f'"{text[:60]}..."' if len(text) > 60 else f'"{text}"'


def _switch(parameter: Parameter, value: object) -> Setting | Unfit:
    if isinstance(value, bool):
        return value
    word = SWITCH_WORDS.get(value.strip().lower()) if isinstance(value, str) else None
    return word if word is not None else _unfit(parameter, value, "write yes or no")


def _number(parameter: Parameter, value: object) -> Setting | Unfit:
    number = _whole(value)
    if number is None or not parameter.low <= number <= parameter.high:
        return _unfit(parameter, value, f"it is a whole number from {parameter.low} to {parameter.high}")
    return number


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, str) and len(value) < 20 and re.fullmatch(r"-?[0-9]+", value.strip()):
        return int(value)
    return None


def _text(parameter: Parameter, value: object) -> Setting | Unfit:
    text = value if isinstance(value, str) else str(value)
    if not parameter.low <= len(text) <= parameter.high or _CONTROL.search(text):
        fits = f"it is one line of {parameter.low} to {parameter.high} characters, without control characters"
        return _unfit(parameter, value, fits)
    return text


def _escaped(parameter: Parameter, value: object) -> Setting | Unfit:
    text = _text(parameter, written_escapes(str(value)))
    try:
        escaped_bytes(str(text))
    except ValueError as error:
        return _unfit(parameter, value, str(error))
    return text


def _choice(parameter: Parameter, value: object) -> Setting | Unfit:
    wanted = str(value).strip().upper()
    if wanted not in parameter.choices:
        return _unfit(parameter, value, f"it is one of {', '.join(parameter.choices)}")
    return wanted


def _duration(parameter: Parameter, value: object) -> Setting | Unfit:
    milliseconds = duration_ms(value) if isinstance(value, str) else None
    if milliseconds is None and isinstance(value, int) and not isinstance(value, bool):
        milliseconds = value
    if milliseconds is None:
        return _unfit(parameter, value, "it is a number with a unit, such as 500ms, 5s or 2min")
    if not parameter.low <= milliseconds <= parameter.high:
        bounds = f"{duration_text(parameter.low)} to {duration_text(parameter.high)}"
        return _unfit(parameter, duration_text(max(0, milliseconds)), f"it is from {bounds}")
    return milliseconds


def _address(parameter: Parameter, value: object) -> Setting | Unfit:
    address = canonical_address(str(value))
    return address or _unfit(parameter, value, "it is an IPv4 or IPv6 address, such as 10.0.0.1 or 2001:db8::1")


def _addresses(parameter: Parameter, value: object) -> Setting | Unfit:
    parts = [str(part) for part in value] if isinstance(value, tuple | list) else str(value).split(",")
    if len(parts) > ADDRESSES:
        return _unfit(parameter, f"{len(parts)} addresses", f"at most {ADDRESSES} of them")
    addresses: list[str] = []
    for part in parts:
        address = canonical_address(part)
        if address is None:
            return _unfit(parameter, part, "they are IPv4 or IPv6 addresses, such as 10.0.0.1,2001:db8::1")
        addresses.append(address)
    return tuple(dict.fromkeys(addresses))


def _host(parameter: Parameter, value: object) -> Setting | Unfit:
    fits = f"it is an IPv4 or IPv6 address, or {DOMAIN_FITS}"
    return canonical_host(str(value)) or _unfit(parameter, value, fits)


def canonical_host(text: str) -> str | None:
    """The one spelling of an IP address or a domain name; None if the text is neither."""
    return canonical_address(text) or canonical_domain(text)


def is_domain(host: str) -> bool:
    """Whether a host in canonical spelling is a name that DNS has to resolve."""
    return canonical_address(host) is None


@lru_cache(maxsize=8192)
def canonical_address(text: str) -> str | None:
    """The one spelling of an IP address; None if the text is not one. Scoped addresses (fe80::1%eth0) are refused."""
    try:
        address = ip_address(text.strip())
    except ValueError:
        return None
    return None if "%" in text else str(address)


def _status_codes(parameter: Parameter, value: object) -> Setting | Unfit:
    parts = [str(part) for part in value] if isinstance(value, tuple | list) else str(value).split(",")
    codes: list[str] = []
    for part in parts:
        match = _CODE_RANGE.fullmatch(part.strip())
        low, high = (int(match[1]), int(match[2] or match[1])) if match else (0, 0)
        if not 100 <= low <= high <= 599:
            return _unfit(parameter, part, "status codes are 100 to 599, alone or as ranges, such as 200-299,301")
        codes.append(str(low) if low == high else f"{low}-{high}")
    return tuple(dict.fromkeys(codes))


def _headers(parameter: Parameter, value: object) -> Setting | Unfit:
    lines = _lines(value)
    if len(lines) > HEADERS:
        return _unfit(parameter, f"{len(lines)} lines", f"at most {HEADERS} header lines")
    for line in lines:
        if not _HEADER.fullmatch(line) or len(line) > HEADER_CHARACTERS:
            fits = f"a header line is like 'Host: example.org', at most {HEADER_CHARACTERS} characters"
            return _unfit(parameter, line, fits)
        name = line.partition(":")[0]
        if name.lower() in CREDENTIALS:
            return Unfit(f"{parameter.name} cannot hold {name}, which goes into secret_headers: {CURE}")
    return tuple(lines)


def _metrics(parameter: Parameter, value: object) -> Setting | Unfit:
    parts = [str(part) for part in value] if isinstance(value, tuple | list) else str(value).split(",")
    if len(parts) > METRICS:
        return _unfit(parameter, f"{len(parts)} metrics", f"at most {METRICS} of them")
    kept: dict[str, str] = {}
    for part in parts:
        metric = parse_metric(part)
        if metric is None:
            return _unfit(parameter, part, METRIC_FITS)
        if metric.oid in kept:
            return _unfit(parameter, part, f"{metric.oid} is there already, with another threshold or weight")
        kept[metric.oid] = str(metric)
    return tuple(kept.values())


def _secret_ref(parameter: Parameter, value: object) -> Setting | Unfit:
    text = str(value).strip()
    return text if is_secret_ref(text) else Unfit(f"{parameter.name} is no reference to a secret: {CURE}")


def _secret_headers(parameter: Parameter, value: object) -> Setting | Unfit:
    lines = _lines(value)
    if len(lines) > HEADERS:
        return _unfit(parameter, f"{len(lines)} lines", f"at most {HEADERS} header lines")
    kept = []
    for place, line in enumerate(lines, 1):
        name, _, ref = line.partition(":")
        if not _HEADER.fullmatch(line) or not is_secret_ref(ref.strip()):
            return Unfit(f"{parameter.name}: line {place} is not like 'Authorization: file:NAME': {CURE}")
        kept.append(f"{name}: {ref.strip()}")
    return tuple(kept)


def _lines(value: object) -> list[str]:
    return [str(line) for line in value] if isinstance(value, tuple | list) else str(value).split("\\n")


_READERS: dict[Shape, Callable[[Parameter, object], Setting | Unfit]] = {
    Shape.SWITCH: _switch,
    Shape.NUMBER: _number,
    Shape.TEXT: _text,
    Shape.ESCAPED: _escaped,
    Shape.CHOICE: _choice,
    Shape.DURATION: _duration,
    Shape.ADDRESS: _address,
    Shape.ADDRESSES: _addresses,
    Shape.HOST: _host,
    Shape.STATUS_CODES: _status_codes,
    Shape.HEADERS: _headers,
    Shape.METRICS: _metrics,
    Shape.SECRET_REF: _secret_ref,
    Shape.SECRET_HEADERS: _secret_headers,
}
