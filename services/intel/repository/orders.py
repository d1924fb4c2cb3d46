"""Station orders: several of one matter, several hops of one report, and what their stations said."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, bindparam, case, func, literal, null, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intel.repository.deliveries import Deliveries
from services.intel.repository.reports import visible_to
from services.intel.repository.rows import Row, all_rows, one_row
from services.intel.rules.delivery import ORDER
from services.intel.tables import UNSETTLED, delivery, endpoint, metadata, report, station_order, station_step
from shared.security.jurisdiction import within
from shared.security.principal import Principal

Place = tuple[datetime, UUID]
TOLD = ("told_severity", "told_signs", "told_categories", "told_villages")

# What keeps an order in its sender's queue; the first that applies.
RESTS = case(
    (station_order.c.state == "returned", literal("returned")),
    (delivery.c.state == "dead", literal("dead")),
    ((delivery.c.state == "pending") & endpoint.c.org_id.is_(None), literal("no_endpoint")),
    ((delivery.c.state == "pending") & endpoint.c.paused_at.is_not(None), literal("paused")),
    ((delivery.c.state == "delivered") & (station_order.c.state == "received"), literal("not_taken")),
    ((delivery.c.state == "delivered") & (station_order.c.state == "ordered"), literal("not_received")),
    else_=null(),
)
_UNSETTLED = station_order.c.followed_by.is_(None) & station_order.c.state.in_(UNSETTLED)


@dataclass(frozen=True)
class Orders:
    """Orders of this service's database."""

    connection: AsyncConnection

    async def add(self, rows: Sequence[Row], now: datetime) -> None:
        """New orders, each with its delivery."""
        if rows:
            new = {"state": "ordered", "version": 0, "behind": False, "followed_by": None, "closed_at": None}
            orders = [new | {"created_at": now, "moved_at": now} | dict(row) for row in rows]
            await self.connection.execute(station_order.insert(), orders)
            await Deliveries(self.connection).add([_delivery(row) for row in rows], now)

    async def lock_of_matters(self, matters: Collection[UUID]) -> list[Row]:
        """The orders of these matters that nothing followed, locked against answers; the oldest first."""
        query = (
            station_order.select()
            .where(station_order.c.matter_id.in_(matters), station_order.c.followed_by.is_(None))
            .order_by(station_order.c.created_at, station_order.c.order_id)
        )
        return await all_rows(self.connection, query.with_for_update(key_share=True))

    async def lock(self, order_id: UUID, org_id: UUID | None = None) -> Row | None:
        """An order, of this station if one is named, locked against other answers."""
        query = station_order.select().where(station_order.c.order_id == order_id)
        if org_id:
            query = query.where(station_order.c.station == org_id)
        # Not FOR UPDATE: a delivery that ends now holds its order and adds to the report's timeline.
        return await one_row(self.connection, query.with_for_update(key_share=True))

    async def get(self, order_id: UUID) -> Row | None:
        """An order, whoever asks."""
        return await one_row(self.connection, station_order.select().where(station_order.c.order_id == order_id))

    async def set(self, order_id: UUID, values: Row) -> None:
        """Write how it stands."""
        await self.connection.execute(
            update(station_order).where(station_order.c.order_id == order_id).values(dict(values))
        )

    async def behind(self, limit: int) -> list[Row]:
        """Orders with reports that have not followed them, locked."""
        query = station_order.select().where(station_order.c.behind).order_by(station_order.c.order_id).limit(limit)
        return await all_rows(self.connection, query.with_for_update(key_share=True, skip_locked=True))

    async def add_step(self, row: Row) -> None:
        """What a station said; a later word adds who took it and why, it does not change when."""
        new = insert(station_step).values(dict(row))
        said = {name: func.coalesce(new.excluded[name], station_step.c[name]) for name in ("reason", "handler_name")}
        await self.connection.execute(new.on_conflict_do_update(index_elements=["about", "step"], set_=said))

    async def steps(self, about: Collection[UUID]) -> list[Row]:
        """What stations said of these orders, or of reports without one, as it happened."""
        query = station_step.select().where(station_step.c.about.in_(about))
        return await all_rows(self.connection, query.order_by(station_step.c.about, station_step.c.at))

    async def tell(self, rows: Sequence[Row]) -> None:
        """Write what the stations of these orders have been told by now."""
        if rows:
            told: dict[str, Any] = {name: bindparam(f"new_{name}") for name in TOLD}
            statement = update(station_order).where(station_order.c.order_id == bindparam("of_order")).values(told)
            values = [{"of_order": row["order_id"]} | {f"new_{n}": row[n] for n in TOLD} for row in rows]
            await self.connection.execute(statement, values)

    async def of_report(self, row: Row) -> list[Row]:
        """The orders that a report had, and the one that answers it; the oldest first."""
        its = (station_order.c.report_id == row["report_id"]) | (station_order.c.order_id == row["order_id"])
        return await all_rows(self.connection, _oldest_first(_shown().where(its)))

    async def of_matter(self, matter_id: UUID, who: Principal, limit: int) -> list[Row]:
        """The orders of a matter for reports that the caller may see; the oldest first."""
        its = station_order.c.matter_id == matter_id
        return await all_rows(self.connection, _oldest_first(_shown().where(its, visible_to(who))).limit(limit))

    async def of_station(self, org_id: UUID, who: Principal, before: Place | None, limit: int) -> list[Row]:
        """A station's orders, the newest first."""
        query = _shown().where(station_order.c.station == org_id, visible_to(who))
        if before:
            query = query.where(tuple_(station_order.c.created_at, station_order.c.order_id) < before)
        query = query.order_by(station_order.c.created_at.desc(), station_order.c.order_id.desc()).limit(limit)
        return await all_rows(self.connection, query)

    async def queue(
        self, who: Principal, division: str, unit: UUID | None, rests: str | None, after: Place | None, limit: int
    ) -> list[Row]:
        """Orders that go no further by themselves and need a person; the oldest first."""
        asked: list[ColumnElement[bool]] = [visible_to(who), within(report.c.village, division), _UNSETTLED]
        asked += [station_order.c.sent_by == unit] if unit else []
        asked += [RESTS.in_([rests]) if rests else RESTS.is_not(None)]
        asked += [tuple_(station_order.c.created_at, station_order.c.order_id) > after] if after else []
        return await all_rows(self.connection, _oldest_first(_shown().where(*asked)).limit(limit))

    async def resting(self) -> dict[str, tuple[int, datetime]]:
        """How many rest for each reason, and since when the oldest."""
        counted = (
            select(
                RESTS.label("rests"), func.count().label("orders"), func.min(station_order.c.moved_at).label("oldest")
            )
            .select_from(_joined())
            .where(_UNSETTLED, RESTS.is_not(None))
            .group_by(RESTS)
        )
        return {row.rests: (row.orders, row.oldest) for row in await self.connection.execute(counted)}

    async def to_fall_back(self, schemes: Collection[str], limit: int) -> list[Row]:
        """Orders under these schemes that came back or could not be delivered, locked, each with its unit's parent."""
        unit = metadata.tables["known_organisation"]
        query = (
            select(station_order, unit.c.parent)
            .select_from(_joined().join(unit, unit.c.org_id == station_order.c.station))
            .where(
                unit.c.parent.is_not(None), _UNSETTLED, RESTS.in_(("returned", "dead")), report.c.scheme.in_(schemes)
            )
            .order_by(station_order.c.created_at, station_order.c.order_id)
            .limit(limit)
        )
        return await all_rows(
            self.connection, query.with_for_update(key_share=True, skip_locked=True, of=station_order)
        )


