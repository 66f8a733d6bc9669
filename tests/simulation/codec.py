"""Records and bytes: the real codec where a rule looks at bytes, a memory of what was encoded everywhere else.

Rule: `service-states` are always encoded for real, because readers order them by their heads. What was encoded here is
not decoded again: the record is looked up by its bytes. With `real` every record goes through Avro both ways, as a
share of all schedules does. Bytes that nobody encoded (poison) go to the real decoder in any case.
"""

from __future__ import annotations

from typing import Any

from schemas import codec
from schemas.states import ServiceState


class Memory:
    """The codec of one run."""

    def __init__(self, real: bool) -> None:
        self.real = real
        self._records: dict[bytes, Any] = {}

    def encode(self, record: Any, limit_bytes: int | None = None) -> bytes:
        if self.real:
            return codec.encode(record, limit_bytes)
        if type(record) is ServiceState:
            data = codec.encode(record, limit_bytes)
        else:
            data = b"\x01" + len(self._records).to_bytes(8, "big")
        self._records[data] = record
        return data

    def decode(self, record_type: type, data: bytes | None, limit_bytes: int | None = None) -> Any:
        record = self._records.get(data) if data is not None else None
        if type(record) is record_type:
            return record
        return codec.decode(record_type, data, limit_bytes)

    def decode_any(self, data: bytes | None, limit_bytes: int | None = None) -> Any:
        record = self._records.get(data) if data is not None else None
        return codec.decode_any(data, limit_bytes) if record is None else record
