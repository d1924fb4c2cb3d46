"""Writing the ledger: one statement per part and batch; the highest number of each part wins, whatever came first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Literal, NamedTuple
from uuid import UUID

from sqlalchemy import Row, TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring.repository.marks import MARK_TOUCHED, OFFICERS_OF

Source = Literal[
    "activity",
    "presence_day",
    "attendance",
    "knowledge",
    "finding",
    "nothing_certified",
    "group",
    "conduct",
    "report",
]


class Recorded(NamedTuple):
    """What happened: of an officer, or of a village and so of everybody assigned to it. `body` is JSON.

    `until` is the last day of what lasts, `date.max` of what lasts for ever; None for what happened on one day.
    """

    entry_id: UUID
    rev: int
    officer_id: UUID | None
    village: str | None
    day: date
    until: date | None
    matter_id: UUID | None
    body: str


class Said(NamedTuple):
    """What somebody decided about an entry. `body` is JSON."""

    entry_id: UUID
    rev: int
    body: str


class State(NamedTuple):
    """The state a group was told to be in."""

    group_id: UUID
    told_on: date
    rev: int
    state: str
    fact: UUID


_OFFICERS_THERE = OFFICERS_OF.replace("CAST(:villages AS text[])", "ARRAY[place]")
# Marks whom the written rows concern on their days, and returns those of matters: whom they concern is told apart.
_MARK_WRITTEN = f"""
    touched AS (
        SELECT officer_id, since, until FROM merged, unnest(officers) AS o(officer_id)
        WHERE officer_id IS NOT NULL AND matters = '{{}}'
        UNION ALL
        SELECT o.officer_id, since, until
        FROM (SELECT DISTINCT p.place, since, until FROM merged, unnest(places) AS p(place) WHERE of_village) AS c
        CROSS JOIN LATERAL ({_OFFICERS_THERE}) AS o(officer_id)
    ), marked AS ({MARK_TOUCHED})
    SELECT DISTINCT m.matter_id, o.officer_id, p.village, since, until
    FROM merged, unnest(matters) AS m(matter_id), unnest(officers) AS o(officer_id), unnest(places) AS p(village)
