"""Scenarios of configuration as text: commands above the line, what came of each below it.

`command ID` begins a command, one operation a line follows. Below `----` stand, per command, its answer, the entities
that were written (`+` new, `~` changed, `-` removed), and the services that a change reached; at the end every service
as the rest of the system sees it.
"""

from __future__ import annotations

from collections.abc import Iterator

from schemas.config import ConfigCommand, ConfigResult
from schemas.inventory.entities import Change, Entities, Removed
from schemas.inventory.services import MonitoredService, affected, services, some_services
from schemas.parameters.kinds import KINDS
from streams.folding.config.fold import ConfigFold
from tests.unit.config.config_words import operation

LINE = "----\n"


def rewrite(text: str) -> str:
    """The scenario with today's outcome."""
    script = text.split(LINE)[0]
    fold, told = ConfigFold(), []
    for offset, command in enumerate(commands(script)):
        before = fold.entities
        result, changes = fold.take(command, offset)
        told += [*answer(result, offset), *written(before, changes), *reached(fold.entities, changes)]
    told += sorted(f"{service.name}: {described(service)}" for service in services(fold.entities))
    return script + LINE + "".join(f"{line}\n" for line in told)


def commands(script: str) -> Iterator[ConfigCommand]:
    """The commands, each operation with its line in the script."""
    lines = [(number, line) for number, line in enumerate(script.splitlines(), 1) if line and not line.startswith("#")]
    starts = [index for index, (_, line) in enumerate(lines) if line.startswith("command ")]
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        operations = tuple(operation(line, number) for number, line in lines[start + 1 : end])
        yield ConfigCommand(lines[start][1].split()[1], 0, "scenario", operations)


def answer(result: ConfigResult, offset: int) -> Iterator[str]:
    repeat = f" (as at {result.command_offset})" if result.command_offset != offset else ""
    if result.accepted:
        named = ", ".join(f"{entity.name} {entity.entity_id}" for entity in result.entities)
        yield f"{offset} {result.command_id} accepted{repeat}: {named}"
        return
    yield f"{offset} {result.command_id} refused{repeat}:"
    for rejection in result.rejections:
        yield f"  line {rejection.line}: {rejection.message}"


def written(before: Entities, changes: tuple[Change, ...]) -> Iterator[str]:
    for change in changes:
        noun = KINDS[change.kind].noun
        if isinstance(change, Removed):
            yield f"  - {noun} {change.entity_id}"
            continue
        sign = "~" if before.get(change.entity_id) else "+"
        facts = [f"{key}={value}" for key, value in change.settings.items()]
        facts += [f"holds {bound.entity_id}*{bound.weight}" + "!" * (not bound.enabled) for bound in change.bindings]
        yield " ".join([f"  {sign} {noun} {change.name}", *facts, *(() if change.enabled else ("DISABLED",))])


def reached(after: Entities, changes: tuple[Change, ...]) -> Iterator[str]:
    found = sorted(
        one.name if one else f"{service} (gone)" for service, one in some_services(after, affected(after, changes))
    )
    if found:
        yield f"  reaches {', '.join(found)}"


def described(service: MonitoredService) -> str:
    bindings = [f"{one.monitor_name}*{one.weight}" + ("" if one.counts else "!") for one in service.bindings]
    groups = f" on {'+'.join(service.node_groups)}" if service.node_groups else ""
    state = "" if service.enabled else " DISABLED"
    return f"{service.ip} {service.port} threshold {service.threshold}{groups}{state} [{' '.join(bindings)}]"
