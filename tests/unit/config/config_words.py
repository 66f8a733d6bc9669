"""Commands for tests, written as an operator would say them: `add service web1 address=10.0.0.1 port=80`."""

from __future__ import annotations

from collections.abc import Iterable

from schemas.config import ConfigCommand, ConfigResult, Kind, Operation, Setting, Verb
from schemas.inventory.entities import Change
from streams.folding.config.fold import ConfigFold

_KINDS = {kind.value.lower(): kind for kind in Kind}


def operation(text: str, line: int = 0) -> Operation:
    """`verb kind name [kind name | new name] [key=value ...]`; in bind, the holder comes first."""
    verb, kind, name, *rest = text.split()
    settings: dict[str, Setting] = {}
    for word in [word for word in rest if "=" in word]:
        key, _, value = word.partition("=")
        settings[key] = None if value == "-" else value
    words = [word for word in rest if "=" not in word]
    target_kind = _KINDS[words[0]] if len(words) == 2 else None
    target = words[1] if len(words) == 2 else None
    new_name = words[0] if len(words) == 1 else None
    return Operation(Verb[verb.upper()], _KINDS[kind], name, settings, target_kind, target, new_name, line)


def command(command_id: str, lines: Iterable[str]) -> ConfigCommand:
    """A command of one operation a line; empty lines are skipped but counted."""
    numbered = [(number, line.strip()) for number, line in enumerate(lines, 1)]
    return ConfigCommand(command_id, 0, "test", tuple(operation(line, number) for number, line in numbered if line))


def take(fold: ConfigFold, text: str, command_id: str | None = None) -> tuple[ConfigResult, tuple[Change, ...]]:
    """Fold the lines of a text as the next command."""
    offset = fold.offset + 1
    return fold.take(command(command_id or f"command-{offset}", text.strip().splitlines()), offset)


def folded(*texts: str) -> ConfigFold:
    """The fold after some commands, all of which must be accepted."""
    fold = ConfigFold()
    for text in texts:
        result, _ = take(fold, text)
        assert result.accepted, result.rejections
    return fold


def messages(result: ConfigResult) -> list[str]:
    """The reasons against a command."""
    return [rejection.message for rejection in result.rejections]
