"""Station orders: one per report, and the lease under which each is delivered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, func, literal, null, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intel.repository.reports import visible_to
from services.intel.repository.rows import Row, all_rows, one_row
from services.intel.tables import endpoint, metadata, report, station_order
from shared.ids import new_id
from shared.security.principal import Principal

# Longer than the longest call, so that nobody else takes an order while its call is still on the way.
LEASE = timedelta(seconds=60)

_officer = metadata.tables["known_officer"]
_division = metadata.tables["known_division"]


@dataclass(frozen=True)
class Orders:
    """Orders of this service's database."""

    connection: AsyncConnection

    async def add(self, rows: Sequence[Row]) -> None:
        """One order per report: a second one for the same report changes nothing."""
        if rows:
            once = insert(station_order).on_conflict_do_nothing(index_elements=["report_id"])
            await self.connection.execute(once, [dict(row) for row in rows])

    async def lease(self, now: datetime) -> Row | None:
        """The most urgent order that may be delivered now, taken for a minute, with all that the call needs."""
        due = (
            select(station_order.c.order_id)
            .join(endpoint, (endpoint.c.org_id == station_order.c.station) & endpoint.c.paused_at.is_(None))
            .where(
                station_order.c.delivery == "pending",
                station_order.c.next_at <= now,
                or_(station_order.c.lease_until.is_(None), station_order.c.lease_until < now),
            )
            .order_by(station_order.c.next_at, station_order.c.order_id)
            .limit(1)
            .with_for_update(of=station_order, skip_locked=True)
            .scalar_subquery()
        )
        taken = (
            update(station_order)
            .where(station_order.c.order_id == due)
            .values(lease_token=new_id(), lease_until=now + LEASE, attempts=station_order.c.attempts + 1)
            .returning(station_order.c.order_id)
        )
        order_id = await self.connection.scalar(taken)
        return await one_row(self.connection, _call(order_id)) if order_id else None

    async def finish(self, order_id: UUID, lease_token: UUID, **values: Any) -> bool:
        """Write the outcome of a call; False when the lease was lost or the station's answer came first."""
        written = (
            update(station_order)
            .where(station_order.c.order_id == order_id, station_order.c.lease_token == lease_token)
            .values(lease_token=None, lease_until=None, **values)
        )
        return (await self.connection.execute(written)).rowcount == 1

    async def arrived(self, order_id: UUID, now: datetime) -> None:
        """The station speaks of the order, so it has it: no further attempt, whatever our own call said."""
        known = (
            update(station_order)
            .where(station_order.c.order_id == order_id, station_order.c.delivery != "delivered")
            .values(delivery="delivered", delivered_at=now, lease_token=None, lease_until=None)
        )
        await self.connection.execute(known)

    async def retry_all_of(self, org_id: UUID, now: datetime) -> None:
        """Try everything undelivered of a station again, from the first wait on: its endpoint was set anew.

        Calls to the old address lose their lease: how they end says nothing about the new one.
        """
        again = (
            update(station_order)
            .where(station_order.c.station == org_id, station_order.c.delivery != "delivered")
            .values(delivery="pending", attempts=0, next_at=now, lease_token=None, lease_until=None)
        )
        await self.connection.execute(again)

    async def of_report(self, report_id: UUID) -> Row | None:
        """The order of a report, if it has one."""
        return await one_row(self.connection, _shown().where(station_order.c.report_id == report_id))

    async def of_station(
        self, org_id: UUID, who: Principal, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Row]:
        """A station's orders, the newest first."""
        query = _shown().where(station_order.c.station == org_id, visible_to(who))
        if before:
            query = query.where(tuple_(station_order.c.created_at, station_order.c.order_id) < before)
        query = query.order_by(station_order.c.created_at.desc(), station_order.c.order_id.desc()).limit(limit)
        return await all_rows(self.connection, query)


def _shown() -> Select[Any]:
    """Orders with the report's state and what keeps a pending one from being sent."""
    waiting = case(
        (station_order.c.delivery != "pending", null()),
        (endpoint.c.org_id.is_(None), literal("endpoint")),
        (endpoint.c.paused_at.is_not(None), literal("endpoint_paused")),
    ).label("waiting_for")
    return (
        select(station_order, report.c.state, waiting)
        .join(report)
        .outerjoin(endpoint, endpoint.c.org_id == station_order.c.station)
    )


def _call(order_id: UUID) -> Select[Any]:
    return (
        select(
            station_order.c.order_id,
            station_order.c.station,
            station_order.c.due,
            station_order.c.attempts,
            station_order.c.lease_token,
            report,
            endpoint.c.url,
            endpoint.c.secret,
            func.nullif(_officer.c.name, "").label("reporter_name"),
            _officer.c.badge.label("reporter_badge"),
            _division.c.name.label("village_name"),
        )
        .select_from(station_order)
        .join(report)
        .join(endpoint, endpoint.c.org_id == station_order.c.station)
        .outerjoin(_officer, _officer.c.officer_id == report.c.reporter)
        .outerjoin(_division, _division.c.code == report.c.village)
        .where(station_order.c.order_id == order_id)
    )
