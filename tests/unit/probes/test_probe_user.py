"""USER: scripts run without rights, within limits, and leave nothing behind; what others could have put there does not.

Scripts must be root's, so these tests need root; elsewhere they are skipped, and in CI they fail.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from connectors.engine.runs import RunReport
from connectors.probes.user import safe_script
from schemas.probes import Reason, Verdict
from streams.cli.main import application
from tests.unit.engine.harness import binding
from tests.unit.engine.task_harness import probe_task
from tests.waiting import wait_until


@pytest.fixture
def scripts() -> Iterator[Path]:
    """A folder of scripts as an operator would make it: pytest's own is closed to other users."""
    if os.geteuid() != 0:
        (pytest.fail if os.environ.get("CI") else pytest.skip)("scripts must be root's: run this test as root")
    with tempfile.TemporaryDirectory(prefix="watchbill-scripts-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Where a script, whoever it runs as, may write down what it saw."""
    with tempfile.TemporaryDirectory(prefix="watchbill-seen-") as name:
        os.chmod(name, 0o777)
        yield Path(name)


def put(folder: Path, text: str, name: str = "check", mode: int = 0o755) -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{textwrap.dedent(text)}")
    path.chmod(mode)
    return path


def probe(folder: Path | None, **settings: object) -> RunReport:
    row = binding(kind="USER", port=8080, **{"script_name": "check", "timeout_ms": 3000} | settings)
    return probe_task(row, scripts=folder)


def told(report: RunReport) -> tuple[Verdict, Reason, str]:
    return report.verdict, report.reason, report.detail


def test_scripts_are_off_unless_a_folder_is_given() -> None:
    assert told(probe(None)) == (
        Verdict.INCONCLUSIVE,
        Reason.LOCAL_ERROR,
        "scripts are off on this node: start it with --scripts FOLDER or set WATCHBILL_SCRIPTS",
    )


def test_M6_the_exit_code_decides_and_the_first_line_says_why(scripts: Path) -> None:
    put(scripts, "exit 0")
    assert told(probe(scripts)) == (Verdict.UP, Reason.OK, "")
    put(scripts, "echo; echo the queue is long; echo and more; exit 1")
    assert told(probe(scripts)) == (
        Verdict.DOWN,
        Reason.BAD_STATUS,
        "script check ended with 1: the queue is long",
    )
    put(scripts, "printf '\\033[2Jbell\\007' >&2; exit 2")
    assert probe(scripts).detail == "script check ended with 2: \\x1b[2Jbell\\x07"
    put(scripts, "exit 3")
    assert probe(scripts).detail == "script check ended with 3, and said nothing"


def test_M7_the_response_time_is_that_of_the_script(scripts: Path) -> None:
    put(scripts, "sleep 0.3")
    assert 300_000 <= probe(scripts).response_avg_us < 2_000_000


def test_a_script_knows_its_target_and_no_secret_of_the_node(
    scripts: Path, open_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WATCHBILL_SECRET_CANARY", "tweet")
    put(scripts, f'env > {open_folder}/env; printf "%s\\n" "$@" > {open_folder}/args')
    assert probe(scripts, script_args="""-w 5 'two words' $HOME ; `id` "" """).verdict is Verdict.UP
    seen = dict(line.split("=", 1) for line in (open_folder / "env").read_text().splitlines())
    assert seen.pop("PWD") == "/"
    assert set(seen) - {"_", "SHLVL", "OLDPWD"} == {
        "PATH",
        "LANG",
        "WATCHBILL_TARGET_IP",
        "WATCHBILL_TARGET_PORT",
        "WATCHBILL_SERVICE",
        "WATCHBILL_MONITOR",
        "WATCHBILL_TIMEOUT_MS",
    }
    assert (seen["WATCHBILL_TARGET_IP"], seen["WATCHBILL_TARGET_PORT"]) == ("127.0.0.1", "8080")
    given = (open_folder / "args").read_text().splitlines()
    assert given == ["-w", "5", "two words", "$HOME", ";", "`id`", ""]


def test_a_script_runs_as_nobody_with_limits_and_cannot_rise(scripts: Path, open_folder: Path) -> None:
    put(scripts, f"cat /proc/self/status /proc/self/limits > {open_folder}/status; id > {open_folder}/id")
    assert probe(scripts).verdict is Verdict.UP
    status = (open_folder / "status").read_text()
    nobody = pwd.getpwnam("nobody")
    assert f"Uid:\t{nobody.pw_uid}\t{nobody.pw_uid}\t{nobody.pw_uid}\t{nobody.pw_uid}" in status
    assert f"Gid:\t{nobody.pw_gid}\t{nobody.pw_gid}\t{nobody.pw_gid}\t{nobody.pw_gid}" in status
    assert "NoNewPrivs:\t1" in status
    assert "CapEff:\t0000000000000000" in status
    assert "root" not in (open_folder / "id").read_text()
    limits = {line[:26].strip(): line[26:].split()[:2] for line in status.splitlines() if line.startswith("Max")}
    assert limits["Max cpu time"] == ["3", "4"]
    assert limits["Max open files"] == ["256", "256"]
    assert limits["Max file size"] == ["1048576"] * 2
    assert limits["Max address space"] == ["1073741824"] * 2
    assert limits["Max processes"] == ["256"] * 2
    assert limits["Max core file size"] == ["0", "0"]


def alive(mark: str) -> list[str]:
    """Processes with this word on their command line; a zombie has none."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if mark.encode() in path.read_bytes():
                found.append(path.parent.name)
        except (FileNotFoundError, ProcessLookupError):
            continue
    return found


CHILDREN = """
    trap '' TERM INT HUP
    sh -c 'trap "" TERM INT HUP; while :; do sleep 1; done' MARK &
    sh -c 'trap "" TERM INT HUP; (while :; do sleep 1; done) & wait' MARK &
    echo started
"""


@pytest.mark.parametrize("end", ["exit 0", "exit 1", "while :; do sleep 1; done"], ids=["up", "down", "overdue"])
def test_children_that_ignore_signals_are_gone_with_the_script(scripts: Path, end: str) -> None:
    mark = f"watchbill-test-{os.getpid()}-{end.replace(' ', '')[:5]}"
    put(scripts, CHILDREN.replace("MARK", mark) + end)
    report = probe(scripts, timeout_ms=5000 if end.startswith("exit") else 1000)
    assert report.verdict is (Verdict.UP if end == "exit 0" else Verdict.DOWN)
    wait_until(lambda: not alive(mark), 5, "all it started is gone")


def test_the_deadline_and_output_without_end(scripts: Path) -> None:
    put(scripts, "while :; do sleep 1; done")
    assert told(probe(scripts, timeout_ms=300)) == (
        Verdict.DOWN,
        Reason.TIMEOUT_FIRST_BYTE,
        "script check did not end within 300 ms",
    )
    for writer in ("while :; do echo more; done", "yes", "head -c 1000000 /dev/zero; sleep 60"):
        put(scripts, writer)
        assert told(probe(scripts, timeout_ms=1000)) == (
            Verdict.DOWN,
            Reason.TIMEOUT_BODY,
            "script check did not end within 1000 ms: it waits to write more than 32768 bytes, and only 4096 are read",
        )


def test_trouble_of_the_script_is_ours_and_not_the_targets(scripts: Path) -> None:
    put(scripts, "kill -SEGV $$")
    assert told(probe(scripts)) == (
        Verdict.INCONCLUSIVE,
        Reason.LOCAL_ERROR,
        "script check was ended by SIGSEGV, and said nothing",
    )
    put(scripts, "while :; do :; done")
    assert probe(scripts, timeout_ms=900).verdict is Verdict.DOWN
    put(scripts, "no_such_program")
    assert told(probe(scripts))[:2] == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)
    path = put(scripts, "exit 0", mode=0o644)
    assert "Permission denied" in probe(scripts).detail
    path.unlink()
    report = probe(scripts)
    assert told(report)[:2] == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)
    assert report.detail.startswith("script check cannot be started: [Errno 2]")


def test_what_others_than_root_could_have_put_there_is_not_run(scripts: Path) -> None:
    nobody = pwd.getpwnam("nobody").pw_uid
    path = put(scripts, "exit 0")
    for change, cure in (
        (lambda: path.chmod(0o775), f"{path} can be written by others than root: chmod go-w {path}"),
        (lambda: path.chmod(0o757), f"{path} can be written by others than root: chmod go-w {path}"),
        (lambda: os.chown(path, nobody, 0), f"{path} belongs to user {nobody}, it must be root's: chown root {path}"),
        (lambda: scripts.chmod(0o777), f"{scripts} can be written by others than root: chmod go-w {scripts}"),
        (lambda: scripts.chmod(0o1777), f"{scripts} can be written by others than root: chmod go-w {scripts}"),
        (lambda: os.chown(scripts, nobody, 0), f"{scripts} belongs to user {nobody}, it must be root's"),
    ):
        change()
        report = probe(scripts)
        assert told(report)[:2] == (Verdict.INCONCLUSIVE, Reason.NO_PERMISSION)
        assert report.detail.startswith(f"script check is not run: {cure}"[:190])
        os.chown(path, 0, 0)
        os.chown(scripts, 0, 0)
        path.chmod(0o755)
        scripts.chmod(0o755)
    assert probe(scripts).verdict is Verdict.UP


def test_a_node_does_not_start_with_a_folder_that_others_can_write_to(scripts: Path) -> None:
    scripts.chmod(0o777)
    for folder, fault in (
        (scripts, f"{scripts} can be written by others than root"),
        (scripts / "none", "No such file or directory"),
        (put(scripts, "exit 0"), "is no folder"),
    ):
        arguments = ["node", "--id", "b0", "--scripts", str(folder)]
        done = CliRunner().invoke(application(arguments), arguments, env={"COLUMNS": "300"})
        assert (done.exit_code, fault in done.output) == (2, True), done.output


def test_links_and_folders_are_not_run(scripts: Path) -> None:
    shutil.copy("/bin/true", scripts / "true")
    (scripts / "check").symlink_to(scripts / "true")
    assert probe(scripts).detail.endswith("/check is no plain file")
    (scripts / "check").unlink()
    (scripts / "check").mkdir()
    assert probe(scripts).detail.endswith("/check is no plain file")
    link = Path(tempfile.mkdtemp(prefix="watchbill-link-")) / "folder"
    link.symlink_to(scripts)
    assert safe_script(link, "true") == scripts / "true"
    shutil.rmtree(link.parent)


@pytest.mark.parametrize("name", ["", ".", "..", "../check", "/bin/true", "a/b", ".hidden", "a b", "a\0b", "x" * 101])
def test_a_name_is_a_name_and_no_path(scripts: Path, name: str) -> None:
    report = probe(scripts, script_name=name)
    assert told(report)[:2] == (Verdict.INCONCLUSIVE, Reason.LOCAL_ERROR)
    assert "is no file name: give the name of a script, without a path" in report.detail


def test_arguments_that_cannot_be_split_are_told(scripts: Path) -> None:
    assert (
        probe(scripts, script_args="'open").detail == "script_args cannot be split into arguments: No closing quotation"
    )


NODE = """
    import asyncio, sys
    from pathlib import Path
    from connectors.engine.tasks import TaskProber
    from connectors.probes.task_kinds import task_kinds
    from tests.unit.engine.harness import binding
    async def main():
        prober = TaskProber(task_kinds(Path(sys.argv[1])), print)
        prober.add([binding(kind="USER", script_name="check", script_args=sys.argv[2], timeout_ms=2000)])
        prober.set_probing(on=[1])
        await asyncio.Event().wait()
    asyncio.run(main())
"""


def test_a_script_ends_at_its_deadline_also_when_its_node_was_killed(scripts: Path) -> None:
    mark = f"watchbill-test-{os.getpid()}-orphan"
    put(scripts, f"trap '' TERM; sh -c 'trap \"\" TERM; sleep 60; sleep 60' {mark}-child; sleep 60")
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(NODE), scripts, mark]) as node:
        try:
            wait_until(lambda: alive(f"{mark}-child"), 10, "the script runs")
        finally:
            node.kill()
    wait_until(lambda: not alive(mark), 6, "the script and its child are gone")
