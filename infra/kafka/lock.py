"""Writes `kafka.lock`: `python -m infra.kafka.lock`, a maintainer's step, never run by a user.

jgo resolves the two coordinates below and all that they need, downloads the jars into a scratch folder, and the
SHA-256 of each is written beside its coordinate. A change of Kafka's version is a change of ROOTS, this command, and
a reading of the difference. The lock holds no address: where jars come from may differ from machine to machine, what
they are may not.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from infra.kafka.jars import FETCH_TIMEOUT_S, LOCK_PATH, Jar, sha256_of

ROOTS = ("org.apache.kafka:kafka_2.13:4.3.0", "org.slf4j:slf4j-simple:2.0.17")
HEADER = f"# SHA-256 and Maven coordinate of every jar behind {' and '.join(ROOTS)}.\n# Written by: make lock\n"


def resolve(scratch: Path) -> list[Jar]:
    """Every jar of ROOTS, sorted by coordinate, downloaded below `scratch`."""
    from jgo.maven import MavenContext

    context = MavenContext(repo_cache=scratch, timeout=FETCH_TIMEOUT_S)
    inputs, needed = context.resolver.resolve([context.create_dependency(root) for root in ROOTS])
    jars = [
        Jar(each.groupId, each.artifactId, each.version, sha256_of(Path(each.artifact.resolve())))
        for each in (*inputs, *needed)
    ]
    return sorted(jars, key=lambda jar: jar.coordinate)


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="watchbill-lock-") as scratch:
        jars = resolve(Path(scratch))
    LOCK_PATH.write_text(HEADER + "".join(f"{jar.sha256}  {jar.coordinate}\n" for jar in jars), encoding="utf-8")
    print(f"{len(jars)} jars locked in {LOCK_PATH}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
