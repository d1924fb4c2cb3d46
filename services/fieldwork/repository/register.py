"""The arrival register: arrivals and departures as they were sent, corrected and withdrawn."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fieldwork.repository.items import called_in, hashes_in
from services.fieldwork.repository.statements import Insertion
from services.fieldwork.tables import arrival, departure

_ARRIVAL = Insertion(arrival, [column.name for column in arrival.columns])
_DEPARTURE = Insertion(departure, [column.name for column in departure.columns])
arrival_hashes, departure_hashes = hashes_in(arrival), hashes_in(departure)
arrivals_called, departures_called = called_in(arrival), called_in(departure)

# Of the arrivals that correct each other a departure may name any: it belongs to the one that stands.
_ARRIVALS = text(
    """
    SELECT named.id, stands.officer, stands.village, stands.at, stands.day, stands.session
    FROM arrival named CROSS JOIN LATERAL (
        SELECT * FROM arrival a WHERE a.session = named.session ORDER BY a.ended_by IS NOT NULL, a.id LIMIT 1) AS stands
    WHERE named.id = ANY(CAST(:ids AS uuid[]))
    """
)

# What a record names as its former version, here or not: whose it is, and which correction it has.
_CORRECTED = """
    SELECT asked.id, {author} AS author, coalesce(newer.id, older.ended_by) AS corrected_by
    FROM unnest(CAST(:ids AS uuid[])) AS asked(id)
    LEFT JOIN {table} older ON older.id = asked.id
    LEFT JOIN {table} newer ON newer.corrects = asked.id {same_author}
"""
_CORRECTED_ARRIVALS = text(
    _CORRECTED.format(
        table="arrival", author="older.officer", same_author="AND coalesce(newer.officer = older.officer, true)"
    )
)
_CORRECTED_DEPARTURES = text(
    _CORRECTED.format(
        table="departure",
        author="(SELECT a.officer FROM arrival a WHERE a.id = older.session)",
        same_author="",
    )
)

# The older ends, whichever came first, and both are one session from now on: that of the one that was here before.
_END_CORRECTED = text(
    """
    WITH pairs AS (
        SELECT older.id AS older, newer.id AS newer, older.officer, older.village, older.day,
               CASE WHEN older.id = ANY(CAST(:created AS uuid[])) AND NOT newer.id = ANY(CAST(:created AS uuid[]))
                    THEN newer.session ELSE older.session END AS session,
               CASE WHEN older.id = ANY(CAST(:created AS uuid[])) AND NOT newer.id = ANY(CAST(:created AS uuid[]))
                    THEN older.session ELSE newer.session END AS other
        FROM arrival older JOIN arrival newer ON newer.corrects = older.id AND newer.officer = older.officer
        WHERE older.ended_by IS NULL
          AND (older.id = ANY(CAST(:created AS uuid[])) OR newer.id = ANY(CAST(:created AS uuid[])))
    ), joined AS (
        UPDATE arrival a SET session = p.session FROM pairs p WHERE a.id IN (p.newer, p.older) RETURNING a.id
    ), moved AS (
        UPDATE departure d SET session = p.session, ended_by = CASE
            WHEN EXISTS (SELECT FROM departure o WHERE o.session = p.session AND o.ended_by IS NULL) THEN p.newer
            ELSE d.ended_by END
        FROM pairs p WHERE d.session = p.other AND d.session <> p.session RETURNING d.id
    )
    SELECT older, newer, officer, village, day FROM pairs ORDER BY older
    """
)
_END = """
    UPDATE {table} SET ended_by = ended.by
    FROM unnest(CAST(:ids AS uuid[]), CAST(:bys AS uuid[])) AS ended(id, by)
    WHERE {table}.id = ended.id AND {table}.ended_by IS NULL
"""
_END_ARRIVALS = text(_END.format(table="arrival"))
_END_DEPARTURES = text(
    f"""
    WITH ended AS ({_END.format(table="departure")} RETURNING departure.id, departure.session, departure.at)
    SELECT e.id, e.at AS left_at, a.officer, a.village, a.day FROM ended e JOIN arrival a ON a.id = e.session
    ORDER BY e.id
    """  # noqa: S608  # our own text
)


async def insert_arrivals(connection: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> set[UUID]:
    """Keep new arrivals; returns the ids that were not here."""
    return set((await connection.scalars(_ARRIVAL.statement, _ARRIVAL.parameters(rows))).all())


async def insert_departures(connection: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> set[UUID]:
    """Keep new departures; one whose session has another departure is not kept."""
    return set((await connection.scalars(_DEPARTURE.statement, _DEPARTURE.parameters(rows))).all())


async def corrected_arrivals(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    """Of these arrivals, here or not, whose they are and what took their place."""
    return {row.id: row for row in await connection.execute(_CORRECTED_ARRIVALS, {"ids": list(ids)})}


async def corrected_departures(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    """Of these departures, here or not, whose they are and what took their place."""
    return {row.id: row for row in await connection.execute(_CORRECTED_DEPARTURES, {"ids": list(ids)})}


async def end_corrected(connection: AsyncConnection, created: Collection[UUID]) -> list[Row[Any]]:
    """Arrivals that end because another one corrects them, one of the two being new; both are one session now."""
    pairs = list(await connection.execute(_END_CORRECTED, {"created": list(created)}))
    await end_arrivals(connection, {row.older: row.newer for row in pairs})
    return pairs


async def end_arrivals(connection: AsyncConnection, ended: Mapping[UUID, UUID]) -> None:
    """Each by the record that takes its place or withdraws it."""
    if ended:
        await connection.execute(_END_ARRIVALS, {"ids": list(ended), "bys": list(ended.values())})


async def end_departures(connection: AsyncConnection, ended: Mapping[UUID, UUID]) -> list[Row[Any]]:
    """Each by the record that takes its place or withdraws it; those that stood so far, with their sessions."""
    if not ended:
        return []
    return list(await connection.execute(_END_DEPARTURES, {"ids": list(ended), "bys": list(ended.values())}))


async def arrivals(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    """Arrivals by id."""
    return {row.id: row for row in await connection.execute(_ARRIVALS, {"ids": list(ids)})}
