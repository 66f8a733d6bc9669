"""Checks settings as given against a table, and answers the settings to keep together with every fault.

Rule: all faults are found, not the first only, and each says how to mend it. What is kept holds what was given, never a
default: a default that changes in a later release then changes for everyone who never chose.
"""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from schemas.config import Setting
from schemas.parameters.durations import duration_text
from schemas.parameters.parameter import Parameter, Settings, Shape, Table
from schemas.parameters.reading import Unfit, read, written


@dataclass(frozen=True, slots=True)
class Checked:
    """What is to be kept, and what is wrong with what was given. With faults, `kept` holds what was good."""

    kept: dict[str, Setting]
    faults: list[str]


def check_added(table: Table, given: Settings) -> Checked:
    """The settings of something new."""
    checked = _read_all(table, given)
    checked.faults.extend(
        f"{row.name} is missing: give its {_what(row)}"
        for row in table.rows
        if row.required and given.get(row.key) is None and given.get(row.name) is None
    )
    _apply_rules(table, checked)
    return checked


def check_changed(table: Table, stored: Settings, given: Settings) -> Checked:
    """The settings of something that is there, after a change; None in `given` goes back to the default."""
    checked = _read_all(table, given, stored)
    kept = {**stored, **checked.kept}
    for name in given:
        row = table.by_name.get(name)
        if row is not None and given[name] is None and not row.required:
            kept.pop(row.key, None)
    merged = Checked(kept, checked.faults)
    _apply_rules(table, merged)
    return merged


def unknown_parameter(table: Table, name: str) -> str:
    """The message for a name that the table does not have."""
    names = [row.name for row in table.rows]
    if not names:
        return f'"{name[:60]}" is not a parameter here: there is nothing to set'
    near = get_close_matches(name[:60], names, 1)
    known = f"did you mean {near[0]}? There are" if near else "there are"
    return f'"{name[:60]}" is not a parameter: {known} {", ".join(names)}'


def describe(row: Parameter) -> str:
    """Type, range, default of a row, for help texts: `number 1-127, default 3`."""
    parts = [_what(row)]
    if row.default is not None:
        parts.append(f"default {written(row, row.default)}")
    if row.required:
        parts.append("required")
    if row.needs:
        parts.append(f"only where {row.needs} is on")
    if not row.later:
        parts.append("only at add")
    return ", ".join(parts)


def _what(row: Parameter) -> str:
    if row.shape is Shape.CHOICE:
        return "|".join(row.choices)
    if row.shape is Shape.NUMBER:
        return f"number {row.low}-{row.high}"
    if row.shape is Shape.DURATION:
        return f"duration {duration_text(row.low)}-{duration_text(row.high)}"
    return str(row.shape.value)


def _read_all(table: Table, given: Settings, stored: Settings | None = None) -> Checked:
    kept: dict[str, Setting] = {}
    faults: list[str] = []
    for name, value in given.items():
        row = table.by_name.get(name)
        if row is None:
            faults.append(unknown_parameter(table, name))
            continue
        setting = read(row, value)
        if isinstance(setting, Unfit):
            faults.append(setting.message)
        elif stored is not None and (fault := _fixed(row, setting, stored)):
            faults.append(fault)
        elif setting is not None:
            kept[row.key] = setting
    return Checked(kept, faults)


def _fixed(row: Parameter, setting: Setting, stored: Settings) -> str | None:
    """Why a parameter of something that is there cannot be changed so, if it cannot."""
    if row.name == "state":
        return "state is changed by enable and disable, not by set"
    if row.required and setting is None:
        return f"{row.name} cannot be taken back: it has no default"
    if not row.later and setting != stored.get(row.key, row.default) and setting is not None:
        return f"{row.name} cannot be changed later: remove it and add it again with {row.name}={written(row, setting)}"
    return None


def _apply_rules(table: Table, checked: Checked) -> None:
    if checked.faults or not table.rules:
        return
    effective = table.effective(checked.kept)
    faults = (rule(checked.kept, effective) for rule in table.rules)
    checked.faults.extend(fault for fault in faults if fault)
