"""How people stand to a place on a day: of its station, of what is above it, in which posts, on whose sheet."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fieldwork.rules.acts import Holder, Office
from shared.reference.queries import station_at, valid_on

Asked = tuple[UUID, str, date]
"""Officer, place (12 digits), day of the act."""

Fed = tuple[UUID, str, date, date]
"""Officer, village, first and last day of a month."""


@dataclass(frozen=True, slots=True)
class Standing:
    """How somebody stands to a place, and the office that makes him stand so."""

    org: UUID
    org_valid: bool
    holder: Holder


_STATIONS = text(
    f"""
    SELECT village, {station_at("village", "CAST(:day AS date)")} AS station
    FROM unnest(CAST(:villages AS text[])) AS asked(village)
    """  # noqa: S608
)

# Above the station: an organ of public security that serves the place, up to the county's.
_HOLDERS = text(
    f"""
    SELECT asked.officer, asked.place, asked.day, p.kind, o.org_id AS org, {valid_on("o", "asked.day")} AS valid,
           COALESCE(o.org_id = {station_at("asked.place", "asked.day")}, false) AS of_station,
           o.kind IN ('bureau', 'branch') AND o.serves && ARRAY[asked.place, rpad(left(asked.place, 9), 12, '0'),
                                                                rpad(left(asked.place, 6), 12, '0')] AS of_superior,
           ARRAY(SELECT a.post FROM known_assignment a
                 WHERE a.officer_id = asked.officer AND {valid_on("a", "asked.day")}
                   AND (a.where_type <> 'org' OR a.where_id = CAST(o.org_id AS text))) AS posts
    FROM unnest(CAST(:officers AS uuid[]), CAST(:places AS text[]), CAST(:days AS date[])) AS asked(officer, place, day)
    JOIN known_officer p ON p.officer_id = asked.officer
    JOIN known_organisation o ON o.org_id = COALESCE(p.station, p.employer)
    """  # noqa: S608
)

_FED = text(
    """
    SELECT asked.* FROM unnest(CAST(:officers AS uuid[]), CAST(:villages AS text[]), CAST(:firsts AS date[]),
                               CAST(:lasts AS date[])) AS asked(officer, village, first, last)
    WHERE EXISTS (
        SELECT FROM known_assignment own
        LEFT JOIN known_area held ON held.area_id = CASE own.where_type WHEN 'area' THEN CAST(own.where_id AS uuid) END
            AND held.valid_from <= asked.last AND COALESCE(held.valid_until >= asked.first, true)
        WHERE own.officer_id = asked.officer
          AND own.valid_from <= asked.last AND COALESCE(own.valid_until >= asked.first, true)
          AND ((own.where_type = 'village' AND own.where_id = asked.village) OR asked.village = ANY(held.villages)))
    """
)


async def stations(connection: AsyncConnection, asked: Collection[str], day: date) -> dict[str, UUID]:
    """The station responsible for each village on a day; a village that has none is absent."""
    found = await connection.execute(_STATIONS, {"villages": sorted(asked), "day": day})
    return {row.village: row.station for row in found if row.station}


async def standings(connection: AsyncConnection, asked: Iterable[Asked]) -> dict[Asked, Standing]:
    """How each officer stands to a place on a day; whose office is not known here is absent."""
    wanted = sorted(set(asked))
    columns = {
        "officers": [officer for officer, _, _ in wanted],
        "places": [place for _, place, _ in wanted],
        "days": [day for _, _, day in wanted],
    }
    found = await connection.execute(_HOLDERS, columns)
    return {(row.officer, row.place, row.day): _standing(row) for row in found}


def _standing(row: Row[Any]) -> Standing:
    """An office that has ended makes nobody stand anywhere."""
    stands: dict[Office, bool] = {"station": row.of_station, "superior": row.of_superior}
    offices = frozenset(office for office, holds in stands.items() if holds and row.valid)
    return Standing(row.org, row.valid, Holder(row.kind, offices, frozenset(row.posts)))


async def fed(connection: AsyncConnection, asked: Iterable[Fed]) -> set[Fed]:
    """Those whose own sheets a village's month feeds: assigned to it, or to its area, on one of the days."""
    wanted = sorted(set(asked))
    names = ("officers", "villages", "firsts", "lasts")
    columns = {name: [row[place] for row in wanted] for place, name in enumerate(names)}
    return {(row.officer, row.village, row.first, row.last) for row in await connection.execute(_FED, columns)}
