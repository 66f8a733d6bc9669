"""Kafka's jars: named and hashed in a committed lock, fetched once, checked at every use.

`kafka.lock` holds one line a jar: its SHA-256 and its Maven coordinate, never a host. `ensure_jars` gives the class
path: what is in the cache and matches the lock is used, what is missing is fetched by jgo, and nothing that does not
match is ever put on a class path. Hashing the 42 MB at each start costs less than a tenth of a second, and spares a
marker file that could lie. jgo's own environments (`jgo.toml`) are not used: they keep a lock beside the cache, not
in this repository.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from infra.errors import ChecksumMismatch, NoNetwork
from infra.kafka.disk import disk_failure, require_space, writable_folder

LOCK_PATH = Path(__file__).with_name("kafka.lock")
DOWNLOAD_BYTES = 64 << 20  # what the jars need on disk, and a little more
FETCH_TIMEOUT_S = 60
MIRROR_VARIABLE = "WATCHBILL_MAVEN_REPOSITORY"


@dataclass(frozen=True, slots=True)
class Jar:
    """One line of the lock. `sha256` in lower-case hex."""

    group: str
    artifact: str
    version: str
    sha256: str

    @property
    def file_name(self) -> str:
        return f"{self.artifact}-{self.version}.jar"

    @property
    def coordinate(self) -> str:
        return f"{self.group}:{self.artifact}:{self.version}"


def read_lock(path: Path = LOCK_PATH) -> tuple[Jar, ...]:
    """The jars of the lock, in class path order. Lines that begin with # are comments."""
    jars = []
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip() and not line.startswith("#"):
            sha256, coordinate = line.split()
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, sha256))
    return tuple(jars)


def kafka_version(jars: Sequence[Jar]) -> str:
    """The version of Apache Kafka the lock names."""
    return next(jar.version for jar in jars if jar.group == "org.apache.kafka" and jar.artifact.startswith("kafka_"))


def cache_dir(version: str) -> Path:
    """Where the jars are kept: `$XDG_CACHE_HOME/watchbill/kafka-<version>`."""
    root = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(root) / "watchbill" / f"kafka-{version}"


def ensure_jars(
    jars: Sequence[Jar] | None = None,
    directory: Path | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Path]:
    """Paths of every jar of the lock, all matching it. Fetches what is missing; safe beside other processes.

    Raises ChecksumMismatch (a jar in the cache or fetched is another one), NoNetwork, NoSpace.
    """
    wanted = read_lock() if jars is None else jars
    folder = writable_folder(directory or cache_dir(kafka_version(wanted)))
    with _one_at_a_time(folder / ".lock"):
        missing = [jar for jar in wanted if not (folder / jar.file_name).exists()]
        if missing:
            require_space(folder, DOWNLOAD_BYTES)
            progress(f"fetching Apache Kafka {kafka_version(wanted)}: {len(missing)} of {len(wanted)} jars, once")
            _fetch_all(missing, folder)
        return [_verified(jar, folder / jar.file_name) for jar in wanted]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file, lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _verified(jar: Jar, path: Path) -> Path:
    found = sha256_of(path)
    if found != jar.sha256:
        raise ChecksumMismatch(
            f"{jar.coordinate} is not the jar the lock names: SHA-256 {found}, the lock says {jar.sha256}",
            str(path),
            f"delete {path} and start again; if it comes back, the repository it is fetched from is not to be trusted",
        )
    return path


def _fetch_all(jars: Sequence[Jar], folder: Path) -> None:
    """Fetches into a folder of its own first: an interrupted download never looks like a jar."""
    with tempfile.TemporaryDirectory(dir=folder, prefix="fetch-") as scratch:
        for jar in jars:
            path = _verified(jar, _fetch(jar, Path(scratch)))
            os.replace(path, folder / jar.file_name)


def _fetch(jar: Jar, scratch: Path) -> Path:
    import requests
    from jgo.maven import MavenContext

    mirror = os.environ.get(MIRROR_VARIABLE)
    context = MavenContext(
        repo_cache=scratch, remote_repos={"mirror": mirror} if mirror else None, timeout=FETCH_TIMEOUT_S
    )
    try:
        artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
        return Path(artifact.resolve())
    except (requests.RequestException, RuntimeError) as error:
        raise NoNetwork(
            f"{jar.coordinate} could not be fetched: {type(error).__name__}",
            mirror or "Maven Central",
            f"connect to the network once, or set {MIRROR_VARIABLE} to a Maven repository you reach, "
            "or use a Kafka you have: --bootstrap HOST:PORT",
        ) from error
    except OSError as error:
        raise disk_failure(error, scratch) from error


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Holds an advisory lock on `path`, so that two starts at once fetch once."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
