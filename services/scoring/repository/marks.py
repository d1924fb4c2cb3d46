"""Dirty marks: whose sheets have to be computed anew, for which days."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

# Timed by the server's clock: it is no time of the domain.
MARK_TOUCHED = """
    INSERT INTO dirty_mark (officer_id, since, until, facts, marked_at)
    SELECT officer_id, min(since), max(until), count(*), clock_timestamp() FROM touched GROUP BY officer_id
"""

_ALWAYS = "CAST('-infinity' AS date) AS since, CAST('infinity' AS date) AS until"

# Posts at a room or an organisation give no village to answer for, so nothing is scored of them.
OFFICERS_OF = """
    SELECT officer_id FROM known_assignment WHERE where_type = 'village' AND where_id = ANY(CAST(:villages AS text[]))
    UNION
    SELECT a.officer_id FROM known_area h
    JOIN known_assignment a ON a.where_type = 'area' AND a.where_id = CAST(h.area_id AS text)
    WHERE h.villages && CAST(:villages AS text[])
"""

_HOLD = text("SELECT pg_advisory_xact_lock_shared(hashtext('scoring.assignments'))")
_CHANGE = text("SELECT pg_advisory_xact_lock(hashtext('scoring.assignments'))")
_OPENED = text("SELECT month FROM opened_month WHERE month = ANY(CAST(:months AS date[]))")
_OPEN = text(
    f"""
    WITH opened AS (
        INSERT INTO opened_month (month) SELECT * FROM unnest(CAST(:months AS date[]))
        ON CONFLICT DO NOTHING RETURNING month
    ), touched AS (
        SELECT a.officer_id, o.month AS since, CAST(o.month + interval '1 month' AS date) - 1 AS until
        FROM opened o
        JOIN known_assignment a ON a.valid_from < o.month + interval '1 month'
            AND (a.valid_until IS NULL OR a.valid_until >= o.month)
    )
    {MARK_TOUCHED}
    """  # noqa: S608  # our own text
)
_OFFICERS = text(
    f"""
    WITH touched AS (SELECT officer_id, {_ALWAYS} FROM unnest(CAST(:officers AS uuid[])) AS o(officer_id))
    {MARK_TOUCHED}
    """  # noqa: S608
)
_EVERYBODY = text(
    f"""
    WITH touched AS (
        SELECT officer_id, {_ALWAYS} FROM known_assignment UNION SELECT officer_id, {_ALWAYS} FROM sheet
    )
    {MARK_TOUCHED}
    """  # noqa: S608
)
_DIVISION = text(
    f"""
    WITH touched AS (
        SELECT officer_id, {_ALWAYS} FROM known_assignment
        WHERE where_type = 'village' AND starts_with(where_id, :division)
        UNION
        SELECT a.officer_id, {_ALWAYS} FROM known_area h
        JOIN known_assignment a ON a.where_type = 'area' AND a.where_id = CAST(h.area_id AS text)
        WHERE EXISTS (SELECT FROM unnest(h.villages) AS v(village) WHERE starts_with(village, :division))
        UNION
        SELECT officer_id, {_ALWAYS} FROM sheet
        WHERE EXISTS (SELECT FROM unnest(villages) AS v(village) WHERE starts_with(village, :division))
    )
    {MARK_TOUCHED}
    """  # noqa: S608
)
_SEE = text(
    """
    INSERT INTO seen_version AS s (scheme, version)
    SELECT * FROM unnest(CAST(:schemes AS text[]), CAST(:versions AS text[])) AS now(scheme, version) ORDER BY scheme
    ON CONFLICT (scheme) DO UPDATE SET version = excluded.version WHERE s.version <> excluded.version
    RETURNING scheme
    """
)
_MAY_BE_TRIED = """NOT EXISTS (
            SELECT FROM sheet_failure f
            WHERE f.officer_id = m.officer_id AND f.scheme = '' AND f.next_try > clock_timestamp())"""
# The lock keeps a second recompute from an officer whose newer marks it could take while the first still computes.
_TAKEN = """mine AS (
        SELECT officer_id FROM due
        WHERE pg_try_advisory_xact_lock(hashtext('scoring.recompute'), hashtext(CAST(officer_id AS text)))
    ), taken AS (
        DELETE FROM dirty_mark USING mine WHERE dirty_mark.officer_id = mine.officer_id
        RETURNING dirty_mark.officer_id, since, until
    )
    SELECT officer_id, min(since) AS since, max(until) AS until FROM taken GROUP BY officer_id
