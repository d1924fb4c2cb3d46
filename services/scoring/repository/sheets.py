"""Stored sheets: one row each, the content as JSON, a digest that tells whether anything changed."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import ColumnElement, Text, cast, exists, func, literal, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring.tables import sheet
from shared.security.jurisdiction import within

Key = tuple[UUID, str, date]
"""Officer, scheme, first day of the period."""


@dataclass(frozen=True, slots=True)
class StoredSheet:
    """A sheet as it is kept; `total` is None for an officer who is no longer among those appraised."""

    sheet_id: UUID
    officer_id: UUID
    scheme: str
    period_from: date
    period_to: date
    scheme_version: str
    revision: int
    villages: tuple[str, ...]
    total: Decimal | None
    grade: str | None
    vetoes: tuple[str, ...]
    digest: str
    content: dict[str, Any]
    shadow: bool
    computed_at: datetime

    @property
    def key(self) -> Key:
        """What there is one sheet of."""
        return self.officer_id, self.scheme, self.period_from


_SHEET = [cast(c, Text).label(c.name) if c.name == "content" else c for c in sheet.c]
_COLUMNS = """
    sheet_id, officer_id, scheme, period_from, period_to, scheme_version, revision, villages, total, grade, vetoes,
    digest, CAST(content AS text) AS content, shadow, computed_at
"""
_OF_OFFICERS = text(f"SELECT {_COLUMNS} FROM sheet WHERE officer_id = ANY(CAST(:officers AS uuid[]))")  # noqa: S608
# Arrays of arrays must be rectangular, so the lists travel as text.
_SAVE = text(
    """
    INSERT INTO sheet (sheet_id, officer_id, scheme, period_from, period_to, scheme_version, revision, villages, total,
                       grade, vetoes, digest, content, shadow, computed_at)
    SELECT sheet_id, officer_id, scheme, period_from, period_to, scheme_version, revision,
           string_to_array(villages, ','), total, grade, string_to_array(vetoes, ','), digest, content, shadow, :now
    FROM unnest(CAST(:sheet_id AS uuid[]), CAST(:officer_id AS uuid[]), CAST(:scheme AS text[]),
                CAST(:period_from AS date[]), CAST(:period_to AS date[]), CAST(:scheme_version AS text[]),
                CAST(:revision AS int[]), CAST(:villages AS text[]), CAST(:total AS numeric[]), CAST(:grade AS text[]),
                CAST(:vetoes AS text[]), CAST(:digest AS text[]), CAST(:content AS json[]), CAST(:shadow AS boolean[]))
         AS s(sheet_id, officer_id, scheme, period_from, period_to, scheme_version, revision, villages, total, grade,
              vetoes, digest, content, shadow)
    ON CONFLICT (officer_id, scheme, period_from) DO UPDATE
        SET period_to = excluded.period_to, scheme_version = excluded.scheme_version, revision = excluded.revision,
            villages = excluded.villages, total = excluded.total, grade = excluded.grade, vetoes = excluded.vetoes,
            digest = excluded.digest, content = excluded.content, shadow = excluded.shadow,
            computed_at = excluded.computed_at
    """
)
_PLAIN = (
    "sheet_id",
    "officer_id",
    "scheme",
    "period_from",
    "period_to",
    "scheme_version",
    "revision",
    "total",
    "grade",
    "shadow",
)


async def sheets_of(connection: AsyncConnection, officers: Collection[UUID]) -> dict[Key, StoredSheet]:
    """Every sheet of these officers, also of those no longer appraised."""
    rows = await connection.execute(_OF_OFFICERS, {"officers": list(officers)})
    return {one.key: one for one in map(_stored, rows)}


async def sheet_of_day(
    connection: AsyncConnection, officer_id: UUID, day: date, scheme: str | None, division: str
) -> StoredSheet | None:
    """The officer's sheet whose period holds this day, if he has a village in the division; first scheme by name.

    A shadow's only when its scheme is asked for.
    """
    query = (
        select(*_SHEET)
        .where(sheet.c.officer_id == officer_id, sheet.c.total.is_not(None))
        .where(literal(day).between(sheet.c.period_from, sheet.c.period_to), touching(division))
        .order_by(sheet.c.scheme)
        .limit(1)
    )
    query = query.where(sheet.c.scheme == scheme if scheme else ~sheet.c.shadow)
    row = (await connection.execute(query)).first()
    return _stored(row) if row else None


def touching(division: str) -> ColumnElement[bool]:
    """SQL condition: one of the sheet's villages lies in the division."""
    village = func.unnest(sheet.c.villages).column_valued("village")
    return exists(select(literal(1)).where(within(village, division)).correlate(sheet))


async def save_sheets(connection: AsyncConnection, sheets: Sequence[StoredSheet], now: datetime) -> None:
    """Write sheets over their earlier revisions, in one statement."""
    columns: dict[str, Any] = {name: [getattr(one, name) for one in sheets] for name in _PLAIN}
    columns["villages"] = [",".join(one.villages) for one in sheets]
    columns["vetoes"] = [",".join(one.vetoes) for one in sheets]
    columns["digest"] = [one.digest for one in sheets]
    columns["content"] = [orjson.dumps(one.content).decode() for one in sheets]
    await connection.execute(_SAVE, {**columns, "now": now})


def _stored(row: Any) -> StoredSheet:
    lists = {"villages": tuple(row.villages), "vetoes": tuple(row.vetoes), "content": orjson.loads(row.content)}
    return StoredSheet(**{**row._mapping, **lists})
