"""The contracts in docs are those that the code makes today: whoever changes a record or a page writes them anew."""

from __future__ import annotations

import pytest

from schemas.asyncapi import asyncapi, document
from streams.web.contract import openapi
from tests.tidy.source import ROOT


@pytest.mark.parametrize(("name", "made"), [("openapi.json", openapi()), ("asyncapi.json", asyncapi())])
def test_the_documents_in_the_repository_are_current(name: str, made: dict[str, object]) -> None:
    written = (ROOT / "docs" / name).read_text(encoding="utf-8")
    assert written == document(made), f"python -m infra.docs.contracts writes {name} anew"
