"""The source files the tidy test reads, parsed once, and how a finding is written: `file:line: what`.

The files are those git would commit: tracked, or new and not ignored. Without git (a source archive) every file
counts.
"""

from __future__ import annotations

import ast
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True, slots=True)
class Source:
    """One Python file. `path` is relative to the project."""

    path: Path
    text: str
    tree: ast.Module

    @property
    def top(self) -> str:
        return self.path.parts[0]

    def at(self, line: int, what: str) -> str:
        return f"{self.path}:{line}: {what}"


@cache
def files() -> tuple[Path, ...]:
    """Every file of the project, relative to it, in order."""
    listing = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    found = subprocess.run(listing, cwd=ROOT, capture_output=True, text=True, check=False)
    if found.returncode == 0:
        names = [Path(name) for name in found.stdout.splitlines()]
    else:
        names = [path.relative_to(ROOT) for path in ROOT.rglob("*") if ".venv" not in path.parts]
    return tuple(sorted(name for name in names if (ROOT / name).is_file()))


@cache
def sources() -> tuple[Source, ...]:
    """Every Python file."""
    found = []
    for path in files():
        if path.suffix == ".py":
            text = (ROOT / path).read_text(encoding="utf-8")
            found.append(Source(path, text, ast.parse(text, str(path))))
    return tuple(found)
