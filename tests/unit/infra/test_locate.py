"""Which Kafka a command uses: the address given, that of the environment, or our own broker."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.errors import BrokerUnreachable
from infra.kafka.answering import answers
from infra.kafka.locate import BOOTSTRAP_VARIABLE, EXISTING, Located, locate


def test_an_address_given_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(BOOTSTRAP_VARIABLE, "b:9092")
    assert locate("a:9092") == Located(EXISTING, "a:9092")
    assert locate() == Located(EXISTING, "b:9092")


def test_without_any_the_way_out_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(BOOTSTRAP_VARIABLE, raising=False)
    with pytest.raises(BrokerUnreachable, match="watchbill kafka start"):
        locate(data_dir=tmp_path)


def test_nothing_that_listens_is_no_broker() -> None:
    assert not answers("127.0.0.1", 1)
