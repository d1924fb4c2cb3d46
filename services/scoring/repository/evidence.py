"""Reading what a recompute needs, for all its officers at once: postings, bindings, ledger entries."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

# An area's villages are his for the days on which both the posting and the area are valid. Postings that touch or
# overlap are one, however many were registered; one whose last day is before its first is none.
_POSTINGS = text(
    """
    SELECT officer_id, post, role, village, lower(days) AS first, upper(days) - 1 AS last
    FROM (
        SELECT a.officer_id, a.post, a.role, v.village,
               unnest(range_agg(daterange(a.valid_from, a.valid_until, '[]') *
                                daterange(h.valid_from, h.valid_until, '[]'))) AS days
        FROM known_assignment a
        LEFT JOIN known_area h ON h.area_id = CASE a.where_type WHEN 'area' THEN CAST(a.where_id AS uuid) END
            AND h.valid_from <= COALESCE(h.valid_until, h.valid_from)
        CROSS JOIN LATERAL unnest(
            CASE a.where_type WHEN 'village' THEN ARRAY[a.where_id] ELSE h.villages END) AS v(village)
        WHERE a.officer_id = ANY(CAST(:officers AS uuid[]))
            AND a.valid_from <= LEAST(CAST(:until AS date), a.valid_until)
        GROUP BY a.officer_id, a.post, a.role, v.village) AS posted
    ORDER BY officer_id, village, first
    """
)
_ENTRY = """
    e.entry_id, e.source, e.officer_id, e.village, e.day, e.until, e.matter_id,
    CAST(e.recorded AS text) AS recorded, CAST(e.judged AS text) AS judged, CAST(e.closed AS text) AS closed
"""
# The other facts of a matter decide over its points, whenever they happened (C-49).
_OF_OFFICERS = text(
    f"""
    WITH mine AS (
        SELECT {_ENTRY} FROM unnest(CAST(:officers AS uuid[]), CAST(:firsts AS date[]), CAST(:lasts AS date[]))
            AS w(officer_id, first, last)
        JOIN ledger_entry e ON e.officer_id = w.officer_id AND e.day BETWEEN w.first AND w.last
    )
    SELECT * FROM mine
    UNION ALL
    SELECT {_ENTRY} FROM (SELECT DISTINCT officer_id, matter_id FROM mine WHERE matter_id IS NOT NULL) m
    JOIN ledger_entry e ON e.matter_id = m.matter_id AND e.officer_id = m.officer_id
    WHERE e.day IS NOT NULL AND e.entry_id NOT IN (SELECT entry_id FROM mine)
    """  # noqa: S608  # our own columns
)
_CROWDED = text(
    """
    SELECT DISTINCT officer_id FROM unnest(CAST(:officers AS uuid[]), CAST(:firsts AS date[]), CAST(:lasts AS date[]))
        AS w(officer_id, first, last)
    WHERE EXISTS (SELECT FROM ledger_entry e WHERE e.officer_id = w.officer_id AND e.day BETWEEN w.first AND w.last
                  OFFSET :most)
    """
)
_OF_VILLAGES = text(
    f"""
    SELECT {_ENTRY}, CASE e.source WHEN 'group' THEN (
        SELECT CAST(json_agg(json_build_array(s.told_on, s.state) ORDER BY s.told_on) AS text)
        FROM group_state s WHERE s.group_id = e.entry_id) END AS states
    FROM ledger_entry e
    WHERE e.officer_id IS NULL AND e.village = ANY(CAST(:villages AS text[]))
      AND e.day <= :last AND COALESCE(e.until, e.day) >= :first
    """  # noqa: S608
)
_MATTERS_OF = text(
    f"""
    SELECT {_ENTRY} FROM ledger_entry e
    WHERE e.day IS NOT NULL AND e.matter_id IN (
        SELECT here.matter_id FROM ledger_entry here
        WHERE here.matter_id IS NOT NULL AND here.village = ANY(CAST(:villages AS text[]))
          AND here.day BETWEEN :first AND :last)
    """  # noqa: S608
)
_BY_ID = text(
    f"""
    SELECT {_ENTRY}, ARRAY(SELECT s.fact FROM group_state s WHERE s.group_id = e.entry_id ORDER BY s.told_on) AS told
    FROM ledger_entry e WHERE e.entry_id = ANY(CAST(:ids AS uuid[]))
    """  # noqa: S608
)


Window = tuple[UUID, date, date]
"""An officer, a first and a last day."""


@dataclass(frozen=True, slots=True)
class Posting:
    """A village an officer answers for, and under which post, from the first to the last day."""

    officer_id: UUID
    post: str
    role: str
    village: str
    first: date
    last: date | None


async def postings(connection: AsyncConnection, officers: Collection[UUID], until: date) -> list[Posting]:
    """Every village these officers are posted to by that day; a posting and its area that never met give none."""
    rows = await connection.execute(_POSTINGS, {"officers": list(officers), "until": until})
    return [Posting(*row) for row in rows]


async def entries_of_officers(
    connection: AsyncConnection, windows: Sequence[Window]
) -> Sequence[Row[tuple[object, ...]]]:
    """Entries of each officer from his first to his last day, and the rest of their matters."""
    return (await connection.execute(_OF_OFFICERS, _columns(windows))).all()


async def crowded(connection: AsyncConnection, windows: Collection[Window], most: int) -> set[UUID]:
    """Officers with more than `most` entries in one of their windows; counts in the index, and no further than that."""
    return set((await connection.scalars(_CROWDED, {**_columns(windows), "most": most})).all())


async def entries_of_villages(
    connection: AsyncConnection, villages: Collection[str], first: date, last: date
) -> Sequence[Row[tuple[object, ...]]]:
    """Entries that concern everybody assigned to these villages: groups, certificates, findings about a village."""
    values = {"villages": list(villages), "first": first, "last": last}
    return (await connection.execute(_OF_VILLAGES, values)).all()


async def matters_of_villages(
    connection: AsyncConnection, villages: Collection[str], first: date, last: date
) -> Sequence[Row[tuple[object, ...]]]:
    """All entries, whoever's and whenever, of the matters that these villages had between the days."""
    values = {"villages": list(villages), "first": first, "last": last}
    return (await connection.execute(_MATTERS_OF, values)).all()


async def entries_by_id(connection: AsyncConnection, ids: Collection[UUID]) -> Sequence[Row[tuple[object, ...]]]:
    """These entries, in no order, each with the facts that told a group's states."""
    return (await connection.execute(_BY_ID, {"ids": list(ids)})).all()


def _columns(windows: Collection[Window]) -> dict[str, object]:
    return {name: [window[i] for window in windows] for i, name in enumerate(("officers", "firsts", "lasts"))}
