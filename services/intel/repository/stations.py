"""The stations' endpoints and the calls that came back from them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, select, union_all, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intel.repository.rows import Row, all_rows, one_row
from services.intel.rules.delivery import TEST
from services.intel.tables import callback, delivery, endpoint, metadata
from shared.security.jurisdiction import within
from shared.security.principal import Principal


@dataclass(frozen=True)
class Stations:
    """Endpoints and callbacks."""

    connection: AsyncConnection

    async def endpoint(self, org_id: UUID) -> Row | None:
        """Where a station is called and the secret it signs with."""
        return await one_row(self.connection, endpoint.select().where(endpoint.c.org_id == org_id))

    async def put_endpoint(self, row: Row) -> None:
        """Set or replace an endpoint."""
        new = insert(endpoint).values(dict(row))
        changed = {name: new.excluded[name] for name in row if name != "org_id"}
        await self.connection.execute(new.on_conflict_do_update(index_elements=["org_id"], set_=changed))

    async def lock(self, org_id: UUID) -> Row | None:
        """The endpoint, held: nobody takes deliveries for it meanwhile."""
        held = endpoint.select().where(endpoint.c.org_id == org_id).with_for_update(key_share=True)
        return await one_row(self.connection, held)

    async def set(self, org_id: UUID, values: Row) -> None:
        """Write how it stands."""
        await self.connection.execute(update(endpoint).where(endpoint.c.org_id == org_id).values(dict(values)))

    async def delete(self, org_id: UUID) -> None:
        """Forget an endpoint."""
        await self.connection.execute(endpoint.delete().where(endpoint.c.org_id == org_id))

    async def shown(self, org_id: UUID) -> Row | None:
        """An endpoint and how many deliveries wait for it or were given up."""
        return await one_row(self.connection, _shown().where(endpoint.c.org_id == org_id))

    async def page(self, who: Principal, after: UUID | None, limit: int) -> list[Row]:
        """The endpoints of stations that serve something inside the caller's jurisdiction."""
        query = _shown().where(_serves_within(who.division))
        if after:
            query = query.where(endpoint.c.org_id > after)
        return await all_rows(self.connection, query.order_by(endpoint.c.org_id).limit(limit))

    async def callback(self, org_id: UUID, webhook_id: str) -> Row | None:
        """A call seen before."""
        seen = callback.select().where(callback.c.org_id == org_id, callback.c.webhook_id == webhook_id)
        return await one_row(self.connection, seen)

    async def add_callback(self, row: Row) -> bool:
        """Remember a call and its answer; False when the id is taken."""
        once = insert(callback).values(dict(row)).on_conflict_do_nothing().returning(callback.c.org_id)
        return (await self.connection.execute(once)).scalar_one_or_none() is not None


def _shown() -> Select[Any]:
    of_it = (delivery.c.station == endpoint.c.org_id) & (delivery.c.event != TEST)
    pending, dead = (
        select(func.count()).select_from(delivery).where(of_it, delivery.c.state == state).scalar_subquery()
        for state in ("pending", "dead")
    )
    return select(endpoint, pending.label("pending"), dead.label("dead"))


def _serves_within(division: str) -> ColumnElement[bool]:
    organisation, area = metadata.tables["known_organisation"], metadata.tables["known_area"]
    served = union_all(
        select(organisation.c.org_id, func.unnest(organisation.c.serves).label("code")),
        select(area.c.station, func.unnest(area.c.villages)),
    ).subquery()
    return endpoint.c.org_id.in_(select(served.c.org_id).where(within(served.c.code, division)))
