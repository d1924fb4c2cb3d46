"""Rosters: every word about a day is a record, corrections with what was decided about them; `roster` is what holds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fieldwork.repository.sessions import OfficerDay
from services.fieldwork.repository.statements import Insertion
from services.fieldwork.tables import roster_decision, roster_record
from shared.security.jurisdiction import within

_RECORD = Insertion(roster_record, [column.name for column in roster_record.columns])
_DECISION = Insertion(roster_decision, [column.name for column in roster_decision.columns])
RECORD_COLUMNS, DECISION_COLUMNS = _RECORD.names, _DECISION.names

# Taken in sorted order, so that two batches about the same days wait for each other and never deadlock.
_LOCK = text(
    """
    SELECT pg_advisory_xact_lock(hashtextextended('roster/' || key, 0))
    FROM (SELECT DISTINCT key FROM unnest(CAST(:keys AS text[])) AS asked(key) ORDER BY key) AS sorted
    """
)

_STANDING = text(
    """
    SELECT due.officer, due.day, COALESCE(r.on_duty, false) AS on_duty, w.id AS waiting_id, w.on_duty AS waiting
    FROM unnest(CAST(:officers AS uuid[]), CAST(:days AS date[])) AS due(officer, day)
    LEFT JOIN roster r ON r.officer = due.officer AND r.day = due.day
    LEFT JOIN roster_record w ON w.officer = due.officer AND w.day = due.day AND w.state = 'waiting'
    """
)

_HOLD = text(
    """
    INSERT INTO roster (officer, day, county, entered_by, subject, recorded_at, on_duty, revision)
    SELECT officer, day, left(village, 6), entered_by, subject, recorded_at, on_duty, 0
    FROM roster_record WHERE id = ANY(CAST(:ids AS uuid[])) ORDER BY officer, day
    ON CONFLICT (officer, day) DO UPDATE SET on_duty = excluded.on_duty, entered_by = excluded.entered_by,
        subject = excluded.subject, recorded_at = excluded.recorded_at
    """
)

_SETTLE = text(
    """
    UPDATE roster_record SET state = settled.state
    FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[])) AS settled(id, state)
    WHERE roster_record.id = settled.id
    """
)


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of a day: whether the officer is on duty, and which correction waits."""

    on_duty: bool
    waiting_id: UUID | None
    waiting: bool | None


async def standing(connection: AsyncConnection, days: Collection[OfficerDay]) -> dict[OfficerDay, Standing]:
    """What holds and what waits for each day, which nobody else changes until the commit."""
    ordered = sorted(days)
    await connection.execute(_LOCK, {"keys": [f"{officer}/{day}" for officer, day in ordered]})
    columns = {"officers": [officer for officer, _ in ordered], "days": [day for _, day in ordered]}
    found = await connection.execute(_STANDING, columns)
    return {(row.officer, row.day): Standing(row.on_duty, row.waiting_id, row.waiting) for row in found}


async def keep(connection: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Keep new records (columns as `RECORD_COLUMNS`)."""
    await connection.execute(_RECORD.statement, _RECORD.parameters(rows))


async def hold(connection: AsyncConnection, ids: Collection[UUID]) -> None:
    """What these records say holds from now on."""
    await connection.execute(_HOLD, {"ids": list(ids)})


async def lock(connection: AsyncConnection, ids: Iterable[UUID], division: str) -> dict[UUID, Row[Any]]:
    """Records inside the division, locked in sorted order."""
    query = select(roster_record).where(
        roster_record.c.id.in_(sorted(set(ids))), within(roster_record.c.village, division)
    )
    found = await connection.execute(query.order_by(roster_record.c.id).with_for_update())
    return {row.id: row for row in found}


async def decide(connection: AsyncConnection, rows: Sequence[tuple[Any, ...]], states: dict[UUID, str]) -> None:
    """Keep decisions about corrections (columns as `DECISION_COLUMNS`), and where each stands after it."""
    await connection.execute(_DECISION.statement, _DECISION.parameters(rows))
    await connection.execute(_SETTLE, {"ids": list(states), "states": list(states.values())})


async def waiting(
    connection: AsyncConnection, division: str, after: tuple[datetime, UUID] | None, limit: int
) -> list[Row[Any]]:
    """Corrections that nobody has confirmed or refused, the oldest first."""
    place = (roster_record.c.recorded_at, roster_record.c.id)
    query = select(roster_record).where(roster_record.c.state == "waiting", within(roster_record.c.village, division))
    if after is not None:
        query = query.where((place[0] > after[0]) | ((place[0] == after[0]) & (place[1] > after[1])))
    return list(await connection.execute(query.order_by(*place).limit(limit)))


def days_of(rows: Iterable[Row[Any]]) -> set[OfficerDay]:
    """The officer days that records are about."""
    found: set[tuple[UUID, date]] = {(row.officer, row.day) for row in rows}
    return found
