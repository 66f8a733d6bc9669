"""One row of a parameter table, and a table of such rows with the rules that hold between them.

Rule: a row says everything about its parameter; nothing else in the project knows a default or a range. A duration is
written as text (`interval: 5s`) and kept as a number of milliseconds under a key with its unit (`interval_ms: 5000`),
so that two spellings of one duration are one setting, and no reader of a record parses text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum

from schemas.config import Setting

Settings = Mapping[str, Setting]

Rule = Callable[[Settings, Settings], str | None]
"""(what was given, the same with defaults) -> what is wrong and how to mend it, or None."""


class Shape(Enum):
    """How a value is written and read."""

    SWITCH = "yes or no"
    NUMBER = "number"
    TEXT = "text"
    ESCAPED = r"text with \r \n \t \0 \\ \xHH for bytes that cannot be typed"
    CHOICE = "choice"
    DURATION = "duration, such as 500ms, 5s or 2min"
    ADDRESS = "IPv4 or IPv6 address"
    ADDRESSES = "IPv4 or IPv6 addresses, such as 10.0.0.1,10.0.0.2"
    HOST = "IPv4 or IPv6 address, or domain name"
    STATUS_CODES = "status codes, such as 200-299,301"
    HEADERS = "header lines, such as 'Host: example.org'"
    METRICS = "metrics, each an OID, a threshold and a weight, such as '1.3.6.1.4.1.2021.10.1.5.1 400 2'"
    SECRET_REF = "reference to a secret, such as file:NAME or env:WATCHBILL_SECRET_NAME"  # noqa: S105  words
    SECRET_HEADERS = "header lines that end in one, such as 'Authorization: file:NAME'"  # noqa: S105  words


@dataclass(frozen=True, slots=True)
class Parameter:
    """A row: `low` and `high` bound a number, a duration (ms) or a text's length; `default` is in the kept form.

    `needs` names the switch that must be on for this one to be given; `later` is off where only `add` may give it.
    """

    name: str
    shape: Shape
    help: str
    default: Setting = None
    low: int = 0
    high: int = 0
    choices: tuple[str, ...] = ()
    required: bool = False
    later: bool = True
    needs: str | None = None

    @property
    def key(self) -> str:
        """The name under which a record keeps it."""
        return f"{self.name}_ms" if self.shape is Shape.DURATION else self.name


@dataclass(frozen=True, slots=True)
class Table:
    """The parameters of one kind (or one type of monitor), in the order in which people are shown them."""

    rows: tuple[Parameter, ...]
    rules: tuple[Rule, ...] = ()
    by_name: Mapping[str, Parameter] = field(init=False)
    """Rows by the name people write and by the key records keep."""
    defaults: Settings = field(init=False)
    """Every row that has a default, by key."""

    def __post_init__(self) -> None:
        named = {row.name: row for row in self.rows} | {row.key: row for row in self.rows}
        object.__setattr__(self, "by_name", named)
        object.__setattr__(self, "defaults", {row.key: row.default for row in self.rows if row.default is not None})

    def effective(self, given: Settings) -> dict[str, Setting]:
        """The settings with the defaults of what was not given."""
        return {**self.defaults, **given}
