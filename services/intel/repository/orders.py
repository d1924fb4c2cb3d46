"""Station orders: one per report, and how far each got."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Select, case, func, literal, null, select, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intel.repository.deliveries import Deliveries
from services.intel.repository.reports import visible_to
from services.intel.repository.rows import Row, all_rows, one_row
from services.intel.rules.delivery import ORDER
from services.intel.tables import delivery, endpoint, report, station_order
from shared.security.principal import Principal


@dataclass(frozen=True)
class Orders:
    """Orders of this service's database."""

    connection: AsyncConnection

    async def add(self, rows: Sequence[Row], now: datetime) -> None:
        """One order per report, each with its delivery: a second one for the same report changes nothing."""
        if rows:
            once = insert(station_order).on_conflict_do_nothing(index_elements=["report_id"])
            new = set(await self.connection.scalars(once.returning(station_order.c.order_id), [dict(r) for r in rows]))
            sent = [row for row in rows if row["order_id"] in new]
            await Deliveries(self.connection).add([_delivery(row) for row in sent], now)

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


def _delivery(order: Row) -> Row:
    """The order's id is its webhook-id."""
    of_order = {name: order[name] for name in ("order_id", "report_id", "station")}
    return of_order | {"delivery_id": order["order_id"], "event": ORDER}


def _shown() -> Select[Any]:
    """Orders with the report's state, how far their delivery got, and what keeps a pending one from being sent."""
    waiting = case(
        (delivery.c.state != "pending", null()),
        (endpoint.c.org_id.is_(None), literal("endpoint")),
        (endpoint.c.paused_at.is_not(None), literal("endpoint_paused")),
        (func.greatest(endpoint.c.rests_until, endpoint.c.asked_until) > func.now(), literal("endpoint_rests")),
    ).label("waiting_for")
    return (
        select(station_order, report.c.state, report.c.classification, waiting)
        .add_columns(delivery.c.state.label("delivery"), delivery.c.attempts, delivery.c.next_at)
        .add_columns(delivery.c.delivered_at)
        .join(report, report.c.report_id == station_order.c.report_id)
        .join(delivery, delivery.c.delivery_id == station_order.c.order_id)
        .outerjoin(endpoint, endpoint.c.org_id == station_order.c.station)
    )
