"""Sessions, duty rosters, and what is judged of a day from them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fieldwork.rules.presence import Place, Session
from shared.reference.queries import valid_on

OfficerDay = tuple[UUID, date]

# Not DO NOTHING: a mark that a recompute is just taking would be lost.
_MARK = """
    INSERT INTO day_due (officer, day) {pairs}
    ON CONFLICT (officer, day) DO UPDATE SET day = excluded.day
"""

_MARK_GIVEN = text(
    _MARK.format(
        pairs="SELECT * FROM unnest(CAST(:officers AS uuid[]), CAST(:days AS date[])) AS d(officer, day) ORDER BY 1, 2"
    )
)

_MARK_OFFICERS = text(
    """
    INSERT INTO officer_due (officer, marked_to)
    SELECT officer, CAST('-infinity' AS date) FROM unnest(CAST(:officers AS uuid[])) AS o(officer) ORDER BY officer
    ON CONFLICT (officer) DO UPDATE SET marked_to = excluded.marked_to
    """
)
# A few officers and some hundred days of each at a time: an area may have many officers, each of them years of days.
_SPREAD = text(
    f"""
    WITH taken AS (
        SELECT officer, marked_to FROM officer_due ORDER BY officer LIMIT :most FOR UPDATE SKIP LOCKED
    ), piece AS (
        SELECT t.officer, found.day FROM taken t CROSS JOIN LATERAL (
            SELECT DISTINCT day FROM (
                SELECT CAST(stayed.day AS date) AS day FROM arrival a LEFT JOIN departure d ON d.session = a.session
                CROSS JOIN generate_series(a.day, COALESCE(CAST(d.at AT TIME ZONE 'Asia/Shanghai' AS date), a.day),
                                           interval '1 day') AS stayed(day)
                WHERE a.officer = t.officer
                UNION ALL SELECT day FROM presence_day WHERE officer = t.officer
                UNION ALL SELECT day FROM roster WHERE officer = t.officer AND state IS NOT NULL
            ) AS known WHERE day > t.marked_to ORDER BY day LIMIT :days
        ) AS found
    ), reached AS (
        SELECT officer, max(day) AS day, count(*) = :days AS more FROM piece GROUP BY officer
    ), ended AS (
        DELETE FROM officer_due o USING taken t LEFT JOIN reached r USING (officer)
        WHERE o.officer = t.officer AND r.more IS NOT TRUE
    ), left_over AS (
        UPDATE officer_due o SET marked_to = r.day FROM reached r WHERE o.officer = r.officer AND r.more
    ), marked AS (
        {_MARK.format(pairs="SELECT officer, day FROM piece ORDER BY officer, day")}
    )
    SELECT count(*) FROM taken
    """  # noqa: S608  # our own text
)

_OFFICERS_OF_AREAS = text(
    """
    SELECT officer_id FROM known_assignment
    WHERE (where_type = 'area' AND where_id = ANY(CAST(:areas AS text[])))
       OR (where_type = 'village' AND where_id = ANY(CAST(:villages AS text[])))
    UNION SELECT officer FROM presence_day WHERE area_id = ANY(CAST(:areas AS uuid[]))
    """
)

_MARK_DAYS_OVER = text(
    _MARK.format(
        pairs="""
        SELECT officer, day FROM (
            SELECT officer, day FROM roster r WHERE state IS NULL AND on_duty AND day < :today
              AND NOT EXISTS (SELECT FROM day_due d WHERE d.officer = r.officer AND d.day = r.day)
            ORDER BY day, officer LIMIT :limit) AS over ORDER BY officer, day"""
    )
)

# The longest marked first: a day that is marked again and again comes after what waits.
_MARKED = text("SELECT officer, day FROM day_due ORDER BY marked_at, officer, day LIMIT :limit FOR UPDATE SKIP LOCKED")

_DUE = "unnest(CAST(:officers AS uuid[]), CAST(:days AS date[])) AS due(officer, day)"

_TAKE = text(
    f"DELETE FROM day_due USING {_DUE} WHERE day_due.officer = due.officer AND day_due.day = due.day"  # noqa: S608
)

# The longest session has 31 days: an earlier arrival cannot reach into the day.
_SESSIONS = text(
    f"""
    SELECT due.officer, due.day, a.id, a.village, a.at, d.at AS ended
    FROM {_DUE}
    JOIN arrival a ON a.officer = due.officer AND a.ended_by IS NULL
        AND a.at < CAST(due.day + 1 AS timestamp) AT TIME ZONE 'Asia/Shanghai'
        AND a.at > CAST(due.day - 32 AS timestamp) AT TIME ZONE 'Asia/Shanghai'
    LEFT JOIN departure d ON d.session = a.session AND d.ended_by IS NULL
    WHERE a.day = due.day OR d.at > CAST(due.day AS timestamp) AT TIME ZONE 'Asia/Shanghai'
    """  # noqa: S608
)

# No further than a tick goes at once: beyond it nobody asks how many there are.
_HOW_MANY = text(
    f"""
    SELECT due.officer, due.day, counted.sessions
    FROM {_DUE} CROSS JOIN LATERAL (
        SELECT count(*) AS sessions FROM (
            SELECT FROM arrival a WHERE a.officer = due.officer AND a.ended_by IS NULL
                AND a.at < CAST(due.day + 1 AS timestamp) AT TIME ZONE 'Asia/Shanghai'
                AND a.at > CAST(due.day - 32 AS timestamp) AT TIME ZONE 'Asia/Shanghai'
            LIMIT :most) AS these) AS counted
    """  # noqa: S608
)

_PLACES = text(
    f"""
    SELECT due.officer, due.day, own.assignment_id, own.where_type, own.where_id, held.area_id, held.villages
    FROM {_DUE}
    JOIN known_assignment own ON own.officer_id = due.officer AND own.where_type IN ('village', 'area')
        AND {valid_on("own", "due.day")}
    LEFT JOIN LATERAL (
        SELECT k.area_id, k.villages FROM known_area k
        WHERE {valid_on("k", "due.day")}
          AND CASE own.where_type WHEN 'area' THEN k.area_id = CAST(own.where_id AS uuid)
                                  ELSE k.villages @> ARRAY[own.where_id] END
        ORDER BY k.valid_from DESC, k.area_id LIMIT 1) AS held ON true
    ORDER BY own.assignment_id
    """  # noqa: S608
)

_STORED = text(
    f"SELECT p.* FROM {_DUE} JOIN presence_day p ON p.officer = due.officer AND p.day = due.day"  # noqa: S608
)

_ROSTERED = text(
    f"SELECT r.officer, r.day, r.county, r.on_duty, r.state, r.revision FROM {_DUE} JOIN roster r USING (officer, day)"  # noqa: S608
)

_JUDGE = text(
    """
    UPDATE roster SET state = judged.state, revision = judged.revision
    FROM unnest(CAST(:officers AS uuid[]), CAST(:days AS date[]), CAST(:states AS text[]), CAST(:revisions AS int[]))
        AS judged(officer, day, state, revision)
    WHERE roster.officer = judged.officer AND roster.day = judged.day
    """
)

_PRESENCE = (
    "assignment_id",
    "day",
    "officer",
    "village",
    "area_id",
    "county",
    "minutes_in_village",
    "minutes_in_area",
    "longest_minutes",
    "sessions",
    "open_sessions",
    "revision",
)

_KEEP_PRESENCE = text(
    f"""
    INSERT INTO presence_day ({", ".join(_PRESENCE)})
    SELECT * FROM unnest(CAST(:assignment_id AS uuid[]), CAST(:day AS date[]), CAST(:officer AS uuid[]),
        CAST(:village AS text[]), CAST(:area_id AS uuid[]), CAST(:county AS text[]),
        CAST(:minutes_in_village AS int[]), CAST(:minutes_in_area AS int[]), CAST(:longest_minutes AS int[]),
        CAST(:sessions AS int[]), CAST(:open_sessions AS int[]), CAST(:revision AS int[]))
    ON CONFLICT (assignment_id, day) DO UPDATE
        SET ({", ".join(_PRESENCE[2:])}) = ({", ".join(f"excluded.{name}" for name in _PRESENCE[2:])})
    """  # noqa: S608  # names of our own columns
)


async def mark(connection: AsyncConnection, days: Collection[OfficerDay]) -> None:
    """Officer days whose presence and attendance have to be worked out anew."""
    if days:
        await connection.execute(_MARK_GIVEN, _columns(days))


async def mark_officers(connection: AsyncConnection, officers: Collection[UUID]) -> None:
    """All days these officers have sessions, presence or a judgement on: their assignments changed."""
    if officers:
        await connection.execute(_MARK_OFFICERS, {"officers": list(officers)})


async def spread_marks(connection: AsyncConnection, most: int, days: int) -> int:
    """Mark the next days of some of these officers; returns how many officers that were."""
    return int((await connection.execute(_SPREAD, {"most": most, "days": days})).scalar_one())


async def officers_of_areas(
    connection: AsyncConnection, areas: Collection[UUID], villages: Collection[str]
) -> set[UUID]:
    """Officers whose own work may change when these areas or their villages do."""
    columns = {"areas": [str(area) for area in areas], "villages": list(villages)}
    return set((await connection.scalars(_OFFICERS_OF_AREAS, columns)).all())


async def mark_days_over(connection: AsyncConnection, today: date, limit: int) -> int:
    """Mark rostered days that are over and not judged; returns how many."""
    return (await connection.execute(_MARK_DAYS_OVER, {"today": today, "limit": limit})).rowcount


async def marked(connection: AsyncConnection, limit: int) -> list[OfficerDay]:
    """Marked days that no other worker has, the longest marked first; held until the commit."""
    return [(row.officer, row.day) for row in await connection.execute(_MARKED, {"limit": limit})]


async def take(connection: AsyncConnection, days: Collection[OfficerDay]) -> None:
    """Take these marks; whoever marks one of the days meanwhile waits and marks it again."""
    await connection.execute(_TAKE, _columns(days))


async def how_many(connection: AsyncConnection, days: Collection[OfficerDay], most: int) -> dict[OfficerDay, int]:
    """How many sessions may touch each day, no further than `most`."""
    rows = await connection.execute(_HOW_MANY, {**_columns(days), "most": most})
    return {(row.officer, row.day): row.sessions for row in rows}


async def sessions(connection: AsyncConnection, days: Collection[OfficerDay]) -> dict[OfficerDay, list[Session]]:
    """The sessions that touch each day; an open one touches the day of its arrival."""
    found: dict[OfficerDay, list[Session]] = {}
    for row in await connection.execute(_SESSIONS, _columns(days)):
        found.setdefault((row.officer, row.day), []).append(Session(row.id, row.village, row.at, row.ended))
    return found


async def places(connection: AsyncConnection, days: Collection[OfficerDay]) -> dict[OfficerDay, list[Place]]:
    """What each officer's assignments cover on each day."""
    found: dict[OfficerDay, list[Place]] = {}
    for row in await connection.execute(_PLACES, _columns(days)):
        village = row.where_id if row.where_type == "village" else None
        place = Place(row.assignment_id, village, row.area_id, frozenset(row.villages or ()))
        found.setdefault((row.officer, row.day), []).append(place)
    return found


