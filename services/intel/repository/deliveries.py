"""What is to be told to stations: taken under a lease, a share for every endpoint, written down when the call ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, func, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intel.repository.rows import Row, all_rows, one_row
from services.intel.rules.delivery import AT_ONCE, TEST
from services.intel.tables import delivery, endpoint, metadata, report, station_order

# Longer than the longest call, so that nobody else takes a delivery while its call is still on the way.
LEASE = timedelta(seconds=60)

_officer = metadata.tables["known_officer"]
_division = metadata.tables["known_division"]

# The rules `room` and `may_call`, for all endpoints at once.
_PROVEN = "(e.failures = 0 AND e.succeeded_at IS NOT NULL)"
_ROOM = f"""((CASE WHEN {_PROVEN} THEN {AT_ONCE} ELSE 1 END) - (
    SELECT count(*) FROM delivery busy
    WHERE busy.station = e.org_id AND busy.lease_token IS NOT NULL AND busy.lease_until >= :now))"""  # noqa: S608
_DUE = f"""d.station = e.org_id AND d.state = 'pending' AND d.next_at <= :now
    AND (d.lease_token IS NULL OR d.lease_until < :now)
    AND (d.event = '{TEST}' OR (e.paused_at IS NULL AND coalesce(greatest(e.rests_until, e.asked_until) <= :now, true)))
