"""Questions every reader asks of the read models; a validity includes its first and its last day.

`valid_on`, `active_on`, `inside_assignment` and `station_at` are SQL conditions and expressions for a service's own
set-based statements; their arguments are SQL (a column or a bind), never input.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

Work = tuple[UUID, str, date]
"""Officer, village (12 digits), day in Asia/Shanghai."""


def valid_on(alias: str, day: str) -> str:
    """SQL: the row of `alias` is valid on `day`."""
    return f"({alias}.valid_from <= {day} AND ({alias}.valid_until IS NULL OR {alias}.valid_until >= {day}))"


def gone(alias: str, today: str) -> str:
    """SQL: the officer of `alias` left, was erased, or has a closed account, and no past last day says since when.

    Leaving and closing carry no date of their own. With a last day that is over they are its consequence, and days
    before it, which phones send late, stay good; without one they hold for every day. After an erasure nothing does.
    """
    bars = f"({alias}.status = 'left' OR {alias}.account = 'closed')"
    return f"({alias}.name = '' OR ({bars} AND ({alias}.valid_until IS NULL OR {alias}.valid_until > {today})))"


def active_on(alias: str, day: str, today: str) -> str:
    """SQL: the officer of `alias` may act on `day`, as it is known `today`: in service, with an account not closed.

    An account of nobody's (`none`) bars nothing: a backend may act for officers who have no phone.
    """
    return f"({valid_on(alias, day)} AND NOT {gone(alias, today)})"


def inside_assignment(officer: str, village: str, day: str) -> str:
    """SQL: on that day the officer was assigned to the village, or to an area that held it (C-39, I-109)."""
    return f"""EXISTS (
        SELECT FROM known_assignment own
        LEFT JOIN known_area held ON held.area_id = CASE own.where_type WHEN 'area' THEN CAST(own.where_id AS uuid) END
            AND {valid_on("held", day)}
        WHERE own.officer_id = {officer} AND {valid_on("own", day)}
          AND ((own.where_type = 'village' AND own.where_id = {village}) OR {village} = ANY(held.villages)))"""


def station_at(village: str, day: str) -> str:
    """SQL: the station responsible for a village on a day: its area's, else the one serving it or what it lies in.

    The narrowest counts: village, township, county, city, province. Null when there is none. Two that claim the same:
    the later claim, then the lower id.
    """
    return f"""COALESCE(
        (SELECT a.station FROM known_area a WHERE a.villages @> ARRAY[{village}] AND {valid_on("a", day)}
         ORDER BY a.valid_from DESC, a.area_id LIMIT 1),
        (SELECT o.org_id
         FROM unnest(ARRAY[{village}, rpad(left({village}, 9), 12, '0'), rpad(left({village}, 6), 12, '0'),
                           rpad(left({village}, 4), 12, '0'), rpad(left({village}, 2), 12, '0')])
              WITH ORDINALITY AS wider(code, n)
         JOIN known_organisation o ON o.serves @> ARRAY[wider.code] AND o.kind = 'station' AND {valid_on("o", day)}
         ORDER BY wider.n, o.valid_from DESC, o.org_id LIMIT 1))"""  # noqa: S608


_OWN_WORK = text(
    f"""
    SELECT DISTINCT w.officer_id, w.village, w.day
    FROM unnest(CAST(:officers AS uuid[]), CAST(:villages AS text[]), CAST(:days AS date[]))
        AS w(officer_id, village, day)
    WHERE {inside_assignment("w.officer_id", "w.village", "w.day")}
    """  # noqa: S608
)


async def own_work(connection: AsyncConnection, work: Sequence[Work]) -> set[Work]:
    """Those that lie inside the officer's own assignments on that day."""
    columns = {
        "officers": [officer for officer, _, _ in work],
        "villages": [village for _, village, _ in work],
        "days": [day for _, _, day in work],
    }
    found = await connection.execute(_OWN_WORK, columns)
    return {tuple(row) for row in found.all()}
