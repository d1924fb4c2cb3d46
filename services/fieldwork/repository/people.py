"""Who and where a reference means, and who answers for a village."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.reference.queries import station_at, valid_on
from shared.security.jurisdiction import normal_division
from shared.security.principal import Principal


@dataclass(frozen=True, slots=True)
class Person:
    """A known officer; `org` is his station, or for those without one their employer."""

    officer_id: UUID
    kind: str
    org: UUID


# A badge means who is in service with it; it means somebody who left only when nobody in service has it.
_OFFICERS = text(
    """
    SELECT officer_id, kind, COALESCE(station, employer) AS org, badge,
           rank() OVER (PARTITION BY badge ORDER BY status = 'left') = 1 AS meant_by_badge
    FROM known_officer
    WHERE officer_id = ANY(CAST(:ids AS uuid[])) OR badge = ANY(CAST(:badges AS text[]))
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

# The responsible station, or an organ of public security above it that serves the place, up to the county's.
_RESPONSIBLE = text(
    f"""
    SELECT place, org FROM unnest(CAST(:places AS text[]), CAST(:orgs AS uuid[])) AS asked(place, org)
    WHERE org = {station_at("place", "CAST(:day AS date)")}
       OR EXISTS (SELECT FROM known_organisation o
                  WHERE o.org_id = asked.org AND o.kind IN ('bureau', 'branch')
                    AND {valid_on("o", "CAST(:day AS date)")}
                    AND o.serves && ARRAY[asked.place, rpad(left(asked.place, 9), 12, '0'),
                                          rpad(left(asked.place, 6), 12, '0')])
    """  # noqa: S608
)


_SERVED = text("SELECT serves FROM known_organisation WHERE org_id = :org_id")

# What another county registered is its own.
_KEEP_FOREIGN_VILLAGES = text(
    """
    INSERT INTO foreign_village AS known (ref, village, subject, recorded_at)
    SELECT ref, village, :subject, :now FROM unnest(CAST(:refs AS uuid[]), CAST(:villages AS text[])) AS n(ref, village)
    ORDER BY ref
    ON CONFLICT (ref) DO UPDATE
        SET village = excluded.village, subject = excluded.subject, recorded_at = excluded.recorded_at
        WHERE starts_with(known.village, :division)
    RETURNING ref
    """
)

_HOMES = text(
    """
    SELECT p.officer_id, COALESCE(assigned.village, station.serves[1], employer.serves[1]) AS home
    FROM known_officer p
    LEFT JOIN known_organisation station ON station.org_id = p.station
    LEFT JOIN known_organisation employer ON employer.org_id = p.employer
    LEFT JOIN LATERAL (SELECT COALESCE(held.villages[1], a.where_id) AS village FROM known_assignment a
                       LEFT JOIN known_area held
                           ON held.area_id = CASE a.where_type WHEN 'area' THEN CAST(a.where_id AS uuid) END
                       WHERE a.officer_id = p.officer_id AND (a.where_type = 'village' OR held.area_id IS NOT NULL)
                       ORDER BY a.valid_from DESC, a.assignment_id LIMIT 1) AS assigned ON true
    WHERE p.officer_id = ANY(CAST(:officers AS uuid[]))
    """
)


async def officers(connection: AsyncConnection, asked: Iterable[UUID | str]) -> dict[UUID | str, list[Person]]:
    """Whom ids and badges may mean among the known officers; an id means one, a badge all that share it."""
    refs = set(asked)
    if not refs:
        return {}
    badges = [ref for ref in refs if isinstance(ref, str)]
    ids = [ref for ref in refs if isinstance(ref, UUID)]
    found: dict[UUID | str, list[Person]] = {}
    for row in (await connection.execute(_OFFICERS, {"ids": ids, "badges": badges})).all():
        person = Person(row.officer_id, row.kind, row.org)
        found[row.officer_id] = [person]
        if row.badge and row.meant_by_badge:
            found.setdefault(row.badge, []).append(person)
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
    connection: AsyncConnection, asked: Iterable[tuple[str, UUID]], day: date
) -> set[tuple[str, UUID]]:
    """Those pairs of place and organisation where the organisation decides about the place's work on a day."""
    pairs = sorted(set(asked))
    columns = {"places": [place for place, _ in pairs], "orgs": [org for _, org in pairs], "day": day}
    return {(row.place, row.org) for row in await connection.execute(_RESPONSIBLE, columns)}


async def homes(connection: AsyncConnection, asked: Iterable[UUID]) -> dict[UUID, str]:
    """The division each officer belongs to: the one he was assigned to last, else his station's, his employer's."""
    found = await connection.execute(_HOMES, {"officers": list(asked)})
    return {row.officer_id: row.home for row in found if row.home}


async def served(connection: AsyncConnection, org_id: UUID) -> list[str]:
    """The divisions an organisation serves; empty for one nobody here knows."""
    found = await connection.scalar(_SERVED, {"org_id": org_id})
    return list(found or ())


async def keep_foreign_villages(
    connection: AsyncConnection, names: dict[UUID, str], who: Principal, now: datetime
) -> set[UUID]:
    """Keep what another system calls villages, a later word for an earlier one; returns the names that are kept."""
    refs = sorted(names)
    columns = {
        "refs": refs,
        "villages": [names[ref] for ref in refs],
        "subject": who.subject,
        "division": normal_division(who.division),
        "now": now,
    }
    return set((await connection.scalars(_KEEP_FOREIGN_VILLAGES, columns)).all())
