"""Who and where a reference means, and who answers for a village."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.reference.queries import station_at, valid_on


@dataclass(frozen=True, slots=True)
class Person:
    """A known officer; `org` is his station, or for those without one their employer."""

    officer_id: UUID
    kind: str
    org: UUID


_OFFICERS = text(
    """
    SELECT officer_id, badge, kind, COALESCE(station, employer) AS org FROM known_officer
    WHERE officer_id = ANY(CAST(:ids AS uuid[])) OR badge = ANY(CAST(:badges AS text[]))
    ORDER BY (status = 'left') DESC, valid_from
    """
)

_VILLAGES = text(
    """
    SELECT NULL AS ref, code FROM known_division WHERE code = ANY(CAST(:codes AS text[])) AND level = 'village'
    UNION ALL
    SELECT ref, village FROM foreign_village WHERE ref = ANY(CAST(:refs AS uuid[]))
    """
)

_BINDINGS = text("SELECT jurisdiction, scheme, valid_from, valid_until FROM known_binding")

_STATIONS = text(
    f"""
    SELECT village, {station_at("village", "CAST(:day AS date)")} AS station
    FROM unnest(CAST(:villages AS text[])) AS asked(village)
    """  # noqa: S608
)

# A station answers for its areas' villages; a station or office also for what it serves, up to the county.
_RESPONSIBLE = text(
    f"""
    SELECT village, org FROM unnest(CAST(:villages AS text[]), CAST(:orgs AS uuid[])) AS asked(village, org)
    WHERE EXISTS (SELECT FROM known_area a
                  WHERE a.station = asked.org AND a.villages @> ARRAY[asked.village]
                    AND {valid_on("a", "CAST(:day AS date)")})
       OR EXISTS (SELECT FROM known_organisation o
                  WHERE o.org_id = asked.org AND {valid_on("o", "CAST(:day AS date)")}
                    AND o.serves && ARRAY[asked.village, rpad(left(asked.village, 9), 12, '0'),
                                          rpad(left(asked.village, 6), 12, '0')])
    """  # noqa: S608
)


_SERVED = text("SELECT serves FROM known_organisation WHERE org_id = :org_id")

_KEEP_FOREIGN_VILLAGES = text(
    """
    INSERT INTO foreign_village (ref, village, subject, recorded_at)
    SELECT ref, village, :subject, :now FROM unnest(CAST(:refs AS uuid[]), CAST(:villages AS text[])) AS n(ref, village)
    ORDER BY ref
    ON CONFLICT (ref) DO UPDATE
        SET village = excluded.village, subject = excluded.subject, recorded_at = excluded.recorded_at
    """
)

_HOMES = text(
    """
    SELECT p.officer_id, COALESCE(station.serves[1], employer.serves[1], assigned.where_id) AS home
    FROM known_officer p
    LEFT JOIN known_organisation station ON station.org_id = p.station
    LEFT JOIN known_organisation employer ON employer.org_id = p.employer
    LEFT JOIN LATERAL (SELECT where_id FROM known_assignment a
                       WHERE a.officer_id = p.officer_id AND a.where_type = 'village'
                       ORDER BY a.valid_from DESC, a.assignment_id LIMIT 1) AS assigned ON true
    WHERE p.officer_id = ANY(CAST(:officers AS uuid[]))
    """
)


async def officers(connection: AsyncConnection, asked: Iterable[UUID | str]) -> dict[UUID | str, Person]:
    """The known officers among ids and badges; a badge used twice means who is still in service."""
    refs = set(asked)
    if not refs:
        return {}
    badges = [ref for ref in refs if isinstance(ref, str)]
    ids = [ref for ref in refs if isinstance(ref, UUID)]
    found: dict[UUID | str, Person] = {}
    for row in (await connection.execute(_OFFICERS, {"ids": ids, "badges": badges})).all():
        person = Person(row.officer_id, row.kind, row.org)
        found[row.officer_id] = person
        if row.badge:
            found[row.badge] = person
    return found


async def villages(connection: AsyncConnection, asked: Iterable[UUID | str]) -> dict[UUID | str, str]:
    """The 12-digit codes of the known villages among codes and foreign names."""
    refs = set(asked)
    if not refs:
        return {}
    codes = [ref for ref in refs if isinstance(ref, str)]
    foreign = [ref for ref in refs if isinstance(ref, UUID)]
    found = await connection.execute(_VILLAGES, {"codes": codes, "refs": foreign})
    return {row.ref or row.code: row.code for row in found.all()}


@dataclass(frozen=True, slots=True)
class Binding:
    """A jurisdiction runs a scheme in a period."""

    jurisdiction: str
    scheme: str
    valid_from: date
    valid_until: date | None


async def bindings(connection: AsyncConnection) -> list[Binding]:
    """All bindings; a handful per county."""
    return [Binding(*row) for row in await connection.execute(_BINDINGS)]


async def stations(connection: AsyncConnection, asked: Collection[str], day: date) -> dict[str, UUID]:
    """The station responsible for each village on a day; a village that has none is absent."""
    found = await connection.execute(_STATIONS, {"villages": sorted(asked), "day": day})
    return {row.village: row.station for row in found if row.station}


async def responsible(
    connection: AsyncConnection, asked: Sequence[tuple[str, UUID]], day: date
) -> set[tuple[str, UUID]]:
    """Those pairs of village and organisation where the organisation answers for the village on a day."""
    columns = {"villages": [village for village, _ in asked], "orgs": [org for _, org in asked], "day": day}
    return {(row.village, row.org) for row in await connection.execute(_RESPONSIBLE, columns)}


async def homes(connection: AsyncConnection, asked: Iterable[UUID]) -> dict[UUID, str]:
    """The division each officer belongs to: his station's, else his employer's, else his village."""
    found = await connection.execute(_HOMES, {"officers": list(asked)})
    return {row.officer_id: row.home for row in found if row.home}


async def served(connection: AsyncConnection, org_id: UUID) -> list[str]:
    """The divisions an organisation serves; empty for one nobody here knows."""
    found = await connection.scalar(_SERVED, {"org_id": org_id})
    return list(found or ())


async def keep_foreign_villages(
    connection: AsyncConnection, names: dict[UUID, str], subject: str, now: datetime
) -> None:
    """Keep what another system calls villages; a later word replaces an earlier one."""
    refs = sorted(names)
    columns = {"refs": refs, "villages": [names[ref] for ref in refs], "subject": subject, "now": now}
    await connection.execute(_KEEP_FOREIGN_VILLAGES, columns)
