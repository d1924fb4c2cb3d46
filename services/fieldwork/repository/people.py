"""Whom and where a reference means."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.identifiers import normal_badge
from shared.reference.queries import gone, valid_on
from shared.security.jurisdiction import normal_division
from shared.security.principal import Principal


@dataclass(frozen=True, slots=True)
class Span:
    """From the first to the last day, both counted; no last day is open."""

    first: date
    last: date | None

    def holds(self, day: date) -> bool:
        """Whether the day lies inside."""
        return self.first <= day and not self.is_over(day)

    def is_over(self, day: date) -> bool:
        """Whether it ended before the day."""
        return self.last is not None and self.last < day


@dataclass(frozen=True, slots=True)
class Person:
    """A known officer; `org` is his station, or for those without one their employer.

    `inside` says when he belongs to the division that asks, `over` whether his office serves all of it.
    """

    officer_id: UUID
    kind: str
    org: UUID
    service: Span
    gone: bool
    inside: tuple[Span, ...]
    over: bool

    def serves_on(self, day: date) -> bool:
        """Whether he is in service, with an account that is not closed."""
        return not self.gone and self.service.holds(day)

    def has_left(self, day: date) -> bool:
        """Whether he was no longer in service. A day before he began is not: first days are told late."""
        return self.gone or self.service.is_over(day)

    def belongs_on(self, day: date) -> bool:
        """Whether he belongs to the division that asks: by office, or by an assignment of that day."""
        return any(span.holds(day) for span in self.inside)


@dataclass(frozen=True, slots=True)
class Village:
    """A known village; a foreign name may mean several for who asks from above a county."""

    code: str
    valid: Span


_OFFICERS = text(
    f"""
    SELECT officer_id, kind, COALESCE(station, employer) AS org, badge, valid_from, valid_until,
           {gone("p", "CAST(:today AS date)")} AS gone
    FROM known_officer p
    WHERE officer_id = ANY(CAST(:ids AS uuid[])) OR badge = ANY(CAST(:badges AS text[]))
    """  # noqa: S608
)

# An office has no dates here: who is of it now was of it, as far as we know. Divisions come padded with zeros.
_BELONGS = text(
    """
    WITH offices AS (
        SELECT p.officer_id, unnest(o.serves) AS code, o.org_id = COALESCE(p.station, p.employer) AS his_own
        FROM known_officer p
        JOIN known_organisation o ON o.org_id IN (p.station, p.employer)
        WHERE p.officer_id = ANY(CAST(:officers AS uuid[]))
    ), places AS (
        SELECT officer_id, code, CAST(NULL AS date) AS valid_from, CAST(NULL AS date) AS valid_until FROM offices
        UNION ALL
        SELECT a.officer_id, unnest(CASE a.where_type WHEN 'village' THEN ARRAY[a.where_id] ELSE held.villages END),
               a.valid_from, a.valid_until
        FROM known_assignment a
        LEFT JOIN known_area held ON held.area_id = CASE a.where_type WHEN 'area' THEN CAST(a.where_id AS uuid) END
        WHERE a.officer_id = ANY(CAST(:officers AS uuid[])) AND a.where_type IN ('village', 'area')
    )
    SELECT DISTINCT officer_id, valid_from, valid_until, false AS over FROM places WHERE starts_with(code, :division)
    UNION ALL
    SELECT DISTINCT officer_id, CAST(NULL AS date), CAST(NULL AS date), true FROM offices
    WHERE his_own AND starts_with(:division, regexp_replace(code, '(0{10}|0{8}|0{6}|0{3})$', ''))
    """
)

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

_ALWAYS = Span(date.min, None)


async def officers(
    connection: AsyncConnection, asked: Iterable[UUID | str], division: str, today: date
) -> dict[UUID | str, list[Person]]:
    """Whom ids and badges may mean among the known officers, as a division sees them; a badge all that have it."""
    refs = set(asked)
    if not refs:
        return {}
    written: dict[str, list[str]] = {}
    for ref in refs:
        if isinstance(ref, str):
            written.setdefault(normal_badge(ref), []).append(ref)
    ids = [ref for ref in refs if isinstance(ref, UUID)]
    rows = (await connection.execute(_OFFICERS, {"ids": ids, "badges": list(written), "today": today})).all()
    inside, over = await _belonging(connection, {row.officer_id for row in rows}, division)
    found: dict[UUID | str, list[Person]] = {}
    for row in rows:
        service = Span(row.valid_from, row.valid_until)
        spans = tuple(inside.get(row.officer_id, ()))
        person = Person(row.officer_id, row.kind, row.org, service, row.gone, spans, row.officer_id in over)
        found[row.officer_id] = [person]
        for badge in written.get(normal_badge(row.badge or ""), ()):
            found.setdefault(badge, []).append(person)
    return found


async def _belonging(
    connection: AsyncConnection, asked: Collection[UUID], division: str
) -> tuple[dict[UUID, list[Span]], set[UUID]]:
    columns = {"officers": list(asked), "division": normal_division(division)}
    inside: dict[UUID, list[Span]] = {}
    over = set()
    for row in await connection.execute(_BELONGS, columns):
        if row.over:
            over.add(row.officer_id)
        else:
            span = Span(row.valid_from, row.valid_until) if row.valid_from else _ALWAYS
            inside.setdefault(row.officer_id, []).append(span)
    return inside, over


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
