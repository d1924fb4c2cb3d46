"""Care for the outbox: what it holds, old rows removed, rows sent again, a new epoch after a restore."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import structlog
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.registry import COMPACTED
from shared.messaging.outbox import TIMELINE

log = structlog.get_logger(__name__)

KEPT_FOR = timedelta(days=14)
"""How long published rows stay for `cunjing outbox republish`."""

RECENT_HEADS = timedelta(hours=48)
CHUNK = 10_000

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
# A late retry of a relay that is gone may have left an older state as the last record of a key (ADR 0003).
_SEND_HEADS = text(
    """
    UPDATE outbox o SET published_at = NULL FROM outbox_stream s
    WHERE s.topic = ANY(CAST(:compacted AS text[])) AND o.topic = s.topic AND o.stream_key = s.stream_key
      AND o.sequence = s.last_seq AND o.published_at IS NOT NULL
      AND o.recorded_at > clock_timestamp() - CAST(:recent AS interval)
    """
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
# Readers may have states of reference streams that this database has forgotten. It is the one that knows.
_HEADS_OF_THE_EPOCH = text(
    f"""
    UPDATE outbox o
    SET published_at = NULL,
        epoch = e.number + {TIMELINE}
    FROM outbox_stream s, outbox_epoch e
    WHERE s.topic = ANY(CAST(:compacted AS text[])) AND o.topic = s.topic AND o.stream_key = s.stream_key
      AND o.sequence = s.last_seq
    """  # noqa: S608
)
_TAKE_YOUR_TIME = text("SET LOCAL statement_timeout = 0")


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


async def send_heads_again(connection: AsyncConnection) -> int:
    """Have the last states of reference streams that changed lately sent once more, with the same id and sequence."""
    values = {"compacted": sorted(COMPACTED), "recent": RECENT_HEADS}
    return (await connection.execute(_SEND_HEADS, values)).rowcount


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
    await _send_heads_in_it(connection)
    return await epoch(connection)


async def follow_origin(connection: AsyncConnection) -> None:
    """Begin a new epoch when this database is not the one that published last: restored, copied or failed over.

    Not seen is a disk that was put back as a whole (a snapshot of a machine): there `new_epoch` is for people.
    """
    await connection.execute(_TAKE_YOUR_TIME)
    moved = (await connection.execute(_FOLLOW)).one_or_none()
    if moved and moved.origin:
        log.warning("outbox.new_epoch", number=moved.number, help="the database is another one than before: restored?")
        await _send_heads_in_it(connection)


async def _send_heads_in_it(connection: AsyncConnection) -> None:
    """Have every last state of a reference stream sent as one of the new epoch."""
    await connection.execute(_TAKE_YOUR_TIME)
    await connection.execute(_HEADS_OF_THE_EPOCH, {"compacted": sorted(COMPACTED)})