def _delivery(order: Row) -> Row:
    """The order's id is its webhook-id."""
    of_order = {name: order[name] for name in ("order_id", "report_id", "station")}
    return of_order | {"delivery_id": order["order_id"], "event": ORDER}


def _oldest_first(query: Select[Any]) -> Select[Any]:
    return query.order_by(station_order.c.created_at, station_order.c.order_id)


def _joined() -> Any:
    return (
        station_order.join(report, report.c.report_id == station_order.c.report_id)
        .join(delivery, delivery.c.delivery_id == station_order.c.order_id)
        .outerjoin(endpoint, endpoint.c.org_id == station_order.c.station)
    )


def _waiting_for() -> ColumnElement[Any]:
    return case(
        (delivery.c.state != "pending", null()),
        (endpoint.c.org_id.is_(None), literal("endpoint")),
        (endpoint.c.paused_at.is_not(None), literal("endpoint_paused")),
        (func.greatest(endpoint.c.rests_until, endpoint.c.asked_until) > func.now(), literal("endpoint_rests")),
    ).label("waiting_for")


def _shown() -> Select[Any]:
    """Orders with how far their delivery got, what keeps a pending one from being sent, and why they need a person."""
    rests = case((_UNSETTLED, RESTS), else_=null()).label("rests")
    return (
        select(station_order, _waiting_for(), rests, report.c.classification)
        .add_columns(delivery.c.state.label("delivery"), delivery.c.attempts, delivery.c.next_at)
        .add_columns(delivery.c.delivered_at, report.c.village, report.c.kind, report.c.severity)
        .select_from(_joined())
    )
