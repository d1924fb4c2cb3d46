"""The stations' endpoints and the calls that came back from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intel.repository.rows import Row, one_row
from services.intel.tables import callback, endpoint


@dataclass(frozen=True)
class Stations:
    """Endpoints and callbacks."""

    connection: AsyncConnection

    async def endpoint(self, org_id: UUID) -> Row | None:
        """Where a station is called and the secret it signs with."""
        return await one_row(self.connection, endpoint.select().where(endpoint.c.org_id == org_id))

    async def put_endpoint(self, row: Row) -> Row:
        """Set or replace an endpoint."""
        new = insert(endpoint).values(dict(row))
        kept = new.on_conflict_do_update(
            index_elements=["org_id"], set_={name: new.excluded[name] for name in row if name != "org_id"}
        ).returning(*endpoint.c)
        return dict((await self.connection.execute(kept)).mappings().one())

    async def pause(self, org_id: UUID, now: datetime) -> None:
        """Stop calling a station that says its address is gone, until somebody sets it anew."""
        await self.connection.execute(update(endpoint).where(endpoint.c.org_id == org_id).values(paused_at=now))

    async def callback(self, org_id: UUID, webhook_id: str) -> Row | None:
        """A call seen before."""
        seen = callback.select().where(callback.c.org_id == org_id, callback.c.webhook_id == webhook_id)
        return await one_row(self.connection, seen)

    async def add_callback(self, row: Row) -> bool:
        """Remember a call and its answer; False when the id is taken."""
        once = insert(callback).values(dict(row)).on_conflict_do_nothing().returning(callback.c.org_id)
        return (await self.connection.execute(once)).scalar_one_or_none() is not None
