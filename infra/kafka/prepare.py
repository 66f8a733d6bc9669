"""`python -m infra.kafka.prepare`: fetches Kafka's jars and makes the start-up cache, once for a machine.

A broker is started in a scratch folder, given a few topics to make, and stopped: Java writes what it loaded. It takes
ten seconds or so, and is repeated only when the jars or the runtime change. Every failure but those of the jars is
left to the first real start, which says it better; the cache is a gain, not a need.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

from infra.errors import InfraError
from infra.kafka.broker import Broker
from infra.kafka.jars import ensure_jars
from infra.kafka.startup import cache_path, training_options
from infra.topics import init

WRITE_DEADLINE_S = 180.0


def prepare() -> bool:
    """Fetches the jars and makes the start-up cache. True when the cache was made now, False when it was there."""
    ensure_jars(progress=print)
    path = cache_path()
    if path.exists():
        return False
    print("preparing Apache Kafka for quick starts, once")
    with tempfile.TemporaryDirectory(prefix="watchbill-prepare-") as scratch:
        written = Path(scratch) / path.name
        broker = Broker.start(Path(scratch) / "data", java_options=training_options(written))
        init(broker.bootstrap, "prepare")
        broker.stop(WRITE_DEADLINE_S)
        if written.exists():
            _move(written, path)
    return path.exists()


def _move(source: Path, target: Path) -> None:
    """Moves across file systems, so that a reader never sees half a file."""
    beside = target.with_suffix(f".{os.getpid()}")
    beside.write_bytes(source.read_bytes())
    os.replace(beside, target)


def main() -> int:
    try:
        prepare()
    except InfraError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
