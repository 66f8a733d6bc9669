"""The image of the Dockerfile, built without a daemon, and containers of it: chroots with processes of their own.

Rule: the Dockerfile's own steps are run, by buildah with chroot isolation, on a Debian that mmdebstrap makes in place
of a registry's base (the argument BASE is there for that). What is run is what the image's configuration says: its
user, environment, folder and entry point, with tini as process 1. Needs root, as CI has it. The base and the wheels of
the lock are kept in the user's cache: a minute the first time, then not again until the lock changes.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from infra.kafka.jars import sha256_of
from tests.tidy.source import ROOT
from tests.waiting import wait_until

SUITE = "bookworm"
PACKAGES = "python3-venv,python-is-python3,ca-certificates"
SMALL = (
    '--aptopt=Acquire::Languages "none"',
    *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "info", "locale", "man")),
)
"""Every step copies all files of the one before."""
NAME = "localhost/watchbill:test"
BASE = "localhost/watchbill-test-base"
PYTHON = "3.11"
"""Of that suite."""
BUILD_S = 240
STARTED_S = 20.0


@dataclass(frozen=True, slots=True)
class Image:
    """A built image: its configuration as OCI has it, and the folder of its files."""

    config: Mapping[str, Any]
    root: Path

    def start(self, words: Sequence[str], log_path: Path, **environment: str) -> Container:
        """A process of the image with these words behind its entry point, on this machine's network."""
        settings = [*self.config["Env"], *(f"{name}={value}" for name, value in environment.items())]
        # What a container runtime does, as far as this program can tell: its own mounts and processes, a new root.
        inside = (
            'mount -t proc proc "$0/proc" && mount --rbind /dev "$0/dev" && mount -t tmpfs tmpfs "$0/tmp" '
            '&& exec chroot --userspec="$1" "$0" /usr/bin/env -i -C "$2" "${@:3}"'
        )
        command = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-c", inside, str(self.root)]
        with log_path.open("ab") as log:
            process = subprocess.Popen(
                [
                    *command,
                    self.config["User"],
                    self.config["WorkingDir"],
                    *settings,
                    *self.config["Entrypoint"],
                    *words,
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        return Container(process, log_path)


@dataclass(frozen=True, slots=True)
class Container:
    """A running one."""

    process: subprocess.Popen[bytes]
    log_path: Path

    def first(self) -> psutil.Process:
        """Process 1 of the container, once it is tini."""

        def tini() -> psutil.Process | None:
            children = psutil.Process(self.process.pid).children()
            return children[0] if children and children[0].name() == "tini" else None

        found: psutil.Process = wait_until(tini, STARTED_S, f"tini runs; see {self.log_path}")
        return found

    def terminate(self, deadline_s: float) -> int:
        """As a runtime stops it: SIGTERM to process 1. The exit code."""
        self.first().send_signal(signal.SIGTERM)
        return self.process.wait(deadline_s)

    def end(self) -> None:
        """By force, if it still runs."""
        if self.process.poll() is None:
            self.process.kill()  # --kill-child takes the container along
            self.process.wait()


def build(folder: Path) -> Image:
    """Builds the image in `folder`."""
    _buildah(folder, "from", "--name", "base", "scratch")
    _buildah(folder, "add", "--quiet", "base", str(_base()), "/")
    mounted = Path(_buildah(folder, "mount", "base").strip())
    (mounted / "etc" / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /wheels\n", encoding="utf-8")
    _buildah(folder, "commit", "--quiet", "--rm", "base", BASE)
    how = ["--isolation=chroot", "--network=host", "--layers=false", "--pull=never", f"--volume={_wheels()}:/wheels:ro"]
    what = [f"--build-arg=BASE={BASE}", f"--tag={NAME}", f"--ignorefile={ROOT / '.dockerignore'}", str(ROOT)]
    _buildah(folder, "build", "--quiet", *how, *what)
    config = json.loads(_buildah(folder, "inspect", "--type=image", NAME))["OCIv1"]["config"]
    _buildah(folder, "from", "--name", "tried", "--pull=never", NAME)
    return Image(config, Path(_buildah(folder, "mount", "tried").strip()))


def remove(folder: Path) -> None:
    """Everything that `build` made in `folder`."""
    _buildah(folder, "rm", "--all")
    shutil.rmtree(folder / "storage")


def _buildah(folder: Path, *words: str) -> str:
    """What buildah prints; its storage is in `folder`, nothing of the machine's own is touched."""
    storage = ["--storage-driver=vfs", f"--root={folder / 'storage'}", f"--runroot={folder / 'run'}"]
    done = subprocess.run(
        ["buildah", *storage, *words], capture_output=True, text=True, check=False, timeout=BUILD_S, cwd=folder
    )
    assert done.returncode == 0, f"buildah {' '.join(words)}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    return done.stdout


def _base() -> Path:
    """A small Debian with Python, as an archive in the user's cache."""
    command = ["mmdebstrap", "--quiet", "--variant=minbase", f"--include={PACKAGES}", *SMALL, SUITE]
    return _kept(_cache() / f"test-base-{SUITE}-small.tar", command)


def _wheels() -> Path:
    """What the lock names, in the user's cache; the build's own pip holds each to its hash again."""
    lock = ROOT / "requirements-node.lock"
    words = ["--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:", f"--python-version={PYTHON}"]
    command = [sys.executable, "-m", "pip", "download", *words, "-r", str(lock), "-d"]
    return _kept(_cache() / f"test-wheels-{sha256_of(lock)[:12]}", command)


def _kept(path: Path, command: Sequence[str]) -> Path:
    """What a command writes to the path behind it, whole or not at all, unless it is there already."""
    if not path.exists():
        scratch = path.with_suffix(f".{os.getpid()}{path.suffix}")
        subprocess.run([*command, str(scratch)], check=True, timeout=BUILD_S, stdin=subprocess.DEVNULL)
        scratch.rename(path)
    return path


def _cache() -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "watchbill"
    folder.mkdir(parents=True, exist_ok=True)
    return folder