"""

# Whoever takes deliveries of an endpoint holds its row, and counts only then what others have on their way.
_HOLD_ENDPOINTS = text(
    f"""
    SELECT e.org_id FROM endpoint e
    WHERE {_PROVEN} = :proven AND EXISTS (SELECT FROM delivery d WHERE {_DUE}) AND {_ROOM} > 0
    ORDER BY e.called_at NULLS FIRST, e.org_id LIMIT :places
    FOR NO KEY UPDATE OF e SKIP LOCKED
    """  # noqa: S608
)
_TAKE = text(
    f"""
    WITH due AS MATERIALIZED (
        SELECT first.delivery_id FROM endpoint e CROSS JOIN LATERAL (
            SELECT d.delivery_id FROM delivery d WHERE {_DUE}
            ORDER BY d.next_at, d.delivery_id LIMIT greatest({_ROOM}, 0)) first
        WHERE e.org_id = ANY(CAST(:endpoints AS uuid[])) LIMIT :places),
    called AS (UPDATE endpoint SET called_at = :now WHERE org_id = ANY(CAST(:endpoints AS uuid[])))
    UPDATE delivery SET lease_token = gen_random_uuid(), lease_until = :until, attempts = attempts + 1
    FROM due WHERE delivery.delivery_id = due.delivery_id AND delivery.state = 'pending'
    RETURNING delivery.delivery_id
    """  # noqa: S608
)
_COUNTS = text(
    f"""
    SELECT
        count(*) FILTER (WHERE d.state = 'pending' AND e.org_id IS NOT NULL AND e.paused_at IS NULL) AS waiting,
        count(*) FILTER (WHERE d.state = 'pending' AND (e.org_id IS NULL OR e.paused_at IS NOT NULL)) AS paused,
        count(*) FILTER (WHERE d.state = 'dead') AS dead,
        coalesce(extract(epoch FROM CAST(:now AS timestamptz)
            - min(d.created_at) FILTER (WHERE d.state = 'pending')), 0) AS oldest
    FROM delivery d LEFT JOIN endpoint e ON e.org_id = d.station
    WHERE d.state <> 'delivered' AND d.event <> '{TEST}'
    """  # noqa: S608
)
_UNACKNOWLEDGED = text(
    """
    SELECT count(*) AS unacknowledged,
           coalesce(extract(epoch FROM CAST(:now AS timestamptz) - min(d.delivered_at)), 0) AS oldest_unacknowledged
    FROM station_order o JOIN delivery d ON d.delivery_id = o.order_id
    WHERE d.state = 'delivered' AND o.state = 'ordered' AND o.followed_by IS NULL
    """
)


@dataclass(frozen=True)
class Deliveries:
    """Deliveries of this service's database."""

    connection: AsyncConnection

    async def add(self, rows: Sequence[Row], now: datetime) -> None:
        """Due at once; each names `delivery_id`, `station`, `event`, `order_id`, `report_id`, an update its `news`."""
        new = {"news": [], "created_at": now, "state": "pending", "attempts": 0, "next_at": now}
        if rows:
            await self.connection.execute(delivery.insert(), [new | dict(row) for row in rows])

    async def lease(self, now: datetime, proven: bool, places: int) -> list[Row]:
        """Of endpoints that are proven, or that are not, the deliveries that may be sent now, with all a call needs.

        The endpoint that was called longest ago comes first.
        """
        values = {"now": now, "proven": proven, "places": places}
        endpoints = list(await self.connection.scalars(_HOLD_ENDPOINTS, values))
        if not endpoints:
            return []
        values = {"now": now, "until": now + LEASE, "endpoints": endpoints, "places": places}
        taken = list(await self.connection.scalars(_TAKE, values))
        return await all_rows(self.connection, _calls().where(delivery.c.delivery_id.in_(taken)))

    async def leased(self, delivery_id: UUID, lease_token: UUID) -> Row | None:
        """The delivery, locked, if it is still ours: an answer of the station or a person may have come first."""
        ours = (delivery.c.delivery_id == delivery_id) & (delivery.c.lease_token == lease_token)
        return await one_row(self.connection, delivery.select().where(ours).with_for_update())

    async def set(self, delivery_id: UUID, values: Mapping[str, Any]) -> None:
        """Write what was decided; whoever held it holds it no more."""
        written = update(delivery).where(delivery.c.delivery_id == delivery_id)
        await self.connection.execute(written.values(lease_token=None, lease_until=None, **values))

    async def hasten(self, org_id: UUID, now: datetime) -> None:
        """The rule `hastened`, for everything that waits for an endpoint."""
        waits = (delivery.c.station == org_id) & (delivery.c.state == "pending") & (delivery.c.next_at > now)
        again = {"attempts": func.greatest(delivery.c.attempts - 1, 0), "next_at": now}
        await self.connection.execute(update(delivery).where(waits).values(again))

    async def arrived(self, order_id: UUID, now: datetime) -> None:
        """The station speaks of the order, so it has it: no further attempt, whatever our own call said."""
        known = (delivery.c.delivery_id == order_id) & (delivery.c.state != "delivered")
        values = {"state": "delivered", "delivered_at": now, "lease_token": None, "lease_until": None}
        await self.connection.execute(update(delivery).where(known).values(values))

    async def give_up(self, delivery_id: UUID, code: str) -> bool:
        """Send it no more; False if the station has it."""
        known = (delivery.c.delivery_id == delivery_id) & (delivery.c.state != "delivered")
        values = {"state": "dead", "code": code, "lease_token": None, "lease_until": None}
        return bool((await self.connection.execute(update(delivery).where(known).values(values))).rowcount)

    async def send_all_again(self, org_id: UUID, now: datetime) -> None:
        """The rule `sent_again`, for everything undelivered of a station: its endpoint was set anew.

        Calls to the old address lose their lease: how they end says nothing about the new one.
        """
        undelivered = (delivery.c.station == org_id) & (delivery.c.state != "delivered") & (delivery.c.event != TEST)
        values = {"state": "pending", "attempts": 0, "next_at": now, "lease_token": None, "lease_until": None}
        await self.connection.execute(update(delivery).where(undelivered).values(values))

    async def forget_tests(self, org_id: UUID) -> None:
        """Only the last test of an endpoint is kept."""
        await self.connection.execute(delivery.delete().where(delivery.c.station == org_id, delivery.c.event == TEST))

    async def get(self, org_id: UUID, delivery_id: UUID) -> Row | None:
        """One delivery of a station."""
        one = delivery.select().where(delivery.c.station == org_id, delivery.c.delivery_id == delivery_id)
        return await one_row(self.connection, one)

    async def page(
        self, org_id: UUID, state: str | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Row]:
        """A station's deliveries, the newest first."""
        query = delivery.select().where(delivery.c.station == org_id)
        if state:
            query = query.where(delivery.c.state == state)
        if before:
            query = query.where(tuple_(delivery.c.created_at, delivery.c.delivery_id) < before)
        query = query.order_by(delivery.c.created_at.desc(), delivery.c.delivery_id.desc()).limit(limit)
        return await all_rows(self.connection, query)

    async def counts(self, now: datetime) -> Row:
        """How many wait, are paused, were given up or are not acknowledged, and for how many seconds the oldest."""
        counted = await one_row(self.connection, _COUNTS, {"now": now})
        answered = await one_row(self.connection, _UNACKNOWLEDGED, {"now": now})
        return {**(counted or {}), **(answered or {})}


def _calls() -> Select[Any]:
    return (
        select(
            delivery,
            report,
            station_order.c.due,
            endpoint.c.url,
            endpoint.c.secret,
            endpoint.c.former_secret,
            endpoint.c.former_secret_until,
            func.nullif(_officer.c.name, "").label("reporter_name"),
            _officer.c.badge.label("reporter_badge"),
            _division.c.name.label("village_name"),
        )
        .select_from(delivery)
        .join(endpoint, endpoint.c.org_id == delivery.c.station)
        .outerjoin(station_order, station_order.c.order_id == delivery.c.order_id)
        .outerjoin(report, report.c.report_id == delivery.c.report_id)
        .outerjoin(_officer, _officer.c.officer_id == report.c.reporter)
        .outerjoin(_division, _division.c.code == report.c.village)
    )
