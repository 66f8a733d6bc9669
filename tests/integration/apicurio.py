"""A real schema registry: Apicurio, fetched once from Maven Central, held to its SHA-256, run with the runtime of pip.

Rule: it keeps everything in memory, so each start is an empty registry. It listens on loopback, and is ended by its own
process id.
"""

from __future__ import annotations

import http.client
import os
import shutil
import subprocess
import tarfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.kafka.jars import MIRROR_VARIABLE, sha256_of
from infra.kafka.java import java_path
from tests.servers.running import free_port
from tests.waiting import wait_until

VERSION = "2.6.13.Final"
NAME = f"apicurio-registry-app-{VERSION}"
SHA256 = "3cda1b34aa020fb4ac4dd6a66018d757e81e437f97e20a1f92d366b70091c6ba"
REPOSITORY = "https://repo1.maven.org/maven2"
PATH = f"io/apicurio/apicurio-registry-app/{VERSION}/{NAME}-all.tar.gz"
INTERFACE = "/apis/ccompat/v7"
STARTED_S = 90.0
FETCH_S = 60.0


@contextmanager
def apicurio(folder: Path) -> Iterator[str]:
    """The URL of Confluent's interface of a running registry."""
    port = free_port()
    options = ("-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
    settings = (f"-Dquarkus.http.port={port}", "-Dquarkus.http.host=127.0.0.1")
    log_path = folder / "apicurio.log"
    with log_path.open("wb") as log:
        process = subprocess.Popen(
            [str(java_path()), *options, *settings, "-jar", str(_program() / f"{NAME}-runner.jar")],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )
    try:
        wait_until(lambda: process.poll() is not None or _answers(port), STARTED_S, f"Apicurio answers; see {log_path}")
        assert process.poll() is None, log_path.read_text()[-3000:]
        yield f"http://127.0.0.1:{port}{INTERFACE}"
    finally:
        process.terminate()
        process.wait(STARTED_S)


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", f"{INTERFACE}/subjects")
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _program() -> Path:
    """The unpacked distribution, in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "watchbill"
    folder = cache / NAME
    if not folder.exists():
        scratch = cache / f"{NAME}.{os.getpid()}"
        scratch.mkdir(parents=True)
        archive = scratch / "all.tar.gz"
        address = f"{os.environ.get(MIRROR_VARIABLE, REPOSITORY).rstrip('/')}/{PATH}"
        with urllib.request.urlopen(address, timeout=FETCH_S) as answer, archive.open("wb") as file:
            shutil.copyfileobj(answer, file)
        assert sha256_of(archive) == SHA256, f"{address} is not the archive that is named here"
        with tarfile.open(archive) as packed:
            packed.extractall(scratch, filter="data")
        archive.unlink()
        scratch.rename(folder)
    return folder
