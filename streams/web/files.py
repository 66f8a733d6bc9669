"""The files of the dashboard: hand-written HTML, CSS and JavaScript modules, read once and served from memory.

Rule: what is served is what was in the folder when the node started, by exact name; no request ever becomes a path.
A page may load from its own node alone, and runs no script that stands in it (`PAGE_POLICY`), so text from outside
that lands in a page stays text. No build step and no framework: what a browser runs is what stands here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent / "static"
TYPES = {
    ".html": "text/html",
    ".css": "text/css",
    ".js": "text/javascript",
    ".svg": "image/svg+xml",
}
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True, slots=True)
class File:
    """A file's bytes and what they are. `policy`: what a browser may load on its behalf."""

    content_type: str
    body: bytes
    policy: str | None = None


def dashboard_files(folder: Path = FOLDER) -> dict[str, File]:
    """Each file by the address it is served at; `index.html` at `/`."""
    files: dict[str, File] = {}
    for path in sorted(folder.iterdir()):
        policy = PAGE_POLICY if path.suffix == ".html" else None
        address = "/" if path.name == "index.html" else f"/static/{path.name}"
        files[address] = File(TYPES[path.suffix], path.read_bytes(), policy)
    return files
