"""Instants as people write them: `10:32`, `-5m`, `2026-11-29T10:32:05`, seconds since 1970, `now`.

Rule: pure; the time of now is an argument. A time of day is the last one that has been: `23:50` asked after midnight is
yesterday's. What has no zone is local, as every time that the command line prints. Why not a parser of free text: an
answer about the wrong instant looks just like one about the right one.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, time, timedelta
from typing import Annotated

import typer

AGO = re.compile(r"-(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?")
CLOCK = re.compile(r"\d{1,2}:\d{2}(:\d{2}(\.\d{1,6})?)?")
EPOCH = re.compile(r"\d{9,17}(\.\d+)?")
EPOCH_MS_FROM = 1e11
"""A number from here on is milliseconds: as seconds it would be the year 5138."""
HELP = "An instant: 10:32, -5m, 2026-11-29T10:32:05 (local, or with a zone), seconds since 1970, now."

AtOption = Annotated[str | None, typer.Option("--at", help=HELP)]


class NoInstant(Exception):
    """The text is no instant; the message says what to write."""


def instant(text: str, now_ms: int) -> int:
    """The instant in epoch milliseconds. Raises NoInstant."""
    word = text.strip()
    if word == "now":
        return now_ms
    if word.startswith("-"):
        return now_ms - _ago_ms(word)
    if CLOCK.fullmatch(word):
        return _clock_ms(word, now_ms)
    if EPOCH.fullmatch(word):
        number = float(word)
        return round(number if number >= EPOCH_MS_FROM else number * 1000)
    try:
        return _milliseconds(datetime.fromisoformat(word))
    except ValueError:
        raise NoInstant(
            f'"{text}" is no instant: write 10:32, -5m, 2026-11-29T10:32:05 or seconds since 1970'
        ) from None


def _ago_ms(word: str) -> int:
    found = AGO.fullmatch(word)
    if found is None or word == "-":
        raise NoInstant(f'"{word}" is no time ago: write -30s, -5m, -2h30m or -1d')
    days, hours, minutes, seconds = (float(part or 0) for part in found.groups())
    return round(timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds).total_seconds() * 1000)


def _clock_ms(word: str, now_ms: int) -> int:
    now = datetime.fromtimestamp(now_ms / 1000, UTC).astimezone()
    try:
        clock = time.fromisoformat(word.zfill(len(word) + (word.index(":") == 1)))
    except ValueError:
        raise NoInstant(f'"{word}" is no time of day') from None
    today = datetime.combine(now.date(), clock)
    then_ms = _milliseconds(today)
    return then_ms if then_ms <= now_ms else _milliseconds(today - timedelta(days=1))


def _milliseconds(when: datetime) -> int:
    return round(when.timestamp() * 1000)
