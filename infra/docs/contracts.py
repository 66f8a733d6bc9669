"""Writes docs/openapi.json and docs/asyncapi.json from the code: `python -m infra.docs.contracts`.

Rule: the same documents as a node serves at `/api/openapi.json` and `/api/asyncapi.json`, for whoever writes a client
before there is a cluster. A test compares the files with what this makes.
"""

from __future__ import annotations

from pathlib import Path

from schemas.asyncapi import asyncapi, document
from streams.web.contract import openapi

FOLDER = Path(__file__).resolve().parents[2] / "docs"


def write() -> None:
    """Both files anew."""
    for name, made in (("openapi.json", openapi()), ("asyncapi.json", asyncapi())):
        (FOLDER / name).write_text(document(made), encoding="utf-8")


if __name__ == "__main__":
    write()
