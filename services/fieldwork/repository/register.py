"""The arrival register: arrivals and departures as they were sent, corrected and withdrawn."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fieldwork.repository.corrections import corrected_in
from services.fieldwork.repository.items import called_in, hashes_in
from services.fieldwork.repository.statements import Insertion
from services.fieldwork.rules.corrections import Claim
from services.fieldwork.tables import arrival, departure

_ARRIVAL = Insertion(arrival, [column.name for column in arrival.columns])
_DEPARTURE = Insertion(departure, [column.name for column in departure.columns])
arrival_hashes, departure_hashes = hashes_in(arrival), hashes_in(departure)
arrivals_called, departures_called = called_in(arrival), called_in(departure)
corrected_arrivals = corrected_in(
    "arrival", author="officer", county="left({alias}.village, 6)", ended_by="older.ended_by"
)
corrected_departures = corrected_in("departure", author="officer", county="{alias}.county", ended_by="older.ended_by")

# Of the arrivals that correct each other a departure may name any: it belongs to the one that stands.
_ARRIVALS = text(
    """
    SELECT named.id, stands.officer, stands.village, stands.at, stands.day, stands.session
    FROM arrival named CROSS JOIN LATERAL (
        SELECT * FROM arrival a WHERE a.session = named.session ORDER BY a.ended_by IS NOT NULL, a.id LIMIT 1) AS stands
    WHERE named.id = ANY(CAST(:ids AS uuid[]))
    """
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
            AND left(newer.village, 6) = left(older.village, 6)
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
_END_ARRIVALS = text(
    """
    UPDATE arrival SET ended_by = ended.by
    FROM unnest(CAST(:ids AS uuid[]), CAST(:bys AS uuid[])) AS ended(id, by)
    WHERE arrival.id = ended.id AND arrival.ended_by IS NULL
    """
)
_END_DEPARTURES = text(
    """
    WITH ended AS (
        UPDATE departure d SET ended_by = claimed.by
        FROM unnest(CAST(:ids AS uuid[]), CAST(:officers AS uuid[]), CAST(:counties AS text[]), CAST(:bys AS uuid[]))
            AS claimed(id, officer, county, by)
        WHERE d.id = claimed.id AND d.officer = claimed.officer AND d.county = claimed.county AND d.ended_by IS NULL
        RETURNING d.id, d.session, d.at
    )
    SELECT e.id, e.at AS left_at, a.officer, a.village, a.day FROM ended e JOIN arrival a ON a.id = e.session
    ORDER BY e.id
    """
)


async def insert_arrivals(connection: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> set[UUID]:
    """Keep new arrivals; returns the ids that were not here."""
    return set((await connection.scalars(_ARRIVAL.statement, _ARRIVAL.parameters(rows))).all())


async def insert_departures(connection: AsyncConnection, rows: Sequence[tuple[Any, ...]]) -> set[UUID]:
    """Keep new departures; one whose session has another departure is not kept."""
    return set((await connection.scalars(_DEPARTURE.statement, _DEPARTURE.parameters(rows))).all())


async def end_corrected(connection: AsyncConnection, created: Collection[UUID]) -> list[Row[Any]]:
    """Arrivals that end because another one corrects them, one of the two being new; both are one session now."""
    pairs = list(await connection.execute(_END_CORRECTED, {"created": list(created)}))
    await end_arrivals(connection, {row.older: row.newer for row in pairs})
    return pairs


async def end_arrivals(connection: AsyncConnection, ended: Mapping[UUID, UUID]) -> None:
    """Each by the record that takes its place or withdraws it."""
    if ended:
        await connection.execute(_END_ARRIVALS, {"ids": list(ended), "bys": list(ended.values())})


async def end_departures(connection: AsyncConnection, ended: Mapping[Claim, UUID]) -> list[Row[Any]]:
    """Each by the record of its own officer that takes its place or withdraws it; those that stood, with sessions."""
    if not ended:
        return []
    columns = {
        "ids": [claim.version for claim in ended],
        "officers": [claim.by.author for claim in ended],
        "counties": [claim.by.county for claim in ended],
        "bys": list(ended.values()),
    }
    return list(await connection.execute(_END_DEPARTURES, columns))


async def arrivals(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, Row[Any]]:
    """Arrivals by id."""
    return {row.id: row for row in await connection.execute(_ARRIVALS, {"ids": list(ids)})}
