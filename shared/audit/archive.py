"""Audit rows go to a file, and from the database 180 days after they were sealed; their seals stay for good."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.audit.chain import COLUMNS, AuditRow, Sealed

RETENTION = timedelta(days=180)
PRUNED = "audit.prune"
PAGE = 5_000

# From the first to the last row of the period, with what was sealed between them.
_SPAN = text(
    """
    SELECT min(s.position) AS first, max(s.position) AS last FROM audit_seal s JOIN audit a ON a.id = s.audit_id
    WHERE a.at >= :since AND a.at < :until
    """
)
_ROWS = text(
    f"""
    SELECT s.position, s.audit_id, s.txid::text::bigint, s.hash, s.sealed_at, {COLUMNS}
    FROM audit_seal s JOIN audit a ON a.id = s.audit_id
    WHERE s.position > :after AND s.position <= :last ORDER BY s.position LIMIT :page
    """  # noqa: S608  # our own text
)
_REMAINS = text("SELECT min(s.position) FROM audit_seal s JOIN audit a ON a.id = s.audit_id")
_OLD = text("SELECT max(position) FROM audit_seal WHERE position <= :last AND sealed_at < :before")
_REMOVE = text(
    "DELETE FROM audit USING audit_seal s WHERE s.audit_id = audit.id AND s.position BETWEEN :first AND :cut"
)
_LAST_CUT = text(
    """
    SELECT CAST(object AS bigint) AS place, at FROM audit WHERE action = :pruned AND object ~ '^[0-9]{1,18}$'
    ORDER BY id DESC LIMIT 1
    """
)


class Span(NamedTuple):
    """Places in the chain, the first and the last counted."""

    first: int
    last: int


class Cut(NamedTuple):
    """Up to this place rows were exported and removed, at that time; its seal is where the chain begins now."""

    place: int
    at: datetime


async def span(connection: AsyncConnection, since: datetime, until: datetime) -> Span | None:
    """Where the rows of a period stand in the chain."""
    row = (await connection.execute(_SPAN, {"since": since, "until": until})).one()
    return Span(row.first, row.last) if row.first else None


async def lines(connection: AsyncConnection, of: Span) -> AsyncIterator[str]:
    """Each row of the span with its seal as a line of JSON; the file can be verified without us (see the runbook)."""
    after, more = of.first - 1, True
    while more:
        rows = (await connection.execute(_ROWS, {"after": after, "last": of.last, "page": PAGE})).all()
        for row in rows:
            seal = Sealed(*row[:5])
            sealed_at = seal.sealed_at.astimezone(UTC).isoformat()
            told = AuditRow(*row[5:]).told()
            yield json.dumps({"place": seal.position, "hash": seal.hash, "sealed_at": sealed_at, "row": told})
            after = seal.position
        more = len(rows) == PAGE


async def prune(connection: AsyncConnection, exported: Span, now: datetime) -> Span | None:
    """Remove what was exported and is old enough, if nothing before it is left; as the owner of the tables."""
    first = await connection.scalar(_REMAINS)
    cut = await connection.scalar(_OLD, {"last": exported.last, "before": now - RETENTION})
    if first is None or cut is None or not exported.first <= first <= cut:
        return None
    await connection.execute(text("SET LOCAL statement_timeout = 0"))  # half a year's rows may take a while
    await connection.execute(_REMOVE, {"first": first, "cut": cut})
    return Span(first, cut)


async def last_cut(connection: AsyncConnection) -> Cut | None:
    """How far rows were removed, as the audit itself says."""
    row = (await connection.execute(_LAST_CUT, {"pruned": PRUNED})).one_or_none()
    return Cut(*row) if row else None
