"""Activities and the verdicts on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, literal_column, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fieldwork.repository.corrections import corrected_in
from services.fieldwork.repository.items import called_in, hashes_in
from services.fieldwork.repository.statements import Insertion
from services.fieldwork.repository.visibility import CLEARED, visible
from services.fieldwork.tables import activity, verdict
from shared.reference.queries import inside_assignment, station_at, valid_on
from shared.security.jurisdiction import normal_division
from shared.security.principal import Principal

ActivityRow = tuple[Any, ...]

_ACTIVITY = Insertion(activity, [column.name for column in activity.columns if column.name != "verdict_id"])
_VERDICT = Insertion(verdict, [column.name for column in verdict.columns])
ACTIVITY_COLUMNS = _ACTIVITY.names
hashes, called = hashes_in(activity), called_in(activity)
corrected = corrected_in(
    "activity",
    author="author",
    county="left({alias}.village, 6)",
    ended_by="CASE older.state WHEN 'withdrawn' THEN older.verdict_id END",
)
STATES = {"verify": "verified", "reject": "rejected", "supersede": "superseded", "withdraw": "withdrawn"}

_DECIDE = text(
    """
    UPDATE activity SET state = decided.state, verdict_id = decided.verdict_id
    FROM unnest(CAST(:ids AS uuid[]), CAST(:states AS text[]), CAST(:verdicts AS uuid[]))
        AS decided(id, state, verdict_id)
    WHERE activity.id = decided.id
    """
)

# Either may come first: the newer item names the older one, and phones send out of order. What the station rejected
# stays rejected: entering it anew must not wipe the verdict.
_SUPERSEDED = text(
    """
    SELECT * FROM activity
    WHERE state IN ('waiting', 'verified') AND id IN (
        SELECT older.id FROM activity newer JOIN activity older ON older.id = newer.corrects
        WHERE newer.id = ANY(CAST(:created AS uuid[])) AND newer.id <> older.id AND newer.author = older.author
          AND left(newer.village, 6) = left(older.village, 6)
        UNION
        SELECT older.id FROM activity older JOIN activity newer ON newer.corrects = older.id
        WHERE older.id = ANY(CAST(:created AS uuid[])) AND newer.id <> older.id AND newer.author = older.author
          AND left(newer.village, 6) = left(older.village, 6))
    ORDER BY id FOR UPDATE
    """
)

_WAITING = text(
    f"""
    WITH may_answer_for AS (
        SELECT unnest(villages) AS village FROM known_area k
        WHERE k.station = :station AND {valid_on("k", "CAST(:day AS date)")}
        UNION
        SELECT v.code FROM known_organisation o CROSS JOIN unnest(o.serves) AS served(code)
        JOIN known_division v ON v.level = 'village'
            AND starts_with(v.code, regexp_replace(served.code, '(0{{10}}|0{{8}}|0{{6}}|0{{3}})$', ''))
        WHERE o.org_id = :station AND {valid_on("o", "CAST(:day AS date)")}
    )
    SELECT a.id, a.author, a.done_by, a.village, a.kind, a.since, a.until, a.day, a.quantity, a.unit, a.matter_id,
           a.classification, a.recorded_at, jsonb_array_length(a.evidence) AS evidence,
           NOT {inside_assignment("a.done_by", "a.village", "a.day")} AS outside_assignment
    FROM activity a
    WHERE a.state = 'waiting' AND a.classification = ANY(CAST(:cleared AS text[]))
      AND starts_with(a.village, :division)
      AND a.village IN (SELECT village FROM may_answer_for
                        WHERE {station_at("village", "CAST(:day AS date)")} = :station)
      AND (CAST(:after_since AS timestamptz) IS NULL
           OR (a.since, a.id) > (CAST(:after_since AS timestamptz), CAST(:after_id AS uuid)))
    ORDER BY a.since, a.id LIMIT :limit
    """  # noqa: S608
)


async def insert(connection: AsyncConnection, rows: Sequence[ActivityRow]) -> set[UUID]:
    """Keep new activities (columns as `ACTIVITY_COLUMNS`); returns the ids that were not here."""
    return set((await connection.scalars(_ACTIVITY.statement, _ACTIVITY.parameters(rows))).all())


async def lock(connection: AsyncConnection, ids: Iterable[UUID], who: Principal) -> dict[UUID, Row[Any]]:
    """The activities a verdict may change, locked in sorted order; others do not exist for the caller."""
    query = select(activity).where(activity.c.id.in_(sorted(set(ids))), visible(activity, who))
    locked = await connection.execute(query.order_by(activity.c.id).with_for_update())
    return {row.id: row for row in locked}


async def superseded(connection: AsyncConnection, created: Collection[UUID]) -> list[Row[Any]]:
    """Activities, locked, that one of the created ones supersedes, or that are created after what supersedes them."""
    return list(await connection.execute(_SUPERSEDED, {"created": list(created)}))


async def history(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, list[Row[Any]]]:
    """All verdicts on activities, oldest first."""
    query = (
        select(verdict).where(verdict.c.activity_id.in_(list(ids))).order_by(verdict.c.activity_id, verdict.c.number)
    )
    found: dict[UUID, list[Row[Any]]] = {}
    for row in await connection.execute(query):
        found.setdefault(row.activity_id, []).append(row)
    return found


async def save_verdicts(connection: AsyncConnection, rows: Sequence[dict[str, Any]]) -> None:
    """Append verdicts and let each stand for its activity, which the caller has locked."""
    if not rows:
        return
    ordered = [tuple(row.get(name) for name in _VERDICT.names) for row in rows]
    await connection.execute(_VERDICT.statement, _VERDICT.parameters(ordered))
    columns = {
        "ids": [row["activity_id"] for row in rows],
        "states": [STATES[row["verdict"]] for row in rows],
        "verdicts": [row["id"] for row in rows],
    }
    await connection.execute(_DECIDE, columns)


async def find(connection: AsyncConnection, id: UUID, who: Principal) -> Row[Any] | None:
    """One activity with the mark whether it lies outside its doer's assignments, derived now (C-39, I-109)."""
    outside: ColumnElement[bool] = literal_column(
        f"NOT {inside_assignment('activity.done_by', 'activity.village', 'activity.day')}"
    )
    query = select(activity, outside.label("outside_assignment")).where(activity.c.id == id, visible(activity, who))
    return (await connection.execute(query)).one_or_none()


async def waiting(
    connection: AsyncConnection,
    station: UUID,
    who: Principal,
    day: date,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Row[Any]]:
    """What waits for a station's verdict, oldest work first."""
    parameters = {
        "station": station,
        "day": day,
        "cleared": list(CLEARED[who.clearance]),
        "division": normal_division(who.division),
        "after_since": after and after[0],
        "after_id": after and after[1],
        "limit": limit,
    }
    return list(await connection.execute(_WAITING, parameters))
