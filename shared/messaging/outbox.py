"""Facts collected in a transaction and written with it, each with its gapless place in its stream."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

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


TIMELINE = "('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int"
"""PostgreSQL's timeline, from the name of the WAL file written now."""

# One statement for all: the counter rows are locked in sorted order (unsorted they deadlocked), the numbers follow from
# the state before (`old`, PostgreSQL 18). The epoch is ours plus PostgreSQL's timeline, so that a promoted standby that
# lost the last rows cannot pass for the history everybody has seen.
_FLUSH = text(
    f"""
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
           e.number + {TIMELINE},
           f.attributes::json, f.body, :now
    FROM fact f JOIN counted c USING (topic, stream_key) CROSS JOIN outbox_epoch e
    WINDOW stream_order AS (PARTITION BY f.topic, f.stream_key ORDER BY f.n)
    ORDER BY f.n
    """  # noqa: S608  # our own text
)


_Row = tuple[UUID, str, str, str, bytes]


class Outbox:
    """The facts of one transaction, written out as they are added; the edge flushes.

    What holds locks to the end of a transaction comes last in it, so all that can be done before a flush is.
    """

    def __init__(self, now: datetime) -> None:
        self._now = now
        self._rows: list[_Row] = []

    def add(self, *facts: Fact[Any]) -> None:
        """Publish these facts if the transaction commits; the order of calls is the order in each stream."""
        trace = current_traceparent()
        self._rows += [self._row(fact, trace) for fact in facts]

    async def flush(self, connection: AsyncConnection) -> None:
        """Write all added facts in one statement, numbered in their streams."""
        if not self._rows:
            return
        names = ("ids", "topics", "keys", "attributes", "bodies")
        columns = dict(zip(names, map(list, zip(*self._rows, strict=True)), strict=True))
        written = (await connection.execute(_FLUSH, {**columns, "now": self._now})).rowcount
        if written != len(self._rows):
            raise RuntimeError(f"{len(self._rows)} facts became {written} rows: outbox_epoch must have exactly one row")
        self._rows = []

    def _row(self, fact: Fact[Any], trace: str | None) -> _Row:
        if fact.type not in BY_TYPE:
            raise LookupError(f"{fact.type} is not in the registry of facts")
        body = fact.data.model_dump_json(exclude_none=True).encode()
        if len(body) > MAX_BODY:
            raise FactTooLarge
        said = attributes(fact, recorded_at=self._now, traceparent=trace)
        return fact.id, fact.data.TOPIC, fact.stream_key, orjson.dumps(said).decode(), body
