"""Writing the ledger: one statement per part and batch; the highest number of each part wins, whatever came first."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import TextClause, text
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


# Facts of one matter decide over each other's points whenever they happened (C-49), so all its days are touched; and
# over the certificate of their village, so everybody assigned to it is concerned, not only who dealt with it.
_DAYS = """
    CASE WHEN e.matter_id IS NULL THEN {since} ELSE CAST('-infinity' AS date) END AS since,
    CASE WHEN e.matter_id IS NULL THEN {until} ELSE CAST('infinity' AS date) END AS until
"""
_OFFICERS_THERE = OFFICERS_OF.replace("CAST(:villages AS text[])", "ARRAY[place]")
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
                  e.officer_id IS NULL OR e.matter_id IS NOT NULL AS of_village,
                  {_DAYS.format(since="LEAST(e.day, old.day)", until="GREATEST(e.until, e.day, old.until, old.day)")}
    ), touched AS (
        SELECT officer_id, since, until FROM merged, unnest(officers) AS o(officer_id) WHERE officer_id IS NOT NULL
        UNION ALL
        SELECT o.officer_id, since, until
        FROM (SELECT DISTINCT p.place, since, until FROM merged, unnest(places) AS p(place) WHERE of_village) AS c
        CROSS JOIN LATERAL ({_OFFICERS_THERE}) AS o(officer_id)
    )
    {MARK_TOUCHED}
    """  # noqa: S608  # our own text
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
            RETURNING e.officer_id, e.village AS place, e.matter_id,
                      {_DAYS.format(since="e.day", until="COALESCE(e.until, e.day)")}
        ), touched AS (
            SELECT officer_id, since, until FROM merged WHERE officer_id IS NOT NULL
            UNION ALL
            SELECT o.officer_id, since, until
            FROM (SELECT DISTINCT place, since, until FROM merged WHERE matter_id IS NOT NULL) AS c
            CROSS JOIN LATERAL ({_OFFICERS_THERE}) AS o(officer_id)
        )
        {MARK_TOUCHED}
        """  # noqa: S608  # names of our own columns
    )


_SAY = {part: _say(part) for part in ("judged", "closed")}


async def record(connection: AsyncConnection, source: Source, rows: Sequence[Recorded]) -> None:
    """Write what happened, each entry once, and mark whom it concerns."""
    names = ("ids", "revs", "officers", "villages", "days", "untils", "matters", "bodies")
    await connection.execute(_RECORD, {**_columns(names, rows), "source": source})


async def say(
    connection: AsyncConnection, source: Source, part: Literal["judged", "closed"], rows: Sequence[Said]
) -> None:
    """Write what was decided, each entry once; when the entry itself is not known yet, it waits there for it."""
    await connection.execute(_SAY[part], {**_columns(("ids", "revs", "bodies"), rows), "source": source})


async def tell(connection: AsyncConnection, rows: Sequence[State]) -> None:
    """Write which state groups are in, each group and day once; their entries are written before."""
    await connection.execute(_TELL, _columns(("groups", "days", "revs", "states", "facts"), rows))


def _columns(names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> dict[str, object]:
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))
