"""A script as a process of its own: started without a shell, without rights, with limits; killed with all it started.

Rule: no code of ours runs between fork and exec. A node has threads and much memory, and Python's `preexec_fn` or a
change of user would fork it whole, milliseconds each, with a chance of a deadlock; so util-linux's `prlimit` and
`setpriv` set limits and user, and the fork is a vfork. The process is watched by its pidfd and reaped only after its
group was killed: until then its number cannot be anybody else's. Should the node itself be killed, coreutils' `timeout`
kills the group in its stead. What leaves the group with setsid is not caught; it has the limits, the user, no more.
"""

from __future__ import annotations

import asyncio
import math
import os
import pwd
import resource
import signal
import subprocess
from array import array
from collections.abc import Mapping, Sequence
from contextlib import suppress
from fcntl import ioctl
from termios import FIONREAD

USER = "nobody"
"""Who scripts run as when the node is root. Otherwise they run as the node's own user."""

OUTPUT_BYTES = 4096
"""As much of the output is read."""

UNREAD_BYTES = 32 * 1024
"""A script that has written more than this may be stuck: the kernel holds 32 to 64 KB, by the size of its pieces."""

KILL_S = 1.0
"""A killed process has ended by then, unless the kernel holds it."""

GRACE_S = 1.0
"""How much later than the node's own deadline `timeout` kills."""

FILE_BYTES = 1024 * 1024
MEMORY_BYTES = 1024 * 1024 * 1024
OPEN_FILES = 256
PROCESSES = 256
"""Of the user, not of the script: only set where that is not the node's own."""


class ScriptProcess:
    """A running script. Raises OSError if it cannot be started. Always `end` it."""

    def __init__(self, command: Sequence[str], environment: Mapping[str, str], timeout_s: float) -> None:
        self._output, far = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            os.set_blocking(far, True)
            self._process = subprocess.Popen(
                [*confinement(timeout_s), *command],
                stdin=subprocess.DEVNULL,
                stdout=far,
                stderr=far,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        except BaseException:
            os.close(self._output)
            raise
        finally:
            os.close(far)
        self._gone = asyncio.get_running_loop().create_future()
        self._pidfd = -1

    async def wait(self) -> None:
        """Until the script itself has ended; what it started may still run."""
        if self._pidfd < 0:
            self._pidfd = os.pidfd_open(self._process.pid)
            asyncio.get_running_loop().add_reader(self._pidfd, self._ended)
        await asyncio.wait((self._gone,))

    async def end(self) -> tuple[int | None, str]:
        """Kill the whole group, reap the script: its exit code (negative: its signal) and the output's first line.

        The code is None if it did not end in time.
        """
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        try:
            if self._pidfd >= 0:
                await asyncio.wait((self._gone,), timeout=KILL_S)
            return self._process.poll(), first_line(self._read())
        finally:
            self._close()

    @property
    def is_blocked(self) -> bool:
        """Whether it has written so much that it may wait for a reader."""
        waiting = array("i", [0])
        ioctl(self._output, FIONREAD, waiting)
        return waiting[0] >= UNREAD_BYTES

    def _ended(self) -> None:
        asyncio.get_running_loop().remove_reader(self._pidfd)
        self._gone.set_result(None)

    def _read(self) -> bytes:
        try:
            return os.read(self._output, OUTPUT_BYTES)
        except BlockingIOError:
            return b""

    def _close(self) -> None:
        if self._pidfd >= 0:
            asyncio.get_running_loop().remove_reader(self._pidfd)
            os.close(self._pidfd)
        os.close(self._output)


def confinement(timeout_s: float) -> list[str]:
    """The commands that put a script under its limits, away from root, and to an end."""
    cpu_s = math.ceil(timeout_s) + 1
    limits = {"cpu": cpu_s, "as": MEMORY_BYTES, "nofile": OPEN_FILES, "fsize": FILE_BYTES, "core": 0}
    drop = ["setpriv", "--no-new-privs"]
    if os.geteuid() == 0:
        user = pwd.getpwnam(USER)
        limits["nproc"] = PROCESSES
        drop += ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]
    limit = ["prlimit", *[f"--{name}={_allowed(name, value)}" for name, value in limits.items()]]
    return [*limit, *drop, "timeout", "--signal=KILL", f"{timeout_s + GRACE_S:.3f}"]


def _allowed(name: str, value: int) -> str:
    """The limit as `soft:hard`, at most this process's own hard one: only root may raise that.

    A second of CPU lies between the two, so that the signal is SIGXCPU, which says why, and not SIGKILL.
    """
    hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name.upper()}"))[1]
    most = value if hard == resource.RLIM_INFINITY else min(value, hard)
    return f"{max(0, most - 1)}:{most}" if name == "cpu" else f"{most}:{most}"


def first_line(output: bytes) -> str:
    """The first line that is not empty."""
    text = output.decode("utf-8", "backslashreplace")
    return next((line for line in text.splitlines() if line.strip()), "")
