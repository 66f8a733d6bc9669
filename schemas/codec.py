"""Records to bytes and back: Avro single-object encoding (C3 01, CRC-64 fingerprint, body).

Rule: the first bytes say which schema wrote the body, so that a reader of any release resolves it against today's; a
record that cannot be read whole is `Unreadable`, with what and why, and is never half read. Schemas that a release has
written stay in `avro/released` for ever. Confluent's framing (first byte 0) is written for others and never read: its
ids mean something to a registry alone, and no reader of ours is to need one.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources
from typing import Any, TypeVar

from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.schema import fingerprint, to_parsing_canonical_form

from schemas import alerts, cluster, config, probes, states
from schemas.datum import from_datum, to_datum
from schemas.decoding import Decode, decoder_of, long
from schemas.encoding import Encode, NotDirect, encoder_of, string

RecordT = TypeVar("RecordT")

MARKER = b"\xc3\x01"
HEADER_BYTES = 10
CONFLUENT_MARKER = 0

RECORD_TYPES: tuple[type, ...] = (
    config.ConfigCommand,
    config.ConfigResult,
    config.ConfigEntity,
    config.ConfigRevision,
    cluster.NodeStatus,
    cluster.ViewChange,
    cluster.QuarantinedRecord,
    probes.ProbeResults,
    probes.PathReport,
    states.ServiceState,
    states.ServiceTransition,
    alerts.AlertTold,
)


class Unreadable(Exception):
    """The bytes are not a record that may stand here. Nothing was applied; the message says what is wrong."""


class TooLarge(Exception):
    """A record of ours is over its topic's limit. Nothing was sent; the message says by how much, and the mend."""


@dataclass(frozen=True, slots=True)
class Written:
    """A schema that some release writes: its text as parsed, and the record type that holds it today."""

    schema: Any
    record_type: type


@dataclass(frozen=True, slots=True)
class _Today:
    header: bytes
    schema: Any
    to_datum: Callable[[Any], Any]
    from_datum: Callable[[Any], Any]
    body: Encode | None
    """Encodes a record without fastavro; None where the schema is not plain enough for that."""
    read: Decode | None
    """Decodes one, likewise."""


def schema_text(name: str) -> str:
    """Today's `.avsc` of a record, by the record's name."""
    return resources.files("schemas").joinpath("avro", f"{name}.avsc").read_text()


def schema_of(record_type: type) -> Any:
    """Today's schema of a record as its file has it, documentation and all."""
    return json.loads(schema_text(record_type.__name__))


def fingerprint_of(schema: Any) -> bytes:
    """CRC-64-AVRO of the parsing canonical form, in the byte order of single-object encoding (little endian)."""
    return bytes.fromhex(fingerprint(to_parsing_canonical_form(schema), "CRC-64-AVRO"))[::-1]


def _load() -> tuple[dict[type, _Today], dict[bytes, Written]]:
    today: dict[type, _Today] = {}
    written: dict[bytes, Written] = {}
    released = resources.files("schemas").joinpath("avro", "released")
    old = [entry for entry in released.iterdir() if entry.name.endswith(".avsc")] if released.is_dir() else []
    for record_type in RECORD_TYPES:
        schema = parse_schema(json.loads(schema_text(record_type.__name__)))
        header = MARKER + fingerprint_of(schema)
        there, back = to_datum(record_type), from_datum(record_type)
        today[record_type] = _Today(header, schema, there, back, *_direct(schema, record_type))
        written[header] = Written(schema, record_type)
        for entry in old:
            if entry.name.split(".")[0] == record_type.__name__:
                earlier = parse_schema(json.loads(entry.read_text()))
                written.setdefault(MARKER + fingerprint_of(earlier), Written(earlier, record_type))
    return today, written


def _direct(schema: Any, record_type: type) -> tuple[Encode | None, Decode | None]:
    try:
        return encoder_of(schema), decoder_of(schema, record_type)
    except NotDirect:
        return None, None


_TODAY, WRITTEN = _load()


def encode(record: Any, limit_bytes: int | None = None) -> bytes:
    """The record's bytes. Raises TooLarge over `limit_bytes`, and ValueError for values its schema cannot hold."""
    today = _TODAY[type(record)]
    if today.body is not None:
        data = today.header + today.body(record)
    else:
        out = io.BytesIO()
        out.write(today.header)
        schemaless_writer(out, today.schema, today.to_datum(record))
        data = out.getvalue()
    if limit_bytes is not None and len(data) > limit_bytes:
        raise TooLarge(
            f"{type(record).__name__} takes {len(data):,} bytes, the limit is {limit_bytes:,}: send it in parts"
        )
    return data


def encode_framed(record: Any, schema_id: int) -> bytes:
    """The record in Confluent's framing: 0, the id that a schema registry gave today's schema, and the same body."""
    return bytes([CONFLUENT_MARKER]) + schema_id.to_bytes(4, "big") + encode(record)[HEADER_BYTES:]


def decode(record_type: type[RecordT], data: bytes | None, limit_bytes: int | None = None) -> RecordT:
    """The record in the bytes. Raises Unreadable, and nothing else, whatever the bytes are."""
    record = decode_any(data, limit_bytes)
    if type(record) is not record_type:
        raise Unreadable(f"holds a {type(record).__name__}, not a {record_type.__name__}")
    return record


