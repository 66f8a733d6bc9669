"""Secrets: found where a reference says, and never told, whatever is wrong with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectors.probes.kinds import converse
from connectors.probes.outcome import Outcome, down
from connectors.probes.secrets import FOLDER_VARIABLE, SECRET_BYTES, header_secret, secret
from schemas.probes import Reason, Verdict
from tests.unit.engine.harness import binding

CANARY = "canary-2f9c71"


@pytest.fixture(autouse=True)
def _nothing_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("connectors.probes.secrets._looked_up", ())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    inside = tmp_path / "secrets"
    inside.mkdir()
    monkeypatch.setenv(FOLDER_VARIABLE, str(inside))
    return inside


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_file_is_a_secret_without_its_last_newline(folder: Path, ending: str) -> None:
    (folder / "password").write_bytes(f" {CANARY} ü{ending}".encode())
    assert secret("file:password") == f" {CANARY} ü"


def test_a_file_keeps_all_newlines_but_the_last(folder: Path) -> None:
    (folder / "key.pem").write_text("one\ntwo\n\n")
    assert secret("file:key.pem") == "one\ntwo\n"


def test_a_variable_of_the_right_name_is_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_REDIS", CANARY)
    assert secret("env:WATCHBILL_SECRET_REDIS") == CANARY


@pytest.mark.parametrize("ref", ["env:AWS_SECRET_ACCESS_KEY", "env:HOME", "env:WATCHBILL_SECRET_", CANARY, ""])
def test_no_other_variable_is_read_nor_is_what_was_given_quoted(ref: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", CANARY)
    with pytest.raises(ValueError, match="never write a secret here") as raised:
        secret(ref)
    assert CANARY not in str(raised.value)


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "..", ".", ".hidden", "a/b", "", "a b", "a\nb"])
def test_no_other_place_is_read(folder: Path, name: str) -> None:
    (folder.parent / "outside").write_text(CANARY)
    with pytest.raises(ValueError, match="no reference to a secret"):
        secret(f"file:{name}")


def test_a_link_out_of_the_folder_is_refused_and_one_inside_followed(folder: Path) -> None:
    (folder.parent / "outside").write_text(CANARY)
    (folder / "leak").symlink_to("../outside")
    (folder / "loop").symlink_to("loop")
    (folder / "..data").mkdir()
    (folder / "..data" / "password").write_text(CANARY)
    (folder / "password").symlink_to("..data/password")
    assert secret("file:password") == CANARY
    for name, message in (("leak", "no plain file inside"), ("loop", "cannot be read")):
        with pytest.raises(ValueError, match=message):
            secret(f"file:{name}")


def test_what_cannot_be_a_secret_is_named_but_never_quoted(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    (folder / "below").mkdir()
    (folder / "empty").write_text("\n")
    (folder / "full").write_text("x" * SECRET_BYTES + "\n")
    (folder / "long").write_text(CANARY + "x" * SECRET_BYTES)
    (folder / "binary").write_bytes(CANARY.encode() + b"\xff")
    (folder / "nul").write_text(f"{CANARY}\0")
    assert len(secret("file:full")) == SECRET_BYTES
    faults = {
        "pipe": "no plain file",
        "below": "Is a directory",
        "empty": "is empty",
        "long": "longer than 65536 bytes",
    }
    faults |= {"binary": "not UTF-8", "nul": "NUL", "gone": "No such file"}
    for name, message in faults.items():
        with pytest.raises(ValueError, match=message) as raised:
            secret(f"file:{name}")
        assert f"file:{name}" in str(raised.value)
        assert CANARY not in str(raised.value)
        assert raised.value.__cause__ is None


def test_a_missing_variable_or_folder_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(FOLDER_VARIABLE, raising=False)
    with pytest.raises(ValueError, match="set it before the node starts"):
        secret("env:WATCHBILL_SECRET_NONE")
    with pytest.raises(ValueError, match="start it with --secrets FOLDER"):
        secret("file:password")


@pytest.mark.parametrize("content", ["a\r\nEvil: 1", "a\tb", "ü"])
def test_a_secret_cannot_end_a_header(folder: Path, content: str) -> None:
    (folder / "token").write_bytes(content.encode())
    with pytest.raises(ValueError, match="not one line of plain characters") as raised:
        header_secret("file:token")
    assert content not in str(raised.value)


def test_a_secret_that_a_target_sends_back_is_masked_in_details(folder: Path) -> None:
    (folder / "token").write_text(f"Bearer {CANARY}")
    (folder / "short").write_text("abcd")
    (folder / "shorter").write_text(f"Bearer {CANARY[:5]}")
    secret("file:shorter")
    secret("file:token")
    secret("file:short")
    outcome = down(Reason.MISMATCH, f"got {'x' * 150} Bearer {CANARY}, twice: Bearer {CANARY} abcd")
    assert outcome.detail == f"got {'x' * 150} [secret], twice: [secret] [secret]"
    assert down(Reason.MISMATCH, f"got Bearer {CANARY[:7]}").detail == "got [secret]"


def test_M18_a_secret_header_is_sent_and_nowhere_else(folder: Path) -> None:
    (folder / "token").write_text(f"Bearer {CANARY}\n")
    settings = {
        "custom_headers": ("X-Probe: 1", "authorization: none"),
        "secret_headers": ("Authorization: file:token",),
    }
    row = binding(kind="HTTP", **settings)
    found = converse(row)
    assert not isinstance(found, Outcome)
    sent = found[1].connected()
    assert isinstance(sent, bytes)
    assert f"\r\nAuthorization: Bearer {CANARY}\r\n".encode() in sent
    assert sent.lower().count(b"authorization:") == 1
    assert CANARY not in repr(row) + repr(found)
    found[1].begin()
    echoed = found[1].received(b"HTTP/1.1 500 no Bearer " + CANARY.encode() + b" here\r\n\r\n")
    assert isinstance(echoed, Outcome)
    assert echoed.detail == "HTTP 500 no [secret] here, expected 200"


def test_a_secret_that_this_node_lacks_is_nobodys_failure(folder: Path) -> None:
    found = converse(binding(kind="HTTP", secret_headers=("Authorization: file:token",)))
    assert isinstance(found, Outcome)
    assert (found.verdict, found.reason) == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)
    assert found.detail.startswith("secret file:token cannot be read in ")
