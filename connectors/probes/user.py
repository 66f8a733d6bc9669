"""USER: a script of the node's operator decides, by its exit code: 0 is UP, another is DOWN (M-6, as in NetScaler).

Rule: off unless the node is given a folder of scripts. A monitor names a script and its arguments, never a path or a
command line: the folder, the script and everything above them must be root's and writable by no one else, so whoever
may configure a monitor can start what root put there, and nothing else. Trouble of the script itself (not there, not
to be executed, ended by a signal) is ours, not the target's. Scripts run on the owner only (M-13): placement does it.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import stat
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from connectors.engine.binding import Binding, ParameterValue
from connectors.probes.contract import TaskKind
from connectors.probes.outcome import UP, Outcome, down, inconclusive
from connectors.probes.script_process import OUTPUT_BYTES, UNREAD_BYTES, ScriptProcess
from schemas.probes import Reason

DEFAULTS: Mapping[str, ParameterValue] = {"script_name": "", "script_args": ""}

NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")

CANNOT_START = (125, 126, 127)
"""Exit codes of `timeout`, and of every shell, for a program that cannot be executed or is not there."""

WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class UserTask:
    """One run of the script a probe."""

    def __init__(self, folder: Path | None, binding: Binding) -> None:
        settings = {**DEFAULTS, **binding.parameters}
        if folder is None:
            raise ValueError("scripts are off on this node: start it with --scripts FOLDER or set WATCHBILL_SCRIPTS")
        self._name = str(settings["script_name"])
        if not NAME.fullmatch(self._name):
            raise ValueError(f"script_name {self._name!r} is no file name: give the name of a script, without a path")
        try:
            self._arguments = shlex.split(str(settings["script_args"]))
        except ValueError as error:
            raise ValueError(f"script_args cannot be split into arguments: {error}") from None
        if any("\0" in argument for argument in self._arguments):
            raise ValueError("script_args holds a NUL character")
        self._folder = folder
        self._environment = environment(binding)
        self._timeout_ms = binding.timeout_ms
        self._blocked = False

    async def run(self) -> Outcome:
        """One run."""
        self._blocked = False
        try:
            path = safe_script(self._folder, self._name)
            script = ScriptProcess([str(path), *self._arguments], self._environment, self._timeout_ms / 1000)
        except Unsafe as error:
            return inconclusive(Reason.NO_PERMISSION, f"script {self._name} is not run: {error}")
        except OSError as error:
            return inconclusive(Reason.LOCAL_ERROR, f"script {self._name} cannot be started: {error}")
        try:
            await script.wait()
        finally:
            self._blocked = script.is_blocked
            code, line = await script.end()
        return self._judged(code, line)

    def overdue(self) -> Outcome:
        """The script still ran at the deadline."""
        text = f"script {self._name} did not end within {self._timeout_ms} ms"
        if self._blocked:
            text += f": it waits to write more than {UNREAD_BYTES} bytes, and only {OUTPUT_BYTES} are read"
        return down(Reason.TIMEOUT_BODY if self._blocked else Reason.TIMEOUT_FIRST_BYTE, text)

    def _judged(self, code: int | None, line: str) -> Outcome:
        if code == 0:
            return UP
        said = f": {line}" if line else ", and said nothing"
        if code is None or code in CANNOT_START:
            return inconclusive(Reason.LOCAL_ERROR, f"script {self._name} could not be run{said}")
        if code < 0:
            name = signal.Signals(-code).name if -code in signal.valid_signals() else str(-code)
            return inconclusive(Reason.LOCAL_ERROR, f"script {self._name} was ended by {name}{said}")
        return down(Reason.BAD_STATUS, f"script {self._name} ended with {code}{said}")


class Unsafe(ValueError):
    """A script that may not be run; the text says why and what to mend."""


def safe_script(folder: Path, name: str) -> Path:
    """The script's path. Raises Unsafe if anybody but root could have put it there, OSError if it is not there."""
    path = safe_folder(folder) / name
    status = path.lstat()
    if not stat.S_ISREG(status.st_mode):
        raise Unsafe(f"{path} is no plain file")
    _only_root(path, status, WRITABLE_BY_OTHERS)
    return path


def safe_folder(folder: Path) -> Path:
    """The folder without links on its way. Raises Unsafe and OSError as `safe_script`."""
    path = Path(os.path.realpath(folder, strict=True))
    status = path.lstat()
    if not stat.S_ISDIR(status.st_mode):
        raise Unsafe(f"{path} is no folder")
    _only_root(path, status, WRITABLE_BY_OTHERS)
    for above in path.parents:
        status = above.lstat()
        _only_root(above, status, 0 if status.st_mode & stat.S_ISVTX else WRITABLE_BY_OTHERS)
    return path


def _only_root(path: Path, status: os.stat_result, forbidden: int) -> None:
    if status.st_uid != 0:
        raise Unsafe(f"{path} belongs to user {status.st_uid}, it must be root's: chown root {path}")
    if status.st_mode & forbidden:
        raise Unsafe(f"{path} can be written by others than root: chmod go-w {path}")


def environment(binding: Binding) -> dict[str, str]:
    """All that the script is told: nothing of the node's own environment, which may hold secrets."""
    source = {"WATCHBILL_SOURCE_IP": binding.source_ip} if binding.source_ip else {}
    return source | {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "WATCHBILL_TARGET_IP": binding.ip,
        "WATCHBILL_TARGET_PORT": str(binding.port),
        "WATCHBILL_SERVICE": binding.service_name,
        "WATCHBILL_MONITOR": binding.monitor_name,
        "WATCHBILL_TIMEOUT_MS": str(binding.timeout_ms),
    }


def user_kind(folder: Path | None) -> TaskKind:
    """The kind, for a node whose scripts lie in this folder; None: scripts are off."""
    return TaskKind("USER", DEFAULTS, partial(UserTask, folder))
