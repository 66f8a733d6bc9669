"""`watchbill node --targets --secrets`: what is wrong is told before the start, what is right reaches the engines."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.engine.pool import EnginePool
from connectors.engine.runs import RunReport
from connectors.probes.policy import NO_RULES, enforce, refusal
from connectors.probes.secrets import FOLDER_VARIABLE
from schemas.probes import Reason, Verdict
from streams.cli.main import main
from streams.cli.node import _guard, _token
from tests.unit.engine.harness import binding
from tests.waiting import wait_until


@pytest.fixture(autouse=True)
def _as_it_was(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv(FOLDER_VARIABLE, "")
    yield
    enforce(NO_RULES)


@pytest.mark.parametrize(
    ("option", "content", "message"),
    [
        ("--targets", "deny 10.0.0.1/8", "has host bits set"),
        ("--targets", None, "cannot be read: No such file"),
        ("--secrets", "a file", "is no folder"),
        ("--secrets", None, "is no folder"),
    ],
)
def test_what_cannot_guard_stops_the_node(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, content: str | None, message: str
) -> None:
    path = tmp_path / "given"
    if content is not None:
        path.write_text(content)
    with pytest.raises(SystemExit) as ended:
        main(["node", "--id", "b0", option, str(path)])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_a_nodes_policy_holds_in_its_own_process_and_in_its_engines(tmp_path: Path) -> None:
    rules = tmp_path / "targets"
    rules.write_text("deny 127.0.0.0/8\n")
    policy = _guard(rules, tmp_path)
    assert refusal("127.0.0.1")
    assert os.environ[FOLDER_VARIABLE] == str(tmp_path)

    async def probed() -> list[RunReport]:
        reports: list[RunReport] = []
        pool = EnginePool(1, reports.extend, targets=policy)
        await pool.start()
        try:
            pool.add([binding()])
            pool.set_probing(on=[1])
            await asyncio.to_thread(wait_until, lambda: reports, 10, "a report")
        finally:
            await pool.stop()
        return reports

    report = asyncio.run(probed())[0]
    assert (report.verdict, report.reason) == (Verdict.INCONCLUSIVE, Reason.NO_PERMISSION)
    assert "line 1 of the target policy of this node" in report.detail


WEB_TOKEN = "WATCHBILL_WEB_TOKEN"


def test_a_token_may_stand_in_a_file_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("0123456789abcdef\n")
    monkeypatch.delenv(WEB_TOKEN, raising=False)
    assert _token(WEB_TOKEN) is None
    monkeypatch.setenv(f"{WEB_TOKEN}_FILE", str(file))
    assert _token(WEB_TOKEN) == "0123456789abcdef"


@pytest.mark.parametrize(
    ("value", "content", "message"),
    [
        ("0123456789abcdef", "0123456789abcdef", "WATCHBILL_WEB_TOKEN and WATCHBILL_WEB_TOKEN_FILE are both set"),
        (None, None, "which cannot be read: No such file"),
        (None, "one\ntwo\n", "must hold the token alone"),
    ],
)
def test_a_token_that_is_not_sure_stops_the_node(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    value: str | None,
    content: str | None,
    message: str,
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.write_text(content)
    monkeypatch.setenv("COLUMNS", "500")
    monkeypatch.setenv(f"{WEB_TOKEN}_FILE", str(file))
    monkeypatch.delenv(WEB_TOKEN, raising=False)
    if value is not None:
        monkeypatch.setenv(WEB_TOKEN, value)
    with pytest.raises(SystemExit) as ended:
        main(["node", "--id", "b0"])
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert message in said
    assert "0123456789abcdef" not in said


def test_a_node_without_an_address_looks_for_our_own_broker_and_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("WATCHBILL_BOOTSTRAP", raising=False)
    with pytest.raises(SystemExit) as ended:
        main(["node", "--id", "b0", "--data-dir", str(tmp_path)])
    assert ended.value.code == 3
    assert "watchbill kafka start" in capsys.readouterr().err
