"""One admin client of an infrastructure step, as whoever the environment says, and its failures told as ours.

Rule: a broker that turns the client away lets its requests run out of time, as one that is not there does; the two
differ only in what the client says meanwhile, so that is kept and told. Why not left to each step: `init`, `acls` and
`status` would each tell a wrong password as a broker that is down.
"""

from __future__ import annotations

import time
from concurrent.futures import Future
from typing import Any

from infra.errors import BrokerUnreachable, InfraError

LOOK_S = 0.2
PATIENCE_S = 3.0
"""A user just made is not known to every broker at once."""


class Contact:
    """`client` is confluent-kafka's AdminClient. Raises SecurityRefused where the environment contradicts itself."""

    def __init__(self, bootstrap: str) -> None:
        from confluent_kafka.admin import AdminClient

        from connectors.kafka.client_log import ClientLog
        from connectors.replica.base import default_access

        self.bootstrap = bootstrap
        access = default_access(bootstrap, "watchbill-admin")
        self.access, self._voice = access, ClientLog(access.client_id)
        self.client = AdminClient({**access.admin(), "error_cb": self._heard, "log_level": 0})

    def why_silent(self, deadline_s: float) -> str | None:
        """None where Kafka answers this client; else what it says instead."""
        from confluent_kafka import KafkaException

        try:
            self.client.list_topics(timeout=deadline_s)
        except KafkaException as error:
            return str(self.failure("answer", error.args[0]))
        return None

    def result(self, doing: str, future: Future[Any], deadline_s: float, *expected: int) -> Any:
        """The answer to a request; the KafkaError itself if its code was `expected`. Raises an InfraError.

        A broker that turns the client away is not waited for to the end.
        """
        from confluent_kafka import KafkaError, KafkaException

        limit_s, turned_away_s = time.monotonic() + deadline_s + 1, None
        while True:
            try:
                return future.result(LOOK_S)
            except KafkaException as error:
                if error.args[0].code() in expected:
                    return error.args[0]
                raise self.failure(doing, error.args[0]) from error
            except TimeoutError:
                now_s = time.monotonic()
                self.client.poll(0)
                if self._voice.refusal is not None and turned_away_s is None:
                    turned_away_s = now_s
                if now_s > limit_s or (turned_away_s is not None and now_s > turned_away_s + PATIENCE_S):
                    raise self.failure(doing, KafkaError(KafkaError._TIMED_OUT)) from None

    def failure(self, doing: str, told: Any) -> InfraError:
        """The error to raise for what Kafka's client told (a KafkaError) while `doing`, such as `create NAME`."""
        from confluent_kafka import KafkaError

        from connectors.kafka import tls_port
        from connectors.kafka.faults import not_let_in

        self.client.poll(0)  # the error callback runs in here and nowhere else
        silent = {KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN, KafkaError._TIMED_OUT, KafkaError._RESOLVE}
        if told.code() not in silent | {KafkaError._AUTHENTICATION, KafkaError._SSL}:
            fix = "grant what is missing (`watchbill acls` lists it), then run it again"
            return InfraError(f"Kafka does not {doing}: {told.str()}", self.bootstrap, fix)
        refusal = self._voice.refusal or tls_port.refusal(self.access)
        if refusal is not None:
            fault = not_let_in(self.bootstrap, *refusal)
            what, _, fix = fault.message.rpartition(". ")
            return BrokerUnreachable(what, self.bootstrap, fix)
        return BrokerUnreachable(
            f"no Kafka answers ({told.name()})",
            self.bootstrap,
            "start one with `watchbill kafka start`, or give the address of yours with --bootstrap",
        )

    def _heard(self, error: Any) -> None:
        self._voice.error(error.name(), error.str())