async def stored_presence(
    connection: AsyncConnection, days: Collection[OfficerDay]
) -> dict[OfficerDay, list[Row[Any]]]:
    """The presence last published for each day, one row per assignment."""
    found: dict[OfficerDay, list[Row[Any]]] = {}
    for row in await connection.execute(_STORED, _columns(days)):
        found.setdefault((row.officer, row.day), []).append(row)
    return found


async def rostered(connection: AsyncConnection, days: Collection[OfficerDay]) -> dict[OfficerDay, Row[Any]]:
    """Those days the officers are on the roster or were taken off it, with what was judged last."""
    return {(row.officer, row.day): row for row in await connection.execute(_ROSTERED, _columns(days))}


async def keep_presence(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Replace the presence of assignments on days."""
    if rows:
        await connection.execute(_KEEP_PRESENCE, {name: [row[name] for row in rows] for name in _PRESENCE})


async def keep_attendance(connection: AsyncConnection, judged: Sequence[tuple[UUID, date, str, int]]) -> None:
    """Replace what was judged of rostered days: officer, day, state, revision."""
    if judged:
        officers, days, states, revisions = (list(column) for column in zip(*judged, strict=True))
        await connection.execute(_JUDGE, {"officers": officers, "days": days, "states": states, "revisions": revisions})


def _columns(days: Collection[OfficerDay]) -> dict[str, list[Any]]:
    ordered = sorted(days)
    return {"officers": [officer for officer, _ in ordered], "days": [day for _, day in ordered]}
