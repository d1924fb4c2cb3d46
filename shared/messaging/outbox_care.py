"""Care for the outbox: what it holds, old rows removed, rows sent again, a new epoch after a restore."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import structlog
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.registry import COMPACTED
from shared.messaging.outbox import TIMELINE

log = structlog.get_logger(__name__)

KEPT_FOR = timedelta(days=14)
"""How long published rows stay for `cunjing outbox republish`."""

RECENT_HEADS = timedelta(hours=48)
ALL_HEADS = datetime(2000, 1, 1, tzinfo=UTC)
CHUNK = 10_000
PIECE = 5_000
"""Heads that one statement looks at: about a second's work."""

_FIRST = text("SELECT min(id) FROM outbox WHERE id > :after")
# The last state of a reference stream stays: it is sent again every night.
_REMOVE = text(
    """
    DELETE FROM outbox o
    WHERE id > :after AND id <= :upto AND published_at < clock_timestamp() - CAST(:kept AS interval)
      AND NOT (topic = ANY(CAST(:compacted AS text[]))
               AND EXISTS (SELECT FROM outbox_stream s
                           WHERE s.topic = o.topic AND s.stream_key = o.stream_key AND s.last_id = o.fact_id))
    """
)
_YOUNGER = text(
    """
    SELECT EXISTS (SELECT FROM outbox WHERE id > :after AND id <= :upto
                   AND (published_at IS NULL OR published_at >= clock_timestamp() - CAST(:kept AS interval)))
    """
)
_WAITING = text(
    """
    SELECT count(*) AS depth, COALESCE(EXTRACT(epoch FROM clock_timestamp() - min(recorded_at)), 0) AS age
    FROM (SELECT recorded_at FROM outbox WHERE published_at IS NULL AND id > :bound ORDER BY id LIMIT :most) w
    """
)
# A late retry of a relay that is gone may have left an older state as the last record of a key (ADR 0003); after a
# restore readers may have states that this database has forgotten, so there the heads go out in the new epoch. A piece
# at a time: a province has some 620,000 heads, and no transaction may take that long.
_SEND_HEADS = text(
    """
    UPDATE outbox_epoch SET heads_since = :since, heads_after = '{"",""}'
    WHERE heads_since IS NULL OR heads_since > :since
    """
)
_SEND_SOME_HEADS = text(
    f"""
    WITH due AS (
        SELECT heads_since, heads_after, number + {TIMELINE} AS epoch FROM outbox_epoch WHERE heads_since IS NOT NULL
        FOR UPDATE
    ), piece AS (
        SELECT s.topic, s.stream_key, s.last_seq, d.heads_since, d.epoch
        FROM due d, outbox_stream s
        WHERE s.topic = ANY(CAST(:compacted AS text[])) AND (s.topic, s.stream_key) > (heads_after[1], heads_after[2])
        ORDER BY s.topic, s.stream_key LIMIT :piece
    ), sent AS (
        UPDATE outbox o SET published_at = NULL, epoch = p.epoch FROM piece p
        WHERE o.topic = p.topic AND o.stream_key = p.stream_key AND o.sequence = p.last_seq
          AND o.published_at IS NOT NULL AND o.recorded_at >= p.heads_since
        RETURNING 1
    ), furthest AS (
        SELECT topic, stream_key FROM piece ORDER BY topic DESC, stream_key DESC LIMIT 1
    ), noted AS (
        UPDATE outbox_epoch e
        SET heads_after = CASE WHEN f.topic IS NOT NULL THEN ARRAY[f.topic, f.stream_key] END,
            heads_since = CASE WHEN f.topic IS NOT NULL THEN d.heads_since END
        FROM due d LEFT JOIN furthest f ON true
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM noted) AS pieces, (SELECT count(*) FROM sent) AS heads
    """  # noqa: S608  # our own text
)
_STATUS = text(
    """
    SELECT topic, count(*) FILTER (WHERE published_at IS NULL) AS waiting, count(*) AS kept,
           min(recorded_at) FILTER (WHERE published_at IS NULL) AS oldest_waiting, max(published_at) AS last_published
    FROM outbox GROUP BY topic ORDER BY topic
    """
)
_EPOCH = text(f"SELECT number + {TIMELINE} FROM outbox_epoch")  # noqa: S608  # our own text
_OWNER = text(
    """
    SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1
      AND classid::bigint = hashtext('cunjing.relay')::bigint >> 32 & 4294967295
      AND objid::bigint = hashtext('cunjing.relay')::bigint & 4294967295
      AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
)
_REPUBLISH = text(
    """
    UPDATE outbox SET published_at = NULL
    WHERE topic = :topic AND (CAST(:key AS text) IS NULL OR stream_key = :key) AND sequence >= :first
      AND published_at IS NOT NULL
    """
)
# Cluster, timeline, database, table: a backup put back, a copy and a promoted standby each differ in one of them.
_HERE = """
    (SELECT concat_ws('/', c.system_identifier, left(pg_walfile_name(pg_current_wal_insert_lsn()), 8), d.oid,
                      CAST(CAST('outbox_epoch' AS regclass) AS oid))
     FROM pg_control_system() c, pg_database d WHERE d.datname = current_database())
"""
# By the clock, in steps of five minutes: above what any history after this backup can have reached, be it a second
# restore of the same backup or one timeline more.
_RAISED = """
    GREATEST(number + 1, CAST(EXTRACT(epoch FROM clock_timestamp() - TIMESTAMPTZ '2026-01-01 00:00Z') AS bigint) / 300)
"""
_NEW_EPOCH = text(f"UPDATE outbox_epoch SET number = {_RAISED}, origin = {_HERE}")  # noqa: S608
_FOLLOW = text(
    f"""
    UPDATE outbox_epoch SET number = CASE WHEN origin IS NULL THEN number ELSE {_RAISED} END, origin = {_HERE}
    WHERE origin IS DISTINCT FROM {_HERE} RETURNING number, old.origin
    """  # noqa: S608  # our own text
)


async def remove_old(connection: AsyncConnection, after: int) -> int:
    """Remove published rows older than KEPT_FOR among the next ids; returns where to go on.

    By ranges of ids, so that neither writers nor the relay's index are touched.
    """
    first = (await connection.execute(_FIRST, {"after": after})).scalar()
    if first is None:
        return after
    span = {"after": first - 1, "upto": first - 1 + CHUNK, "kept": KEPT_FOR}
    await connection.execute(_REMOVE, {**span, "compacted": sorted(COMPACTED)})
    younger = (await connection.execute(_YOUNGER, span)).scalar_one()
    return int(first) - 1 if younger else int(first) - 1 + CHUNK


class Waiting(NamedTuple):
    """What waits for the broker: facts (at most as many as were asked for), and seconds since the oldest."""

    depth: int
    age: float


async def waiting(connection: AsyncConnection, most: int, bound: int = 0) -> Waiting:
    """What waits behind an id, counted up to `most`."""
    row = (await connection.execute(_WAITING, {"most": most, "bound": bound})).one()
    return Waiting(row.depth, float(row.age))


async def send_heads_again(connection: AsyncConnection, since: datetime = ALL_HEADS) -> None:
    """Have the last states of reference streams since then sent once more, with the same id and sequence.

    The relay takes a piece of them at a time.
    """
    await connection.execute(_SEND_HEADS, {"since": since})


async def send_some_heads(connection: AsyncConnection) -> int | None:
    """Have the next piece of them sent; returns how many that were, None when nothing is left."""
    values = {"compacted": sorted(COMPACTED), "piece": PIECE}
    done = (await connection.execute(_SEND_SOME_HEADS, values)).one()
    return int(done.heads) if done.pieces else None


async def status(connection: AsyncConnection) -> list[Row[Any]]:
    """For each topic what waits, since when, and what is kept."""
    return list(await connection.execute(_STATUS))


async def relay_session(connection: AsyncConnection) -> int | None:
    """The server process of the relay that sends; None while there is none."""
    pid: int | None = (await connection.execute(_OWNER)).scalar()
    return pid


async def epoch(connection: AsyncConnection) -> int:
    """The epoch that facts published now carry."""
    return int((await connection.execute(_EPOCH)).scalar_one())


async def republish(connection: AsyncConnection, topic: str, key: str | None, first: int) -> int:
    """Have kept rows sent again from a sequence on; readers drop what they have. Returns how many rows."""
    return (await connection.execute(_REPUBLISH, {"topic": topic, "key": key, "first": first})).rowcount


async def new_epoch(connection: AsyncConnection) -> int:
    """After the database was restored from a backup: what follows is another history, and readers shall see it."""
    await connection.execute(_NEW_EPOCH)
    await send_heads_again(connection)
    return await epoch(connection)


async def follow_origin(connection: AsyncConnection) -> None:
    """Begin a new epoch when this database is not the one that published last: restored, copied or failed over.

    Not seen is a disk that was put back as a whole (a snapshot of a machine): there `new_epoch` is for people.
    """
    moved = (await connection.execute(_FOLLOW)).one_or_none()
    if moved and moved.origin:
        log.warning("outbox.new_epoch", number=moved.number, help="the database is another one than before: restored?")
        await send_heads_again(connection)
