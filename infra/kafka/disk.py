"""The disk the broker and its jars stand on: folders that can be written, with room enough.

A broker that runs out of disk stops in the middle of its work, with a stack trace in a log nobody reads yet. So room
is asked for before anything is fetched or started, and a failing write is told with the folder and the two ways out.
"""

from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path

from infra.errors import FolderRefused, InfraError, NoSpace

ANOTHER_DISK = "choose another disk: --data-dir for the broker, XDG_CACHE_HOME for its jars"


def writable_folder(path: Path) -> Path:
    """`path`, made when missing. Raises FolderRefused or NoSpace."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise disk_failure(error, path) from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise FolderRefused("the folder cannot be written", str(path), f"change its owner, or {ANOTHER_DISK}")
    return path


def require_space(folder: Path, needed_bytes: int) -> None:
    """Raises NoSpace when the disk of `folder` has less than `needed_bytes` free."""
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise NoSpace(
            f"{free_bytes >> 20} MB are free, {needed_bytes >> 20} MB are needed",
            str(folder),
            f"free some disk space, or {ANOTHER_DISK}",
        )


def disk_failure(error: OSError, folder: Path) -> InfraError:
    """The error to raise for a failed write below `folder`."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return NoSpace("the disk filled up", str(folder), f"free some disk space, or {ANOTHER_DISK}")
    return FolderRefused(f"cannot write: {error.strerror}", str(folder), f"change its owner, or {ANOTHER_DISK}")
