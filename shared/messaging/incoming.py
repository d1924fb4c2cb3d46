"""A Kafka record on its way in: decoded and version-checked before any transaction."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from aiokafka import ConsumerRecord

from shared.contracts.base import FactData
from shared.contracts.envelope import Fact, Place, Undecodable, read_attributes, read_fact, read_place


class Incoming(NamedTuple):
    """One record: its place in the stream and its fact, or what is wrong with it.

    `fact` is None for a type this reader does not ask for; `wrong` is set when the bytes cannot be applied.
    """

    partition: int
    offset: int
    stream_key: str | None
    record: ConsumerRecord
    place: Place | None
    fact: Fact[Any] | None
    wrong: str | None


def read(record: ConsumerRecord, types: Mapping[str, type[FactData]]) -> Incoming:
    """Decode one record; never raises."""
    key = _key(record.key)
    place, fact, wrong = None, None, None
    try:
        said = read_attributes(record.headers)
        place = read_place(said)
        fact = read_fact(said, place, record.value, types)
        if key is None or (fact and fact.stream_key != key):
            wrong = "the record's key is not the stream's"
    except Undecodable as error:
        wrong = str(error)
    return Incoming(record.partition, record.offset, key, record, place, fact, wrong)


def _key(raw: bytes | None) -> str | None:
    """None for a key that names no stream of ours; PostgreSQL keeps no NUL in a text."""
    try:
        return raw.decode() if raw and b"\0" not in raw else None
    except UnicodeDecodeError:
        return None
