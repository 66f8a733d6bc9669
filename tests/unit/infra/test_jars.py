"""The jar lock: what is committed, and what happens when a jar is wrong or missing."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from infra.errors import ChecksumMismatch, NoNetwork
from infra.kafka.jars import LOCK_PATH, MIRROR_VARIABLE, Jar, ensure_jars, kafka_version, read_lock

CONTENT = b"a jar"
JAR = Jar("org.apache.kafka", "kafka_2.13", "4.3.0", hashlib.sha256(CONTENT).hexdigest())


def test_the_lock_names_kafka_and_no_host() -> None:
    jars = read_lock()
    assert len(jars) == 46
    assert kafka_version(jars) == "4.3.0"
    assert all(len(jar.sha256) == 64 for jar in jars)
    assert "//" not in LOCK_PATH.read_text(encoding="utf-8")


def test_a_cached_jar_that_matches_is_used(tmp_path: Path) -> None:
    (tmp_path / JAR.file_name).write_bytes(CONTENT)
    assert ensure_jars([JAR], tmp_path) == [tmp_path / "kafka_2.13-4.3.0.jar"]


def test_a_jar_that_does_not_match_is_refused(tmp_path: Path) -> None:
    path = tmp_path / JAR.file_name
    path.write_bytes(b"another jar")
    with pytest.raises(ChecksumMismatch) as told:
        ensure_jars([JAR], tmp_path)
    assert JAR.sha256 in told.value.what
    assert told.value.where == str(path)
    assert f"delete {path}" in told.value.fix


def test_no_network_while_a_jar_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(MIRROR_VARIABLE, "http://127.0.0.1:1/nothing-listens")
    with pytest.raises(NoNetwork, match=r"kafka_2[.]13:4[.]3[.]0") as told:
        ensure_jars([JAR], tmp_path)
    assert "--bootstrap" in told.value.fix
    assert not list(tmp_path.glob("*.jar"))
