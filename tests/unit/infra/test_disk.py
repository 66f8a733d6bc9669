"""Folders that cannot be used, told with the folder and a way out."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from infra.errors import FolderRefused, NoSpace
from infra.kafka.disk import disk_failure, require_space, writable_folder


def test_a_missing_folder_is_made(tmp_path: Path) -> None:
    assert writable_folder(tmp_path / "a" / "b").is_dir()


def test_a_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(FolderRefused, match="--data-dir"):
        writable_folder(tmp_path / "file" / "below")


def test_too_little_room_is_told_before_the_start(tmp_path: Path) -> None:
    with pytest.raises(NoSpace, match="are needed"):
        require_space(tmp_path, 1 << 60)


def test_a_full_disk_is_told_as_such(tmp_path: Path) -> None:
    assert isinstance(disk_failure(OSError(errno.ENOSPC, "No space left on device"), tmp_path), NoSpace)
