"""Sheets that could not be computed: why, how often it was tried, when it is tried next."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring.repository.marks import Mark
from services.scoring.repository.sheets import Key

ALL_SCHEMES = ""
"""The scheme of a failure that is the officer's as a whole: none of his sheets could be computed."""

# Tried again after 10 s, 20 s, 40 s, … at most an hour.
_KEEP = text(
    """
    INSERT INTO sheet_failure AS f (officer_id, scheme, since, until, reason, tries, failed_at, next_try)
    SELECT officer_id, scheme, since, until, reason, 1, clock_timestamp(),
           clock_timestamp() + interval '10 seconds'
    FROM unnest(CAST(:officers AS uuid[]), CAST(:schemes AS text[]), CAST(:firsts AS date[]), CAST(:lasts AS date[]),
                CAST(:reasons AS text[])) AS n(officer_id, scheme, since, until, reason)
    ORDER BY officer_id, scheme, since
    ON CONFLICT (officer_id, scheme, since) DO UPDATE
        SET reason = excluded.reason, tries = f.tries + 1, failed_at = excluded.failed_at,
            next_try = clock_timestamp()
                + LEAST(interval '10 seconds' * power(2, LEAST(f.tries, 10)), interval '1 hour')
    """
)
_FORGET = text(
    """
    WITH marked AS (
        SELECT * FROM unnest(CAST(:officers AS uuid[]), CAST(:firsts AS date[]), CAST(:lasts AS date[]))
            AS m(officer_id, since, until)
    ), computed AS (
        SELECT * FROM unnest(CAST(:computed_of AS uuid[]), CAST(:computed_by AS text[]), CAST(:computed_from AS date[]))
            AS c(officer_id, scheme, since)
    ), open AS (
        SELECT * FROM unnest(CAST(:open_of AS uuid[]), CAST(:open_by AS text[]), CAST(:open_from AS date[]))
            AS o(officer_id, scheme, since)
    )
    DELETE FROM sheet_failure f USING marked m
    WHERE f.officer_id = m.officer_id
      AND (f.scheme = '' OR (f.since >= m.since AND f.until <= m.until)
           OR EXISTS (SELECT FROM computed c
                      WHERE (c.officer_id, c.scheme, c.since) = (f.officer_id, f.scheme, f.since)))
      AND NOT EXISTS (SELECT FROM open o WHERE (o.officer_id, o.scheme, o.since) = (f.officer_id, f.scheme, f.since))
    """
)
_TRY_AGAIN = text(
    """
    WITH due AS (
        UPDATE sheet_failure SET next_try = clock_timestamp() + interval '1 hour'
        WHERE scheme <> '' AND next_try < clock_timestamp()
        RETURNING officer_id, since, until
    )
    INSERT INTO dirty_mark (officer_id, since, until, facts, marked_at)
    SELECT officer_id, min(since), max(until), 0, clock_timestamp() FROM due GROUP BY officer_id
    """
)
_COUNT = text("SELECT count(*) FROM sheet_failure")
_OF = text(
    """
    SELECT reason, tries, failed_at, next_try FROM sheet_failure
    WHERE officer_id = :officer AND (scheme = '' OR CAST(:scheme AS text) IS NULL OR scheme = :scheme)
      AND since <= :day AND until >= :day
    ORDER BY failed_at DESC LIMIT 1
    """
)


@dataclass(frozen=True, slots=True)
class Failure:
    """One sheet (or, without a scheme, one officer's) that could not be computed; `reason` names the kind of error."""

    officer_id: UUID
    scheme: str
    since: date
    until: date
    reason: str


@dataclass(frozen=True, slots=True)
class Failed:
    """How it stands with it."""

    reason: str
    tries: int
    failed_at: datetime
    next_try: datetime


async def keep_failures(connection: AsyncConnection, failures: Sequence[Failure]) -> None:
    """Keep them, each with one try more and its next try later."""
    columns = {
        "officers": [failure.officer_id for failure in failures],
        "schemes": [failure.scheme for failure in failures],
        "firsts": [failure.since for failure in failures],
        "lasts": [failure.until for failure in failures],
        "reasons": [failure.reason for failure in failures],
    }
    await connection.execute(_KEEP, columns)


async def forget_failures(
    connection: AsyncConnection, marks: Sequence[Mark], computed: Collection[Key], still_open: Collection[Key]
) -> None:
    """Of each officer what was computed now, or nothing asks for any more in his marked days, is mended.

    What failed again or is left for the next time (`still_open`) is not.
    """
    columns: dict[str, object] = {
        "officers": [mark.officer_id for mark in marks],
        "firsts": [mark.since for mark in marks],
        "lasts": [mark.until for mark in marks],
    }
    for name, keys in (("computed", computed), ("open", still_open)):
        columns[f"{name}_of"] = [officer for officer, _, _ in keys]
        columns[f"{name}_by"] = [scheme for _, scheme, _ in keys]
        columns[f"{name}_from"] = [first for _, _, first in keys]
    await connection.execute(_FORGET, columns)


async def try_again(connection: AsyncConnection) -> int:
    """Mark what is due to be tried again; returns how many sheets have failed in all."""
    await connection.execute(_TRY_AGAIN)
    return int((await connection.execute(_COUNT)).scalar_one())


async def failure_of(connection: AsyncConnection, officer_id: UUID, scheme: str | None, day: date) -> Failed | None:
    """Whether the officer's sheet of this day could not be computed, and why."""
    row = (await connection.execute(_OF, {"officer": officer_id, "scheme": scheme, "day": day})).one_or_none()
    return Failed(*row) if row else None
