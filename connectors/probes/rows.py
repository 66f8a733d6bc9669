"""What a query of a database answered, as one text to look into.

Rule: columns are joined by tabs and rows end with a newline, as the databases' own command line tools print them, so
what an operator sees there can be expected here. NULL is `NULL`. Only the first WINDOW_BYTES are looked at; a row
beyond them is read and dropped, because the server still has to come to its end without an error.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from connectors.engine.binding import ParameterValue
from connectors.probes.matching import CONTENT, WINDOW_BYTES, Content
from connectors.probes.outcome import Outcome
from connectors.probes.secure import SECURE

LOGIN: Mapping[str, ParameterValue] = {
    "user_name": "",
    "password_ref": "",
    "database": "",
    "sql_query": "",
    **CONTENT,
    **SECURE,
}
"""The parameters of every kind that logs in to a database, and their defaults: none of it."""


class Rows:
    """The rows of one probe so far, and what is looked for in them. Raises ValueError as `Content` does."""

    __slots__ = ("_content", "_seen")

    def __init__(self, settings: Mapping[str, ParameterValue]) -> None:
        self._content = Content(settings)
        self._seen = bytearray()
        if not settings["user_name"] and (settings["password_ref"] or settings["database"] or settings["sql_query"]):
            raise ValueError("password_ref, database and sql_query need a login: give user_name too")
        if self._content.looks and not settings["sql_query"]:
            raise ValueError("content is looked for in the rows of a query: give sql_query too")

    def clear(self) -> None:
        """A new probe."""
        self._seen.clear()

    def add(self, columns: Iterable[bytes | None]) -> None:
        """One more row."""
        room = WINDOW_BYTES - len(self._seen)
        if room > 0 and self._content.looks:
            row = b"\t".join(b"NULL" if column is None else column for column in columns)
            self._seen += (row + b"\n")[:room]

    def judge(self) -> Outcome:
        """The query came to its end."""
        return self._content.judge(self._seen)