"""

# A single fact is scored at once. During a backlog, which shows as hundreds of facts within half a second, an officer
# waits until his facts have had two seconds to come in, and only a few are scored at a time: else every batch would
# have all of them scored again. The rate of facts decides and not the length of the queue, so that it always drains.
# Hundreds of facts of one officer are no backlog: he waits alone.
_RECENT = "FILTER (WHERE marked_at > clock_timestamp() - interval '500 milliseconds')"
_TAKE = text(
    f"""
    WITH recent AS (
        SELECT sum(LEAST(facts, :of_one)) {_RECENT} > :many AS busy
        FROM dirty_mark WHERE officer_id <> ALL(CAST(:without AS uuid[]))
    ), due AS (
        SELECT officer_id FROM dirty_mark m
        WHERE officer_id <> ALL(CAST(:without AS uuid[])) AND {_MAY_BE_TRIED}
        GROUP BY officer_id
        HAVING min(marked_at) < clock_timestamp() - interval '2 seconds'
            OR (max(marked_at) < clock_timestamp() - interval '10 milliseconds'
                AND sum(facts) {_RECENT} > :many IS NOT TRUE AND (SELECT busy FROM recent) IS NOT TRUE)
        ORDER BY min(marked_at)
        LIMIT (SELECT CASE WHEN busy THEN CAST(:few AS int) ELSE CAST(:most AS int) END FROM recent)
    ), {_TAKEN}
    """  # noqa: S608  # our own text
)
# Officers with very many entries: seconds of work each time, so theirs is done apart, when it has waited a while.
_TAKE_ONE_OF = text(
    f"""
    WITH due AS (
        SELECT officer_id FROM dirty_mark m
        WHERE officer_id = ANY(CAST(:these AS uuid[])) AND {_MAY_BE_TRIED}
        GROUP BY officer_id HAVING min(marked_at) < clock_timestamp() - interval '5 seconds'
        ORDER BY min(marked_at) LIMIT 1
    ), {_TAKEN}
    """  # noqa: S608  # our own text
)
_AGAIN = text(
    """
    INSERT INTO dirty_mark (officer_id, since, until, facts, marked_at)
    SELECT officer_id, since, until, 0, clock_timestamp() - interval '20 milliseconds'
    FROM unnest(CAST(:officers AS uuid[]), CAST(:firsts AS date[]), CAST(:lasts AS date[]))
        AS m(officer_id, since, until)
    """
)
MANY, OF_ONE, FEW = 300, 20, 2


@dataclass(frozen=True, slots=True)
class Mark:
    """Days of an officer whose evidence changed; date.min and date.max mean without end."""

    officer_id: UUID
    since: date
    until: date


async def take_marks(connection: AsyncConnection, most: int, without: Collection[UUID] = ()) -> list[Mark]:
    """Take the marks that are due, one for each officer; nobody else gets one of his before the transaction ends.

    Officers whose last try failed as a whole wait for their next one.
    """
    asked = {"most": most, "few": min(FEW, most), "many": MANY, "of_one": OF_ONE, "without": list(without)}
    return [Mark(row.officer_id, row.since, row.until) for row in await connection.execute(_TAKE, asked)]


async def take_one_of(connection: AsyncConnection, officers: Collection[UUID]) -> list[Mark]:
    """Take the marks of one of these officers, if any have waited for five seconds."""
    rows = await connection.execute(_TAKE_ONE_OF, {"these": list(officers)})
    return [Mark(row.officer_id, row.since, row.until) for row in rows]


async def mark_again(connection: AsyncConnection, marks: Collection[Mark]) -> None:
    """Leave for the next transaction what is too much for this one."""
    columns = {
        "officers": [mark.officer_id for mark in marks],
        "firsts": [mark.since for mark in marks],
        "lasts": [mark.until for mark in marks],
    }
    await connection.execute(_AGAIN, columns)


async def hold_assignments(connection: AsyncConnection) -> None:
    """Before marking whoever is assigned: wait for changes of assignments under way, and keep new ones waiting.

    Without it an assignment and a village's fact committed side by side would not see each other.
    """
    await connection.execute(_HOLD)


async def change_assignments(connection: AsyncConnection) -> None:
    """Before changing who is assigned where: wait for those who mark by assignments, and keep them waiting."""
    await connection.execute(_CHANGE)


async def open_months(connection: AsyncConnection, days: Collection[date]) -> None:
    """Months in which something happened or which have begun: from then on everybody appraised has a sheet.

    Marks by assignments, so they are held before.
    """
    months = {day.replace(day=1) for day in days}
    if not months:
        return
    unopened = months - set(await connection.scalars(_OPENED, {"months": sorted(months)}))
    if unopened:
        await connection.execute(_OPEN, {"months": sorted(unopened)})


async def opened_months(connection: AsyncConnection) -> list[date]:
    """First days of all opened months."""
    return list(await connection.scalars(text("SELECT month FROM opened_month ORDER BY month")))


async def mark_officers(connection: AsyncConnection, officers: Collection[UUID]) -> None:
    """All sheets of these officers."""
    if officers:
        await connection.execute(_OFFICERS, {"officers": list(officers)})


async def mark_everybody(connection: AsyncConnection) -> None:
    """All sheets of everybody who was ever assigned or scored."""
    await connection.execute(_EVERYBODY)


async def mark_division(connection: AsyncConnection, division: str) -> int:
    """The same within a division (unpadded); returns how many officers that are."""
    return int((await connection.execute(_DIVISION, {"division": division})).rowcount)


async def see_versions(connection: AsyncConnection, versions: Mapping[str, str]) -> set[str]:
    """Keep which version of each scheme is in use; returns the schemes that were last seen in another one."""
    values = {"schemes": list(versions.keys()), "versions": list(versions.values())}
    return set((await connection.scalars(_SEE, values)).all())


async def seen_versions(connection: AsyncConnection) -> dict[str, str]:
    """The versions in use, by scheme: the last ones told."""
    return {
        row.scheme: row.version for row in await connection.execute(text("SELECT scheme, version FROM seen_version"))
    }


async def officers_of_assignments(connection: AsyncConnection, assignments: Collection[str]) -> set[UUID]:
    """Who holds these assignments as far as known."""
    query = text("SELECT officer_id FROM known_assignment WHERE assignment_id = ANY(CAST(:ids AS uuid[]))")
    return set((await connection.scalars(query, {"ids": list(assignments)})).all())


async def officers_of_areas(connection: AsyncConnection, areas: Collection[str]) -> set[UUID]:
    """Who is assigned to these areas, whenever."""
    query = text("SELECT officer_id FROM known_assignment WHERE where_type = 'area' AND where_id = ANY(:ids)")
    return set((await connection.scalars(query, {"ids": list(areas)})).all())
