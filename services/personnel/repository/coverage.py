"""Who covers the villages of a division on a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sqlalchemy import RowMapping, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.reference.queries import active_on, valid_on

# Who left, was erased or may not act covers nothing. A backup does not cover (C-39): it stands in when a leave says so.
# An area's holder covers the area's villages.
_WORLD = f"""
    WITH inside AS (
        SELECT code, name, village_kind, parent FROM division v
        WHERE level = 'village' AND code >= :first AND code < :beyond AND {valid_on("v", ":day")}
          AND (CAST(:village_kind AS text) IS NULL OR village_kind = :village_kind)
    ), serving AS (
        SELECT a.officer_id, o.name, a.post, a.role, a.where_type, a.where_id
        FROM assignment a JOIN officer o USING (officer_id)
        WHERE a.role <> 'backup' AND {valid_on("a", ":day")} AND {active_on("o", ":day", ":today")}
    ), patch AS (
        SELECT area_id, name, villages, station FROM area r
        WHERE jurisdiction >= :first AND jurisdiction < :beyond AND {valid_on("r", ":day")}
    ), held AS (
        SELECT s.where_id AS village, s.officer_id, s.name, s.role FROM serving s
        WHERE s.where_type = 'village' AND s.post = :post
        UNION ALL
        SELECT unnest(p.villages), s.officer_id, s.name, s.role FROM serving s
        JOIN area p ON s.where_type = 'area' AND p.area_id::text = s.where_id AND {valid_on("p", ":day")}
        WHERE s.post = :post
    ), gap AS (
        SELECT i.* FROM inside i WHERE NOT EXISTS (SELECT FROM held h WHERE h.village = i.code)
    ), doubled AS (
        SELECT code, name, parent, array_agg(officer_id ORDER BY officer_id) AS officer_ids,
               array_agg(person ORDER BY officer_id) AS persons
        FROM (SELECT DISTINCT i.code, i.name, i.parent, h.officer_id, h.name AS person
              FROM inside i JOIN held h ON h.village = i.code AND h.role = 'main') AS main_holder
        GROUP BY code, name, parent HAVING count(*) > 1
    ), empty_area AS (
        SELECT p.* FROM patch p
        WHERE NOT EXISTS (SELECT FROM serving s WHERE s.where_type = 'area' AND s.where_id = p.area_id::text)
    )
"""  # noqa: S608

_TOTALS = text(
    f"""
    {_WORLD}
    SELECT (SELECT count(*) FROM inside) AS villages, (SELECT count(*) FROM gap) AS gaps,
           (SELECT count(*) FROM doubled) AS doubled, (SELECT count(*) FROM patch) AS areas,
           (SELECT count(*) FROM empty_area) AS empty_areas
    """  # noqa: S608
)

_GAPS = text(
    f"""
    {_WORLD}
    SELECT g.code, g.name, g.village_kind, t.code AS township_code, t.name AS township_name
    FROM gap g JOIN division t ON t.code = g.parent
    WHERE g.code > :after ORDER BY g.code LIMIT :limit
    """  # noqa: S608
)

_DOUBLED = text(
    f"""
    {_WORLD}
    SELECT g.code, g.name, g.officer_ids, g.persons, t.code AS township_code, t.name AS township_name
    FROM doubled g JOIN division t ON t.code = g.parent
    WHERE g.code > :after ORDER BY g.code LIMIT :limit
    """  # noqa: S608
)

_EMPTY_AREAS = text(
    f"""
    {_WORLD}
    SELECT area_id, name, station FROM empty_area
    WHERE CAST(:after AS text) = '' OR area_id > CAST(NULLIF(:after, '') AS uuid) ORDER BY area_id LIMIT :limit
    """  # noqa: S608
)


@dataclass(frozen=True)
class Question:
    """A post in a division (unpadded) on a day, as far as known today; `village_kind` narrows the villages (C-04)."""

    division: str
    on: date
    today: date
    post: str
    village_kind: str | None


def _beyond(division: str) -> str:
    """The first text after all codes inside a division: a range, so that an index serves it."""
    return str(int(division) + 1).zfill(len(division)) if division else ":"


class CoverageRows:
    """The rows of one report."""

    def __init__(self, connection: AsyncConnection, question: Question) -> None:
        self._connection = connection
        self._values = {
            "first": question.division or "0",
            "beyond": _beyond(question.division),
            "day": question.on,
            "today": question.today,
            "post": question.post,
            "village_kind": question.village_kind,
        }

    async def totals(self) -> RowMapping:
        """Counts of the whole division."""
        return (await self._connection.execute(_TOTALS, self._values)).mappings().one()

    async def gaps(self, after: str, limit: int) -> Sequence[RowMapping]:
        """Villages without a holder, by code."""
        return await self._page(_GAPS, after, limit)

    async def doubled(self, after: str, limit: int) -> Sequence[RowMapping]:
        """Villages with several main holders, by code."""
        return await self._page(_DOUBLED, after, limit)

    async def empty_areas(self, after: str, limit: int) -> Sequence[RowMapping]:
        """Areas nobody is assigned to, by id."""
        return await self._page(_EMPTY_AREAS, after, limit)

    async def _page(self, statement: Any, after: str, limit: int) -> Sequence[RowMapping]:
        found = await self._connection.execute(statement, {**self._values, "after": after, "limit": limit})
        return found.mappings().all()
