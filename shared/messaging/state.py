"""The consumer's memory in its own database: offsets, stream cursors, dead letters, held facts, tallies."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.messaging.incoming import Incoming
from shared.messaging.sorting import Cursor, Ended, Sorted

_OFFSETS = text(
    """
    SELECT partition, next_offset FROM consumer_offset
    WHERE topic = :topic AND partition = ANY(CAST(:partitions AS smallint[])) ORDER BY partition FOR UPDATE
    """
)
_CURSORS = text(
    """
    SELECT stream_key, last_seq, last_id, epoch, held, earlier FROM stream_cursor
    WHERE topic = :topic AND stream_key = ANY(CAST(:keys AS text[]))
    """
)
_SAVE_OFFSETS = text(
    """
    INSERT INTO consumer_offset (topic, partition, next_offset)
    SELECT :topic, * FROM unnest(CAST(:partitions AS smallint[]), CAST(:offsets AS bigint[]))
    ON CONFLICT (topic, partition) DO UPDATE SET next_offset = excluded.next_offset
    """
)
_SAVE_CURSORS = text(
    """
    INSERT INTO stream_cursor (topic, stream_key, last_seq, last_id, epoch, held, earlier)
    SELECT :topic, * FROM unnest(
        CAST(:keys AS text[]), CAST(:seqs AS bigint[]), CAST(:ids AS uuid[]), CAST(:epochs AS bigint[]),
        CAST(:held AS text[]), CAST(:earlier AS text[]))
    ON CONFLICT (topic, stream_key) DO UPDATE
        SET last_seq = excluded.last_seq, last_id = excluded.last_id, epoch = excluded.epoch, held = excluded.held,
            earlier = excluded.earlier
    """
)
_SAVE_TALLY = text(
    """
    INSERT INTO consumer_tally AS t (topic, partition, duplicates, skipped)
    SELECT :topic, * FROM unnest(CAST(:partitions AS smallint[]), CAST(:duplicates AS bigint[]),
                                 CAST(:skipped AS bigint[]))
    ON CONFLICT (topic, partition) DO UPDATE
        SET duplicates = t.duplicates + excluded.duplicates, skipped = t.skipped + excluded.skipped
    """
)
_KEEP = """
    INSERT INTO {table} (topic, partition, "offset", stream_key, headers, body, reason, kept_at)
    SELECT :topic, partition, "offset", stream_key, headers::jsonb, body, reason, :now
    FROM unnest(CAST(:partitions AS smallint[]), CAST(:offsets AS bigint[]), CAST(:keys AS text[]),
                CAST(:headers AS text[]), CAST(:bodies AS bytea[]), CAST(:reasons AS text[]))
         AS k(partition, "offset", stream_key, headers, body, reason)
    ON CONFLICT (topic, partition, "offset") DO UPDATE SET reason = excluded.reason
    """
_KEEP_DEAD = text(_KEEP.format(table="dead_letter"))
_KEEP_HELD = text(_KEEP.format(table="held_fact"))
_ASIDE = text(
    """
    SELECT topic,
           (SELECT count(*) FROM held_fact h WHERE h.topic = asked.topic) AS held_facts,
           (SELECT count(*) FROM stream_cursor c WHERE c.topic = asked.topic AND c.held IS NOT NULL) AS held_streams,
           (SELECT count(*) FROM dead_letter d WHERE d.topic = asked.topic) AS dead_letters
    FROM unnest(CAST(:topics AS text[])) AS asked(topic) ORDER BY topic
    """
)


async def locked_offsets(connection: AsyncConnection, topic: str, partitions: Iterable[int]) -> dict[int, int]:
    """The stored next offsets, locked until the transaction ends: the fence against another writer."""
    rows = await connection.execute(_OFFSETS, {"topic": topic, "partitions": sorted(partitions)})
    return {row.partition: row.next_offset for row in rows}


async def cursors(connection: AsyncConnection, topic: str, keys: Iterable[str]) -> dict[str, Cursor]:
    """The cursors of these streams; a stream never seen is absent."""
    rows = await connection.execute(_CURSORS, {"topic": topic, "keys": sorted(keys)})
    return {row.stream_key: Cursor(row.last_seq, row.last_id, row.epoch, row.held, _ended(row.earlier)) for row in rows}


async def save(
    connection: AsyncConnection, topic: str, done: Sorted, positions: Mapping[int, int], now: datetime
) -> None:
    """Write everything a batch changes beside its effects."""
    await save_offsets(connection, topic, positions)
    await keep(connection, topic, done, now)


async def keep(connection: AsyncConnection, topic: str, done: Sorted, now: datetime) -> None:
    """Write what was put aside, the cursors and the tally."""
    if done.dead:
        await connection.execute(_KEEP_DEAD, _kept(topic, done.dead, now))
    if done.held:
        await connection.execute(_KEEP_HELD, _kept(topic, done.held, now))
    if done.cursors:
        await _save_cursors(connection, topic, done.cursors)
    if done.duplicates or done.skipped:
        await _save_tally(connection, topic, done)


async def save_offsets(connection: AsyncConnection, topic: str, positions: Mapping[int, int]) -> None:
    """Write the next offset of each partition."""
    values = {"topic": topic, "partitions": list(positions), "offsets": list(positions.values())}
    await connection.execute(_SAVE_OFFSETS, values)


class Aside(NamedTuple):
    """What was put aside of a topic."""

    topic: str
    held_facts: int
    held_streams: int
    dead_letters: int


async def aside(connection: AsyncConnection, topics: Iterable[str]) -> list[Aside]:
    """What was put aside of each of these topics."""
    found = await connection.execute(_ASIDE, {"topics": list(topics)})
    return [Aside(*row) for row in found]


async def _save_cursors(connection: AsyncConnection, topic: str, moved: Mapping[str, Cursor]) -> None:
    ordered = sorted(moved.items())
    values = {
        "topic": topic,
        "keys": [key for key, _ in ordered],
        "seqs": [cursor.last_seq for _, cursor in ordered],
        "ids": [cursor.last_id for _, cursor in ordered],
        "epochs": [cursor.epoch for _, cursor in ordered],
        "held": [cursor.held for _, cursor in ordered],
        "earlier": [_written(cursor.earlier) for _, cursor in ordered],
    }
    await connection.execute(_SAVE_CURSORS, values)


def _written(earlier: Sequence[Ended]) -> str | None:
    """As a text, since `unnest` takes no lists of different length; null for nearly every stream there is."""
    return " ".join(f"{epoch}:{last}" for epoch, last in earlier) or None


def _ended(written: str | None) -> tuple[Ended, ...]:
    return tuple(Ended(*map(int, pair.split(":"))) for pair in written.split()) if written else ()


async def _save_tally(connection: AsyncConnection, topic: str, done: Sorted) -> None:
    ordered = sorted({*done.duplicates, *done.skipped})
    values = {
        "topic": topic,
        "partitions": ordered,
        "duplicates": [done.duplicates.get(partition, 0) for partition in ordered],
        "skipped": [done.skipped.get(partition, 0) for partition in ordered],
    }
    await connection.execute(_SAVE_TALLY, values)


def _kept(topic: str, records: Sequence[tuple[Incoming, str]], now: datetime) -> dict[str, object]:
    return {
        "topic": topic,
        "partitions": [incoming.partition for incoming, _ in records],
        "offsets": [incoming.offset for incoming, _ in records],
        "keys": [incoming.stream_key for incoming, _ in records],
        "headers": [_headers(incoming) for incoming, _ in records],
        "bodies": [incoming.record.value for incoming, _ in records],
        "reasons": [reason for _, reason in records],
        "now": now,
    }


def _headers(incoming: Incoming) -> str:
    """Headers as JSON; bytes that are no UTF-8 are kept readable rather than exact, NUL not at all."""
    pairs = ((name, (value or b"").decode(errors="backslashreplace")) for name, value in incoming.record.headers)
    return orjson.dumps({name.replace("\0", ""): value.replace("\0", "") for name, value in pairs}).decode()
