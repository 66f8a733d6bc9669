"""The console script: verbs load alone, help comes from the tables, and exit codes tell what happened."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from schemas.config import ConfigResult, Kind, NamedEntity, Operation, Rejection
from schemas.identifiers import EntityId
from schemas.parameters.monitors import MONITOR_TYPES
from streams.cli.main import VERBS, main, missing_text
from streams.cli.output import Output
from streams.cli.sending import Sending, tell


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    """A verb's exit code, standard output and standard error."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    code = ended.value.code
    out, err = capsys.readouterr()
    return (code if isinstance(code, int) else 1), out, err


def test_help_names_every_verb_without_loading_one(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "--help")
    assert code == 0
    assert all(f"  {row.name} " in out for row in VERBS)


def test_a_verb_loads_neither_faust_nor_kafka_before_it_runs() -> None:
    text = (
        "import sys; from streams.cli.main import application; application(['add']); application(['apply']);"
        "print([name for name in ('faust', 'aiokafka', 'confluent_kafka', 'infra', 'ruamel') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == "[]"


def test_the_help_of_add_lists_every_parameter_of_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "add", "monitor", "--help")
    assert code == 0
    for monitor in MONITOR_TYPES.values():
        for row in monitor.table.rows:
            assert f"--{row.name.replace('_', '-')} " in out


def test_a_kind_of_member_can_be_added_but_not_renamed_by_option(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "add", "member", "--help")
    assert code == 0
    assert "group/address:port" in out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        ("add monitor m --type TCP --interval 1s", 1, "response_timeout 2s (the default) is not shorter"),
        ("add monitor m type=TCP intervall=5s", 1, "did you mean interval?"),
        ("add monitor m type", 2, 'error: "type" is no setting: write key=value'),
        ("set service web1", 2, "nothing to set"),
        ("rm thing web1", 2, '"thing" is no kind: there are node-group, monitor, service'),
        ("disable service web1 --delay 60", 1, "delay cannot be"),
        ("disable monitor m --graceful", 1, '"graceful" is not a parameter here'),
        ("bind monitor m", 2, "say two entities by kind and name"),
        ("apply -f /nowhere.yaml", 1, "/nowhere.yaml cannot be read"),
        ("frobnicate", 2, "frobnicate"),
    ],
)
def test_what_is_wrong_is_told_before_kafka_is_asked(
    capsys: pytest.CaptureFixture[str], words: str, code: int, message: str
) -> None:
    ended, out, err = run(capsys, *words.split())
    assert (ended, out) == (code, "")
    assert message in err


@pytest.mark.parametrize(
    ("words", "settings"),
    [
        ("disable service web1 web2 --delay 60s --graceful", {"delay": "60s", "graceful": "yes"}),
        ("disable service web1 web2", {}),
        ("enable service web1 web2", {}),
    ],
)
def test_M20_a_disable_says_how(
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    words: str,
    settings: dict[str, str],
) -> None:
    sent: list[Operation] = []
    monkeypatch.setattr(Sending, "deliver", lambda self, operations: sent.extend(operations))
    assert run(capsys, *words.split())[0] == 0
    assert [(one.name, one.settings) for one in sent] == [("web1", settings), ("web2", settings)]


def test_apply_names_file_line_and_column_of_every_fault(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "cluster.yaml"
    file.write_text("services:\n  web1: {address: 10.0.0.1}\n  web2: {address: 10.0.0, port: 80}\n")
    code, _, err = run(capsys, "apply", "-f", str(file))
    assert code == 1
    assert f'{file}:2:3: service "web1": port is missing' in err
    assert f'{file}:3:19: address cannot be "10.0.0"' in err
    assert "has 2 faults; nothing was changed" in err


def test_a_missing_package_names_the_extra_that_brings_it() -> None:
    assert "pip install 'watchbill[node]'" in missing_text("node", ModuleNotFoundError(name="faust.types"))
    assert "cannot be loaded" in missing_text("show", ModuleNotFoundError("No module named 'x'", name="x"))


RESULT = ConfigResult("id", 7, True, (NamedEntity(Kind.SERVICE, "web1", EntityId("7-0")),), ())
REFUSED = ConfigResult("id", 7, False, (), (Rejection(0, 3, "wrong"),))


def test_an_answer_as_lines_and_as_an_object(capsys: pytest.CaptureFixture[str]) -> None:
    tell(RESULT, Output.TABLE)
    assert capsys.readouterr().out == "service web1 (id 7-0)\n"
    tell(REFUSED, Output.TABLE, lambda line: f"cluster.yaml:{line}")
    assert capsys.readouterr().err == "refused: cluster.yaml:3: wrong\n"
    tell(REFUSED, Output.JSON)
    assert json.loads(capsys.readouterr().out)["rejections"] == [{"operation": 0, "line": 3, "message": "wrong"}]
    tell(RESULT, Output.YAML)
    assert "accepted: true" in capsys.readouterr().out
