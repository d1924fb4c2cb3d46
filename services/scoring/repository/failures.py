"""Sheets that could not be computed: why, how often it was tried, when it is tried next."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

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
    DELETE FROM sheet_failure f
    WHERE f.officer_id = ANY(CAST(:officers AS uuid[])) AND NOT EXISTS (
        SELECT FROM unnest(CAST(:still AS uuid[]), CAST(:schemes AS text[]), CAST(:firsts AS date[]))
            AS s(officer_id, scheme, since)
        WHERE (s.officer_id, s.scheme, s.since) = (f.officer_id, f.scheme, f.since))
      AND f.since <= :until AND f.until >= :since
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
    connection: AsyncConnection, officers: Collection[UUID], since: date, until: date, still: Sequence[Failure]
) -> None:
    """Whatever of these officers failed in these days and did not fail again now is mended."""
    columns = {
        "officers": list(officers),
        "since": since,
        "until": until,
        "still": [failure.officer_id for failure in still],
        "schemes": [failure.scheme for failure in still],
        "firsts": [failure.since for failure in still],
    }
    await connection.execute(_FORGET, columns)


async def try_again(connection: AsyncConnection) -> int:
    """Mark what is due to be tried again; returns how many sheets have failed in all."""
    await connection.execute(_TRY_AGAIN)
    return int((await connection.execute(_COUNT)).scalar_one())


async def failure_of(connection: AsyncConnection, officer_id: UUID, scheme: str | None, day: date) -> Failed | None:
    """Whether the officer's sheet of this day could not be computed, and why."""
    row = (await connection.execute(_OF, {"officer": officer_id, "scheme": scheme, "day": day})).one_or_none()
    return Failed(*row) if row else None
