"""Bytes written as text: the escapes there are, and what is said of one that there is not."""

from __future__ import annotations

import pytest

from schemas.parameters.escapes import escaped_bytes
from schemas.parameters.parameter import Parameter, Shape
from schemas.parameters.reading import Unfit, read

SEND = Parameter("send", Shape.ESCAPED, "", low=0, high=64)


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("", b""),
        (r"PING\r\n", b"PING\r\n"),
        (r"\x00\xff\t\0", b"\x00\xff\t\x00"),
        (r"a\\nb", b"a\\nb"),
        (r"\\", b"\\"),
        ("grüße", "grüße".encode()),
    ],
)
def test_M18_escapes_mean_these_bytes(text: str, meant: bytes) -> None:
    assert escaped_bytes(text) == meant
    assert read(SEND, text) == text


@pytest.mark.parametrize(("text", "escape"), [(r"a\q", r"\q"), (r"\x4", r"\x"), ("end\\", "\\"), (r"\xgg", r"\x")])
def test_an_escape_that_there_is_not_is_told(text: str, escape: str) -> None:
    found = read(SEND, text)
    assert isinstance(found, Unfit)
    assert f"{escape} is no escape: there are" in found.message


def test_a_control_character_that_came_as_such_is_kept_as_its_escape() -> None:
    assert read(SEND, "PING\r\n\x00") == r"PING\r\n\x00"
    assert read(SEND, r"PING\r\n\x00") == r"PING\r\n\x00"