def decode_any(data: bytes | None, limit_bytes: int | None = None) -> Any:
    """The record in the bytes, of whichever of our types its header names."""
    if data is None:
        raise Unreadable("no value: this topic has no tombstones")
    if limit_bytes is not None and len(data) > limit_bytes:
        raise Unreadable(f"{len(data):,} bytes, over the limit of {limit_bytes:,}")
    written = WRITTEN.get(data[:HEADER_BYTES])
    if written is None:
        raise Unreadable(_header_fault(data))
    today = _TODAY[written.record_type]
    try:
        if today.read is not None and written.schema is today.schema:
            record, end = today.read(data, HEADER_BYTES)
        else:
            body = io.BytesIO(data)
            body.seek(HEADER_BYTES)
            record = today.from_datum(schemaless_reader(body, written.schema, today.schema))
            end = body.tell()
    except Exception as fault:  # a decoder of hostile bytes may raise anything; all of it means the same
        raise Unreadable(f"not a {written.record_type.__name__}: {type(fault).__name__}: {fault}"[:300]) from fault
    if end < len(data):
        raise Unreadable(f"{len(data) - end} bytes too many after the {written.record_type.__name__}")
    if end > len(data):
        raise Unreadable(f"not a {written.record_type.__name__}: {end - len(data)} bytes too few")
    return record


def peek_order(data: bytes) -> tuple[int, int]:
    """(view id, sequence) of an encoded ServiceState, from its first bytes alone. Raises Unreadable.

    Receivers order two states by it (S-10) without decoding either.
    """
    if data[:HEADER_BYTES] not in _STATE_HEADERS:
        raise Unreadable(_header_fault(data))
    try:
        view_id, position = long(data, HEADER_BYTES)
        return view_id, long(data, position)[0]
    except (IndexError, ValueError) as fault:
        raise Unreadable("ends within its first fields") from fault


def peek_state(data: bytes) -> str:
    """The state's word in an encoded ServiceState of today's schema, without decoding the rest. Raises Unreadable.

    A state that an older release wrote may have its fields elsewhere: it is decoded.
    """
    if data[:HEADER_BYTES] != _STATE_TODAY.header:
        word: str = decode(states.ServiceState, data).state.value
        return word
    position = HEADER_BYTES
    for _ in range(2):  # view id, sequence
        _, position = _zigzag(data, position)
    for _ in range(2):  # entity id, name
        length, position = _zigzag(data, position)
        position += length
    place, _ = _zigzag(data, position)
    if not 0 <= place < len(_STATE_WORDS):
        raise Unreadable("no known state where the state stands")
    return _STATE_WORDS[place]


def may_ask(data: bytes, node: str) -> bool:
    """False where an encoded ServiceState certainly asks no second opinion of this node; True: decode it and see.

    Who is asked stands first in an optional record: its branch and its length before it, in every release.
    """
    return b"\x02" + string(node) in data


def peek_path(data: bytes) -> tuple[str, str, str]:
    """(service id, node id, the state's word) of an encoded PathReport, checked to its end. Raises Unreadable.

    A third of what decoding costs: a joining node reads one for every service and node.
    """
    if data[:HEADER_BYTES] != _PATH_TODAY.header:
        report = decode(probes.PathReport, data)
        return report.service_id, report.node_id, report.path_state.value
    texts, position = [], HEADER_BYTES
    for _ in range(2):  # service id, node id
        length, position = _zigzag(data, position)
        if length < 0:
            raise Unreadable("not a PathReport: a text of less than nothing")
        texts.append(data[position : position + length])
        position += length
    place, position = _zigzag(data, position)
    for _ in range(2):  # view id, instant
        _, position = _zigzag(data, position)
    if position != len(data) or not 0 <= place < len(_PATH_WORDS):
        raise Unreadable("not a PathReport: its fields do not end where its bytes do, or no known state stands there")
    try:
        return texts[0].decode(), texts[1].decode(), _PATH_WORDS[place]
    except UnicodeDecodeError as fault:
        raise Unreadable(f"not a PathReport: {fault}") from fault


def _zigzag(data: bytes, position: int) -> tuple[int, int]:
    """A long at a position, and the position behind it. Raises Unreadable."""
    try:
        return long(data, position)
    except (IndexError, ValueError) as fault:
        raise Unreadable("ends within its first fields") from fault


def _header_fault(data: bytes) -> str:
    if len(data) < HEADER_BYTES:
        return f"{len(data)} bytes, too short for a record's header of {HEADER_BYTES}"
    if data[0] == CONFLUENT_MARKER:
        return "Confluent framing (first byte 0): nothing of Watchbill's is read in it"
    if data[:2] != MARKER:
        return f"does not begin with the marker c301 but with {data[:2].hex()}"
    return (
        f"schema {data[2:HEADER_BYTES][::-1].hex()} is not known here: written by a newer release, or not by Watchbill"
    )


_STATE_TODAY = _TODAY[states.ServiceState]
STATE_HEADER, STATE_SCHEMA = _STATE_TODAY.header, _STATE_TODAY.schema
_STATE_WORDS: tuple[str, ...] = tuple(_STATE_TODAY.schema["fields"][4]["type"]["symbols"])
_PATH_TODAY = _TODAY[probes.PathReport]
_PATH_WORDS: tuple[str, ...] = tuple(_PATH_TODAY.schema["fields"][2]["type"]["symbols"])
_STATE_HEADERS = {header for header, written in WRITTEN.items() if written.record_type is states.ServiceState}
