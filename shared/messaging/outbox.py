"""Facts collected in a transaction and written with it, each with its gapless place in its stream."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.envelope import Fact, attributes
from shared.contracts.registry import BY_TYPE
from shared.observability.tracing import current_traceparent

MAX_BODY = 256 * 1024
"""One row that the broker refuses would stop every row behind it."""


class FactTooLarge(ValueError):
    """A fact's body is over 256 KiB."""


# One statement for all: the counter rows are locked in sorted order (unsorted they deadlocked), the numbers follow from
# the state before (`old`, PostgreSQL 18). The epoch is ours plus PostgreSQL's timeline, so that a promoted standby that
# lost the last rows cannot pass for the history everybody has seen.
_FLUSH = text(
    """
    WITH fact AS (
        SELECT * FROM unnest(
            CAST(:ids AS uuid[]), CAST(:topics AS text[]), CAST(:keys AS text[]),
            CAST(:attributes AS text[]), CAST(:bodies AS bytea[])
        ) WITH ORDINALITY AS f(id, topic, stream_key, attributes, body, n)
    ), stream AS (
        SELECT topic, stream_key, count(*) AS facts, (array_agg(id ORDER BY n DESC))[1] AS last_id
        FROM fact GROUP BY topic, stream_key
    ), counted AS (
        INSERT INTO outbox_stream AS s (topic, stream_key, last_seq, last_id)
        SELECT topic, stream_key, facts, last_id FROM stream ORDER BY topic, stream_key
        ON CONFLICT (topic, stream_key) DO UPDATE
            SET last_seq = s.last_seq + excluded.last_seq, last_id = excluded.last_id
        RETURNING s.topic, s.stream_key, COALESCE(old.last_seq, 0) AS before, old.last_id AS before_id
    )
    INSERT INTO outbox (fact_id, topic, stream_key, sequence, previous, epoch, attributes, body, recorded_at)
    SELECT f.id, f.topic, f.stream_key,
           c.before + row_number() OVER stream_order,
           COALESCE(lag(f.id) OVER stream_order, c.before_id),
           e.number + ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int,
           f.attributes::json, f.body, :now
    FROM fact f JOIN counted c USING (topic, stream_key) CROSS JOIN outbox_epoch e
    WINDOW stream_order AS (PARTITION BY f.topic, f.stream_key ORDER BY f.n)
    ORDER BY f.n
    """
)


class Outbox:
    """The facts of one transaction; `add` only collects, the edge flushes."""

    def __init__(self) -> None:
        self._facts: list[Fact[Any]] = []

    def add(self, *facts: Fact[Any]) -> None:
        """Publish these facts if the transaction commits; the order of calls is the order in each stream."""
        for fact in facts:
            if fact.type not in BY_TYPE:
                raise LookupError(f"{fact.type} is not in the registry of facts")
        self._facts += facts

    async def flush(self, connection: AsyncConnection, now: datetime) -> None:
        """Write all collected facts in one statement, numbered in their streams."""
        if not self._facts:
            return
        await connection.execute(_FLUSH, self._rows(now))
        self._facts = []

    def _rows(self, now: datetime) -> dict[str, Any]:
        trace = current_traceparent()
        bodies = [fact.data.model_dump_json(exclude_none=True).encode() for fact in self._facts]
        if any(len(body) > MAX_BODY for body in bodies):
            raise FactTooLarge
        return {
            "ids": [fact.id for fact in self._facts],
            "topics": [fact.data.TOPIC for fact in self._facts],
            "keys": [fact.stream_key for fact in self._facts],
            "attributes": [
                orjson.dumps(attributes(fact, recorded_at=now, traceparent=trace)).decode() for fact in self._facts
            ],
            "bodies": bodies,
            "now": now,
        }
