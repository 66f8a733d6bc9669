"""What `watchbill feed` refuses before it begins, and that a feed which fails ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from streams.cli.feed_states import until_told
from streams.cli.main import main


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["haproxy-agent", "--listen", "here"], "give HOST:PORT"),
        (["haproxy-runtime", "--socket", "admin.sock", "--backend", "web"], "is no stats socket of HAProxy"),
        (["haproxy-runtime", "--socket", "/a.sock"], "no server is mapped"),
        (["haproxy-runtime", "--socket", "/a.sock", "--server", "web/one"], "write BACKEND/SERVER=SERVICE"),
        (["haproxy-runtime", "--socket", "/a.sock", "--map", "/none"], "No such file"),
        (["envoy-eds", "--out", "/none"], "is no folder"),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_mend(
    arguments: list[str], what: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit) as ended:
        main(["feed", *arguments])
    assert ended.value.code == 2
    assert what in capsys.readouterr().err


def test_a_map_is_a_file_of_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As far as to Kafka, which is not there."""
    (tmp_path / "servers.map").write_text("# ours\nweb/one=web\n")
    given = ["--socket", "/a.sock", "--map", str(tmp_path / "servers.map"), "--data-dir", str(tmp_path)]
    with pytest.raises(SystemExit) as ended:
        main(["feed", "haproxy-runtime", *given])
    assert ended.value.code != 2, capsys.readouterr().err


def test_a_feed_that_fails_ends_with_its_fault() -> None:
    async def broken() -> None:
        raise ArithmeticError("broken")

    async def sound() -> None:
        await asyncio.Event().wait()

    async def both() -> None:
        await until_told(sound(), broken())

    with pytest.raises(ArithmeticError, match="broken"):
        asyncio.run(both())
