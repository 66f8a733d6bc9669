"""Parameters that refer to secrets: a reference is kept, and what is none is refused without being quoted."""

from __future__ import annotations

import pytest

from schemas.config import Kind, Operation, Setting, Verb
from schemas.parameters.parameter import Parameter, Shape
from schemas.parameters.reading import HEADERS, Unfit, read
from schemas.parameters.written_secrets import written_secret

PASSWORD = Parameter("password_ref", Shape.SECRET_REF, "")
SECRET_HEADERS = Parameter("secret_headers", Shape.SECRET_HEADERS, "")


@pytest.mark.parametrize("ref", ["env:WATCHBILL_SECRET_DB", "env:WATCHBILL_SECRET_9x", "file:db", "file:db-1.key_2"])
def test_a_reference_is_kept(ref: str) -> None:
    assert read(PASSWORD, f" {ref} ") == ref
    assert read(SECRET_HEADERS, f"Authorization:{ref}") == (f"Authorization: {ref}",)
    assert read(SECRET_HEADERS, (f"Authorization: {ref}", f"X-Key: {ref}"))


@pytest.mark.parametrize(
    "value", ["hunter2", "", "env:HOME", "env:AWS_SECRET_ACCESS_KEY", "file:../db", "file:/etc/shadow", "file:.db", 2]
)
def test_what_is_no_reference_is_refused_and_not_quoted(value: object) -> None:
    for unfit in (read(PASSWORD, value), read(SECRET_HEADERS, [f"Authorization: {value}"])):
        assert isinstance(unfit, Unfit)
        assert "never write a secret here" in unfit.message
        assert "file:NAME" in unfit.message
        assert not value or str(value) not in unfit.message


def test_a_secret_header_is_one_line_and_there_are_not_too_many() -> None:
    for lines in (["Authorization: file:a\r\nEvil: file:b"], ["no colon"], ["X Y: file:a"]):
        assert isinstance(read(SECRET_HEADERS, lines), Unfit)
    too_many = read(SECRET_HEADERS, ["A: file:a"] * (HEADERS + 1))
    assert isinstance(too_many, Unfit)
    assert too_many.message.endswith(f"at most {HEADERS} header lines")


def command(**settings: Setting) -> list[Operation]:
    return [Operation(Verb.ENABLE, Kind.MONITOR, "m", {}), Operation(Verb.SET, Kind.MONITOR, "m", settings)]


@pytest.mark.parametrize(
    "settings",
    [
        {"password": "hunter2"},
        {"redis_password_ref": "hunter2"},
        {"secret_headers": "Authorization: hunter2"},
        {"custom_headers": "Authorization: Bearer hunter2"},
        {"custom_headers": ("X-A: b", "cookie:hunter2")},
    ],
)
def test_a_secret_is_found_before_the_command_is_sent(settings: dict[str, Setting]) -> None:
    fault = written_secret(command(**settings))
    assert fault is not None
    assert "never write a secret here" in fault
    assert "hunter2" not in fault


def test_a_command_without_secrets_may_go() -> None:
    good = {"secret_headers": ("Authorization: file:token",), "custom_headers": ("X-Probe: 1",), "password": None}
    assert written_secret(command(**good, interval="5s", comment="the token rota")) is None
