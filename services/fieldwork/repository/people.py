"""Where a reference means, and where officers are at home."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.reference.people import Span
from shared.reference.queries import valid_on
from shared.security.jurisdiction import normal_division
from shared.security.principal import Principal


@dataclass(frozen=True, slots=True)
class Village:
    """A known village; a foreign name may mean several for who asks from above a county."""

    code: str
    valid: Span


# A foreign name belongs to the county of the village it was given to.
_VILLAGES = text(
    """
    SELECT NULL AS ref, code, valid_from, valid_until FROM known_division
    WHERE code = ANY(CAST(:codes AS text[])) AND level = 'village'
    UNION ALL
    SELECT f.ref, d.code, d.valid_from, d.valid_until FROM foreign_village f JOIN known_division d ON d.code = f.village
    WHERE f.ref = ANY(CAST(:refs AS uuid[])) AND starts_with(f.county, left(:division, 6))
    """
)

_SERVED = text("SELECT serves FROM known_organisation WHERE org_id = :org_id")

# One who asks for a part of the county does not point a name elsewhere that another part gave.
_KEEP_FOREIGN_VILLAGES = text(
    """
    INSERT INTO foreign_village AS known (county, ref, village, subject, recorded_at)
    SELECT left(village, 6), ref, village, :subject, :now
    FROM unnest(CAST(:refs AS uuid[]), CAST(:villages AS text[])) AS n(ref, village)
    ORDER BY 1, 2
    ON CONFLICT (county, ref) DO UPDATE
        SET village = excluded.village, subject = excluded.subject, recorded_at = excluded.recorded_at
        WHERE starts_with(known.village, :division)
    RETURNING county, ref
    """
)

_HOMES = text(
    f"""
    SELECT asked.officer, asked.day, COALESCE(assigned.village, station.serves[1], employer.serves[1]) AS home
    FROM unnest(CAST(:officers AS uuid[]), CAST(:days AS date[])) AS asked(officer, day)
    JOIN known_officer p ON p.officer_id = asked.officer
    LEFT JOIN known_organisation station ON station.org_id = p.station
    LEFT JOIN known_organisation employer ON employer.org_id = p.employer
    LEFT JOIN LATERAL (SELECT COALESCE(held.villages[1], a.where_id) AS village FROM known_assignment a
                       LEFT JOIN known_area held
                           ON held.area_id = CASE a.where_type WHEN 'area' THEN CAST(a.where_id AS uuid) END
                       WHERE a.officer_id = p.officer_id AND (a.where_type = 'village' OR held.area_id IS NOT NULL)
                         AND {valid_on("a", "asked.day")}
                       ORDER BY a.valid_from DESC, a.assignment_id LIMIT 1) AS assigned ON true
    """  # noqa: S608
)


async def villages(
    connection: AsyncConnection, asked: Iterable[UUID | str], division: str
) -> dict[UUID | str, list[Village]]:
    """The known villages that codes and foreign names mean to who asks for a division."""
    refs = set(asked)
    if not refs:
        return {}
    columns = {
        "codes": [ref for ref in refs if isinstance(ref, str)],
        "refs": [ref for ref in refs if isinstance(ref, UUID)],
        "division": normal_division(division),
    }
    found: dict[UUID | str, list[Village]] = {}
    for row in await connection.execute(_VILLAGES, columns):
        village = Village(row.code, Span(row.valid_from, row.valid_until))
        found.setdefault(row.ref or row.code, []).append(village)
    return found


async def homes(connection: AsyncConnection, asked: Collection[tuple[UUID, date]]) -> dict[tuple[UUID, date], str]:
    """Where each officer belongs on a day: to the village he is assigned to, else his station's, his employer's."""
    columns = {"officers": [officer for officer, _ in asked], "days": [day for _, day in asked]}
    found = await connection.execute(_HOMES, columns)
    return {(row.officer, row.day): row.home for row in found if row.home}


async def served(connection: AsyncConnection, org_id: UUID) -> list[str]:
    """The divisions an organisation serves; empty for one nobody here knows."""
    found = await connection.scalar(_SERVED, {"org_id": org_id})
    return list(found or ())


async def keep_foreign_villages(
    connection: AsyncConnection, names: Collection[tuple[UUID, str]], who: Principal, now: datetime
) -> set[tuple[str, UUID]]:
    """Keep what another system calls villages, one village a name and county; returns the counties' names kept."""
    columns = {
        "refs": [ref for ref, _ in names],
        "villages": [village for _, village in names],
        "subject": who.subject,
        "division": normal_division(who.division),
        "now": now,
    }
    return {(row.county, row.ref) for row in await connection.execute(_KEEP_FOREIGN_VILLAGES, columns)}
