"""Whom a reference means among the officers known here, as a division sees them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.identifiers import normal_badge
from shared.reference.queries import gone
from shared.security.jurisdiction import normal_division


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


_OFFICERS = text(
    f"""
    SELECT officer_id, kind, COALESCE(station, employer) AS org, badge, valid_from, valid_until,
           {gone("p", "CAST(:today AS date)")} AS gone
    FROM known_officer p
    WHERE officer_id = ANY(CAST(:ids AS uuid[])) OR badge = ANY(CAST(:badges AS text[]))
    """  # noqa: S608
)

# An office has no dates here: who is of it now was of it, as far as we know. Divisions come padded with zeros.
# Assignments whose days touch are one span, however many there are.
_BELONGS = text(
    """
    WITH offices AS (
        SELECT p.officer_id, unnest(o.serves) AS code, o.org_id = COALESCE(p.station, p.employer) AS his_own
        FROM known_officer p
        JOIN known_organisation o ON o.org_id IN (p.station, p.employer)
        WHERE p.officer_id = ANY(CAST(:officers AS uuid[]))
    ), places AS (
        SELECT officer_id, code, CAST('(,)' AS daterange) AS days FROM offices
        UNION ALL
        SELECT a.officer_id, unnest(CASE a.where_type WHEN 'village' THEN ARRAY[a.where_id] ELSE held.villages END),
               daterange(a.valid_from, a.valid_until, '[]')
        FROM known_assignment a
        LEFT JOIN known_area held ON held.area_id = CASE a.where_type WHEN 'area' THEN CAST(a.where_id AS uuid) END
        WHERE a.officer_id = ANY(CAST(:officers AS uuid[])) AND a.where_type IN ('village', 'area')
          AND a.valid_from <= COALESCE(a.valid_until, a.valid_from)
    ), spans AS (
        SELECT officer_id, unnest(range_agg(days)) AS days FROM places
        WHERE starts_with(code, :division) GROUP BY officer_id
    )
    SELECT officer_id, lower(days) AS valid_from, upper(days) - 1 AS valid_until, false AS over FROM spans
    UNION ALL
    SELECT DISTINCT officer_id, CAST(NULL AS date), CAST(NULL AS date), true FROM offices
    WHERE his_own AND starts_with(:division, regexp_replace(code, '(0{10}|0{8}|0{6}|0{3})$', ''))
    """
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


def meant(persons: Iterable[Person], day: date) -> list[Person]:
    """Whom a badge means on a day, of those who may be listed: a badge that was handed on means who had it that day."""
    listed = list(persons)
    serving = [person for person in listed if person.serves_on(day)]
    return serving or [person for person in listed if not person.has_left(day)] or listed
