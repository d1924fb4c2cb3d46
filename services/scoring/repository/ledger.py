"""Writing the ledger: one statement per part and batch; the highest number of each part wins, whatever came first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring.repository.marks import MARK_TOUCHED, OFFICERS_OF, hold_assignments, open_months

Source = Literal[
    "activity",
    "presence_day",
    "attendance",
    "knowledge",
    "finding",
    "nothing_certified",
    "group",
    "conduct",
    "report",
]


class Recorded(NamedTuple):
    """What happened: of an officer, or of a village and so of everybody assigned to it. `body` is JSON."""

    entry_id: UUID
    rev: int
    officer_id: UUID | None
    village: str | None
    day: date
    until: date | None
    matter_id: UUID | None
    body: str


class Said(NamedTuple):
    """What somebody decided about an entry. `body` is JSON."""

    entry_id: UUID
    rev: int
    body: str


R = TypeVar("R", Recorded, Said)

# Facts of one matter decide over each other's points whenever they happened (C-49), so all its days are touched.
_TOUCHED = """
    SELECT o.officer_id,
           CASE WHEN matter_id IS NULL THEN since ELSE CAST('-infinity' AS date) END AS since,
           CASE WHEN matter_id IS NULL THEN until ELSE CAST('infinity' AS date) END AS until
"""
_RECORD = """
    WITH merged AS (
        INSERT INTO ledger_entry AS e
            (entry_id, recorded_rev, officer_id, village, day, until, matter_id, recorded, source)
        SELECT f.*, CAST(:source AS text) FROM unnest(
            CAST(:ids AS uuid[]), CAST(:revs AS bigint[]), CAST(:officers AS uuid[]), CAST(:villages AS text[]),
            CAST(:days AS date[]), CAST(:untils AS date[]), CAST(:matters AS uuid[]), CAST(:bodies AS json[])) AS f
        ON CONFLICT (entry_id) DO UPDATE
            SET recorded_rev = excluded.recorded_rev, officer_id = excluded.officer_id, village = excluded.village,
                day = excluded.day, until = excluded.until, matter_id = excluded.matter_id,
                recorded = excluded.recorded
            WHERE e.recorded_rev IS NULL OR e.recorded_rev < excluded.recorded_rev
        RETURNING e.officer_id, old.officer_id AS was, e.village, old.village AS was_village, e.matter_id,
                  LEAST(e.day, old.day) AS since, GREATEST(e.until, e.day, old.until, old.day) AS until
    ), {touched}
    """
_OF_OFFICERS = f"touched AS ({_TOUCHED} FROM merged, unnest(ARRAY[officer_id, was]) AS o(officer_id) WHERE o.officer_id IS NOT NULL)"  # noqa: E501
_OF_VILLAGES = f"""
    concerned AS (SELECT DISTINCT unnest(ARRAY[village, was_village]) AS place, since, until, matter_id FROM merged),
    touched AS (
        {_TOUCHED} FROM concerned
        CROSS JOIN LATERAL ({OFFICERS_OF.replace("CAST(:villages AS text[])", "ARRAY[place]")}) AS o(officer_id))
    """  # noqa: S608
_RECORD_OF_OFFICERS = text(_RECORD.format(touched=_OF_OFFICERS) + MARK_TOUCHED)
_RECORD_OF_VILLAGES = text(_RECORD.format(touched=_OF_VILLAGES) + MARK_TOUCHED)


def _say(part: str) -> TextClause:
    return text(
        f"""
        WITH merged AS (
            INSERT INTO ledger_entry AS e (entry_id, {part}_rev, {part}, source)
            SELECT f.*, CAST(:source AS text)
            FROM unnest(CAST(:ids AS uuid[]), CAST(:revs AS bigint[]), CAST(:bodies AS json[])) AS f
            ON CONFLICT (entry_id) DO UPDATE SET {part}_rev = excluded.{part}_rev, {part} = excluded.{part}
                WHERE e.{part}_rev IS NULL OR e.{part}_rev < excluded.{part}_rev
            RETURNING e.officer_id, e.matter_id, e.day AS since, COALESCE(e.until, e.day) AS until
        ), touched AS ({_TOUCHED} FROM merged o WHERE o.officer_id IS NOT NULL)
        {MARK_TOUCHED}
        """  # noqa: S608  # names of our own columns
    )


_SAY = {part: _say(part) for part in ("judged", "closed")}


async def record(connection: AsyncConnection, source: Source, rows: Iterable[Recorded]) -> None:
    """Write what happened and mark whom it concerns; a month nothing was known of before is opened."""
    newest = _newest(rows)
    if source != "group":  # a group lasts; that it was formed years ago opens no month of then
        await open_months(connection, {row.day for row in newest})
    if not all(row.officer_id for row in newest):
        await hold_assignments(connection)
    for statement, mine in (
        (_RECORD_OF_OFFICERS, [row for row in newest if row.officer_id]),
        (_RECORD_OF_VILLAGES, [row for row in newest if not row.officer_id]),
    ):
        if mine:
            names = ("ids", "revs", "officers", "villages", "days", "untils", "matters", "bodies")
            columns = dict(zip(names, map(list, zip(*mine, strict=True)), strict=True))
            await connection.execute(statement, {**columns, "source": source})


async def say(
    connection: AsyncConnection, source: Source, part: Literal["judged", "closed"], rows: Iterable[Said]
) -> None:
    """Write what was decided; when the entry itself is not known yet, it waits there for it."""
    newest = _newest(rows)
    if newest:
        ids, revs, bodies = map(list, zip(*newest, strict=True))
        await connection.execute(_SAY[part], {"ids": ids, "revs": revs, "bodies": bodies, "source": source})


def _newest(rows: Iterable[R]) -> Sequence[R]:
    """One statement cannot write a row twice: the last word of the batch about each entry."""
    newest: dict[UUID, R] = {}
    for row in rows:
        if row.entry_id not in newest or newest[row.entry_id].rev < row.rev:
            newest[row.entry_id] = row
    return list(newest.values())
