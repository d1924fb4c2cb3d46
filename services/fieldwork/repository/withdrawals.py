"""What was taken back by whoever entered it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fieldwork.repository.items import called_in, hashes_in
from services.fieldwork.repository.statements import Insertion
from services.fieldwork.tables import withdrawal

_WITHDRAWAL = Insertion(withdrawal, [column.name for column in withdrawal.columns])
hashes, called = hashes_in(withdrawal), called_in(withdrawal)

# Locked in sorted order; of an activity also what was decided about it, of a session the last day it may reach.
_ACTIVITIES = text(
    """
    SELECT id, author, done_by AS officer, village, since, day, classification, verdict_id,
           CASE WHEN state NOT IN ('waiting', 'verified') THEN verdict_id END AS ended_by,
           (SELECT count(*) FROM verdict v WHERE v.activity_id = a.id) AS verdicts
    FROM activity a WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY id FOR UPDATE
    """
)
_ARRIVALS = text(
    """
    SELECT a.id, a.officer AS author, a.officer, a.village, a.at AS since, a.day, d.at AS left_at,
           'internal' AS classification, a.ended_by
    FROM arrival a LEFT JOIN departure d ON d.session = a.session AND d.ended_by IS NULL
    WHERE a.id = ANY(CAST(:ids AS uuid[])) ORDER BY a.id FOR UPDATE OF a
    """
)
_DEPARTURES = text(
    """
    SELECT d.id, a.officer AS author, a.officer, a.village, a.at AS since, a.day, d.at AS left_at,
           'internal' AS classification, d.ended_by
    FROM departure d JOIN arrival a ON a.id = d.session
    WHERE d.id = ANY(CAST(:ids AS uuid[])) ORDER BY d.id FOR UPDATE OF d
    """
)
_OF = {"activity": _ACTIVITIES, "arrival": _ARRIVALS, "departure": _DEPARTURES}


async def targets(connection: AsyncConnection, wanted: Mapping[UUID, str]) -> dict[UUID, Row[Any]]:
    """What is to be taken back, locked: whose it is, where, and what ended it before, if anything did."""
    found: dict[UUID, Row[Any]] = {}
    for of, statement in _OF.items():
        ids = [id for id, kind in wanted.items() if kind == of]
        if ids:
            found |= {row.id: row for row in await connection.execute(statement, {"ids": ids})}
    return found


async def insert(connection: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> set[UUID]:
    """Keep new withdrawals; a second one of the same thing is not kept."""
    return set((await connection.scalars(_WITHDRAWAL.statement, _WITHDRAWAL.parameters(rows))).all())