"""  # noqa: S608  # our own text
_RECORD = text(
    f"""
    WITH merged AS (
        INSERT INTO ledger_entry AS e
            (entry_id, recorded_rev, officer_id, village, day, until, matter_id, recorded, source)
        SELECT f.*, CAST(:source AS text) FROM unnest(
            CAST(:ids AS uuid[]), CAST(:revs AS bigint[]), CAST(:officers AS uuid[]), CAST(:villages AS text[]),
            CAST(:days AS date[]), CAST(:untils AS date[]), CAST(:matters AS uuid[]), CAST(:bodies AS json[])) AS f
        ON CONFLICT (entry_id) DO UPDATE
            SET recorded_rev = excluded.recorded_rev, officer_id = excluded.officer_id, village = excluded.village,
                day = excluded.day, until = excluded.until, matter_id = excluded.matter_id,
                recorded = excluded.recorded
            WHERE e.recorded_rev IS NULL OR e.recorded_rev < excluded.recorded_rev
        RETURNING ARRAY[e.officer_id, old.officer_id] AS officers, ARRAY[e.village, old.village] AS places,
                  array_remove(ARRAY[e.matter_id, old.matter_id], NULL) AS matters,
                  e.officer_id IS NULL OR (old.day IS NOT NULL AND old.officer_id IS NULL) AS of_village,
                  LEAST(e.day, old.day) AS since, GREATEST(e.until, e.day, old.until, old.day) AS until
    ), {_MARK_WRITTEN}
    """  # noqa: S608
)
# Facts of one matter decide over each other's points whenever they happened (C-49): over those of who did the work, on
# all days of the matter; and over the certificate of each of its villages, on the days it was there, for everybody
# assigned to it, not only who dealt with it.
_MARK_MATTERS = text(
    f"""
    WITH changed AS (
        SELECT * FROM unnest(CAST(:matters AS uuid[]), CAST(:officers AS uuid[]), CAST(:villages AS text[]),
                             CAST(:firsts AS date[]), CAST(:lasts AS date[]))
            AS c(matter_id, officer_id, place, since, until)
    ), known AS (
        SELECT matter_id, place, since, until FROM changed
        UNION ALL
        SELECT matter_id, village, day, COALESCE(until, day) FROM ledger_entry
        WHERE day IS NOT NULL AND matter_id = ANY(CAST(:matters AS uuid[]))
    ), there AS (
        SELECT matter_id, place, min(since) AS since, max(until) AS until FROM known GROUP BY matter_id, place
    ), whole AS (
        SELECT matter_id, min(since) AS since, max(until) AS until FROM there GROUP BY matter_id
    ), touched AS (
        SELECT c.officer_id, w.since, w.until
        FROM (SELECT DISTINCT matter_id, officer_id FROM changed WHERE officer_id IS NOT NULL) AS c
        JOIN whole w USING (matter_id)
        UNION ALL
        SELECT o.officer_id, since, until FROM there CROSS JOIN LATERAL ({_OFFICERS_THERE}) AS o(officer_id)
    )
    {MARK_TOUCHED}
    """  # noqa: S608
)
# Whoever writes about the same matter beside this transaction waits, and then sees what this one wrote: else neither
# would mark the days of the other's.
_HOLD_MATTERS = text(
    """
    SELECT pg_advisory_xact_lock(hashtext('scoring.matter'), key)
    FROM (SELECT DISTINCT hashtext(CAST(id AS text)) AS key FROM unnest(CAST(:matters AS uuid[])) AS m(id) ORDER BY key)
    """
)
_TELL = text(
    f"""
    WITH told AS (
        INSERT INTO group_state AS s (group_id, told_on, rev, state, fact)
        SELECT * FROM unnest(CAST(:groups AS uuid[]), CAST(:days AS date[]), CAST(:revs AS bigint[]),
                             CAST(:states AS text[]), CAST(:facts AS uuid[]))
        ON CONFLICT (group_id, told_on) DO UPDATE
            SET rev = excluded.rev, state = excluded.state, fact = excluded.fact WHERE s.rev < excluded.rev
        RETURNING s.group_id
    ), touched AS (
        SELECT o.officer_id, e.day AS since, e.until
        FROM (SELECT DISTINCT group_id FROM told) AS t JOIN ledger_entry e ON e.entry_id = t.group_id
        CROSS JOIN LATERAL (SELECT e.village AS place) AS p
        CROSS JOIN LATERAL ({_OFFICERS_THERE}) AS o(officer_id)
    )
    {MARK_TOUCHED}
    """  # noqa: S608
)


def _say(part: str) -> TextClause:
    return text(
        f"""
        WITH merged AS (
            INSERT INTO ledger_entry AS e (entry_id, {part}_rev, {part}, source)
            SELECT f.*, CAST(:source AS text)
            FROM unnest(CAST(:ids AS uuid[]), CAST(:revs AS bigint[]), CAST(:bodies AS json[])) AS f
            ON CONFLICT (entry_id) DO UPDATE SET {part}_rev = excluded.{part}_rev, {part} = excluded.{part}
                WHERE e.{part}_rev IS NULL OR e.{part}_rev < excluded.{part}_rev
            RETURNING ARRAY[e.officer_id] AS officers, ARRAY[e.village] AS places,
                      array_remove(ARRAY[e.matter_id], NULL) AS matters,
                      e.officer_id IS NULL AND e.day IS NOT NULL AS of_village,
                      e.day AS since, COALESCE(e.until, e.day) AS until
        ), {_MARK_WRITTEN}
        """  # noqa: S608  # names of our own columns
    )


_SAY = {part: _say(part) for part in ("judged", "closed")}


async def record(connection: AsyncConnection, source: Source, rows: Sequence[Recorded]) -> None:
    """Write what happened, each entry once, and mark whom it concerns."""
    names = ("ids", "revs", "officers", "villages", "days", "untils", "matters", "bodies")
    written = await connection.execute(_RECORD, {**_columns(names, rows), "source": source})
    await _mark_matters(connection, written.all())


async def say(
    connection: AsyncConnection, source: Source, part: Literal["judged", "closed"], rows: Sequence[Said]
) -> None:
    """Write what was decided, each entry once; when the entry itself is not known yet, it waits there for it."""
    written = await connection.execute(_SAY[part], {**_columns(("ids", "revs", "bodies"), rows), "source": source})
    await _mark_matters(connection, written.all())


async def _mark_matters(connection: AsyncConnection, changed: Sequence[Row[Any]]) -> None:
    """Mark whose sheets can change by what was written about matters."""
    if changed:
        columns = _columns(("matters", "officers", "villages", "firsts", "lasts"), changed)
        await connection.execute(_HOLD_MATTERS, {"matters": columns["matters"]})
        await connection.execute(_MARK_MATTERS, columns)


async def tell(connection: AsyncConnection, rows: Sequence[State]) -> None:
    """Write which state groups are in, each group and day once; their entries are written before."""
    await connection.execute(_TELL, _columns(("groups", "days", "revs", "states", "facts"), rows))


def _columns(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, object]:
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
