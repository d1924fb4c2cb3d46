"""Stored sheets: one row each, the content as JSON, a digest that tells whether anything changed."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

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
    computed_at: datetime

    @property
    def key(self) -> Key:
        """What there is one sheet of."""
        return self.officer_id, self.scheme, self.period_from


_COLUMNS = """
    sheet_id, officer_id, scheme, period_from, period_to, scheme_version, revision, villages, total, grade, vetoes,
    digest, CAST(content AS text) AS content, computed_at
"""
_OF_OFFICERS = text(f"SELECT {_COLUMNS} FROM sheet WHERE officer_id = ANY(CAST(:officers AS uuid[]))")  # noqa: S608
_OF_DAY = text(
    f"""
    SELECT {_COLUMNS} FROM sheet
    WHERE officer_id = :officer AND total IS NOT NULL AND :day BETWEEN period_from AND period_to
      AND (CAST(:scheme AS text) IS NULL OR scheme = :scheme)
    ORDER BY scheme LIMIT 1
    """  # noqa: S608  # our own columns
)
# Arrays of arrays must be rectangular, so the lists travel as text.
_SAVE = text(
    """
    INSERT INTO sheet (sheet_id, officer_id, scheme, period_from, period_to, scheme_version, revision, villages, total,
                       grade, vetoes, digest, content, computed_at)
    SELECT sheet_id, officer_id, scheme, period_from, period_to, scheme_version, revision,
           string_to_array(villages, ','), total, grade, string_to_array(vetoes, ','), digest, content, :now
    FROM unnest(CAST(:sheet_id AS uuid[]), CAST(:officer_id AS uuid[]), CAST(:scheme AS text[]),
                CAST(:period_from AS date[]), CAST(:period_to AS date[]), CAST(:scheme_version AS text[]),
                CAST(:revision AS int[]), CAST(:villages AS text[]), CAST(:total AS numeric[]), CAST(:grade AS text[]),
                CAST(:vetoes AS text[]), CAST(:digest AS text[]), CAST(:content AS json[]))
         AS s(sheet_id, officer_id, scheme, period_from, period_to, scheme_version, revision, villages, total, grade,
              vetoes, digest, content)
    ON CONFLICT (officer_id, scheme, period_from) DO UPDATE
        SET period_to = excluded.period_to, scheme_version = excluded.scheme_version, revision = excluded.revision,
            villages = excluded.villages, total = excluded.total, grade = excluded.grade, vetoes = excluded.vetoes,
            digest = excluded.digest, content = excluded.content, computed_at = excluded.computed_at
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
)


async def sheets_of(connection: AsyncConnection, officers: Collection[UUID]) -> dict[Key, StoredSheet]:
    """Every sheet of these officers, also of those no longer appraised."""
    rows = await connection.execute(_OF_OFFICERS, {"officers": list(officers)})
    return {sheet.key: sheet for sheet in map(_stored, rows)}


async def sheet_of_day(
    connection: AsyncConnection, officer_id: UUID, day: date, scheme: str | None
) -> StoredSheet | None:
    """The officer's sheet whose period holds this day; under several schemes the first by name."""
    found = await connection.execute(_OF_DAY, {"officer": officer_id, "day": day, "scheme": scheme})
    row = found.first()
    return _stored(row) if row else None


async def save_sheets(connection: AsyncConnection, sheets: Sequence[StoredSheet], now: datetime) -> None:
    """Write sheets over their earlier revisions, in one statement."""
    columns: dict[str, Any] = {name: [getattr(sheet, name) for sheet in sheets] for name in _PLAIN}
    columns["villages"] = [",".join(sheet.villages) for sheet in sheets]
    columns["vetoes"] = [",".join(sheet.vetoes) for sheet in sheets]
    columns["digest"] = [sheet.digest for sheet in sheets]
    columns["content"] = [orjson.dumps(sheet.content).decode() for sheet in sheets]
    await connection.execute(_SAVE, {**columns, "now": now})


def _stored(row: Any) -> StoredSheet:
    lists = {"villages": tuple(row.villages), "vetoes": tuple(row.vetoes), "content": orjson.loads(row.content)}
    return StoredSheet(**{**row._mapping, **lists})


def digest_of_all(sheets: Iterable[StoredSheet]) -> dict[Key, str]:
    """What can be compared between a stored and a recomputed state: everything but revision numbers and times."""
    return {sheet.key: sheet.digest for sheet in sheets}
