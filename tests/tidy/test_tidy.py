"""Reads the source as a reviewer would, and names each finding by file and line.

Linters hold the usual; these are the habits of this project: a module says why it exists, files and functions stay
short, nothing is left for later, no exception vanishes, no test sleeps, and every file belongs to a layer. There is
no list of exceptions: what cannot keep a rule is changed, or the rule is.
"""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

from tests.tidy.source import ROOT, Source, files, sources

PRODUCT = ("schemas", "streams", "connectors", "infra")
FILE_LINES = 400
FUNCTION_LINES = 70
DOCSTRING_LINES = 3  # of a product module: its place, its rule, and why not the other obvious way
LATER = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b|\bNotImplemented" r"Error\b")
SLEEPERS = ("tests/waiting.py", "tests/bench/", "tests/simulation/")
"""The one wait with a deadline; what paces a load by the clock; and where time is simulated."""
ENDS_THE_PROCESS = ("list_offsets", "list_consumer_group_offsets")
"""Questions of confluent-kafka's admin client that can end the process (connectors/kafka/ends.py)."""
Function = ast.FunctionDef | ast.AsyncFunctionDef


def report(findings: Iterator[str]) -> None:
    found = list(findings)
    assert not found, f"{len(found)} findings:\n" + "\n".join(found)


def test_every_module_says_why_it_exists() -> None:
    report(finding for source in sources() for finding in poor_docstring(source))


def test_files_are_short() -> None:
    report(
        source.at(lines, f"{lines} lines, at most {FILE_LINES}: one noun, one file")
        for source in sources()
        if (lines := source.text.count("\n")) > FILE_LINES
    )


def test_functions_are_short() -> None:
    report(finding for source in sources() for finding in long_functions(source))


def test_nothing_is_left_for_later() -> None:
    report(
        source.at(number, f"{found.group()}: do it, or open an issue")
        for source in sources()
        for number, line in enumerate(source.text.splitlines(), 1)
        if (found := LATER.search(line))
    )


def test_no_exception_vanishes() -> None:
    report(finding for source in sources() for finding in swallowed(source))


def test_no_test_sleeps() -> None:
    report(
        source.at(node.lineno, "a sleep: wait for a condition with a deadline (tests/waiting.py)")
        for source in sources()
        if source.top == "tests" and not source.path.as_posix().startswith(SLEEPERS)
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and is_sleep(node)
    )


def test_no_call_ends_the_process() -> None:
    report(
        source.at(node.lineno, f"{last_name(node.func)}: ask as a consumer, by offsets_for_times or committed")
        for source in sources()
        for node in ast.walk(source.tree)
        if isinstance(node, ast.Call) and last_name(node.func) in ENDS_THE_PROCESS
    )


def test_every_file_is_in_a_layer() -> None:
    contract = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ][0]
    layers = {name for row in contract["layers"] for name in re.split(r"\s*[|:]\s*", row)}
    report(
        f"{path}:1: not below a layer of pyproject.toml, nor in tests"
        for path in files()
        if path.suffix == ".py" and path.parts[0] != "tests" and not in_layer(path, layers)
    )


def poor_docstring(source: Source) -> Iterator[str]:
    text = ast.get_docstring(source.tree)
    if text is None:
        yield source.at(1, "no docstring: what is this module's place, and its rule?")
    elif source.top in PRODUCT and source.path.name != "__init__.py" and text.count("\n") + 1 < DOCSTRING_LINES:
        yield source.at(1, f"a docstring of under {DOCSTRING_LINES} lines: its place, its rule, why not the other way")


def long_functions(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, Function) and node.end_lineno is not None:
            lines = node.end_lineno - node.lineno + 1
            if lines > FUNCTION_LINES:
                yield source.at(node.lineno, f"{node.name} has {lines} lines, at most {FUNCTION_LINES}")


def swallowed(source: Source) -> Iterator[str]:
    for node in ast.walk(source.tree):
        if isinstance(node, ast.ExceptHandler) and all(does_nothing(each) for each in node.body):
            yield source.at(node.lineno, "an exception vanishes: handle it, count it, or let it go up")
        if isinstance(node, ast.Call) and last_name(node.func) == "suppress":
            broad = [last_name(each) for each in node.args if last_name(each) in ("Exception", "BaseException")]
            if broad:
                yield source.at(node.lineno, f"suppress({broad[0]}): name what may go wrong here")


def does_nothing(node: ast.stmt) -> bool:
    return isinstance(node, ast.Pass) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))


def is_sleep(node: ast.Call) -> bool:
    """`sleep(0)` only lets others run: no time passes."""
    nothing = len(node.args) == 1 and isinstance(node.args[0], ast.Constant) and node.args[0].value == 0
    return last_name(node.func) == "sleep" and not nothing


def last_name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""


def in_layer(path: Path, layers: set[str]) -> bool:
    """`streams/__init__.py` is the charter of the layers below it."""
    module = ".".join(path.with_suffix("").parts)
    return path.as_posix() == "streams/__init__.py" or any(f"{module}.".startswith(f"{layer}.") for layer in layers)
