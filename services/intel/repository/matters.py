"""Whose a matter is, and which verified activities may settle it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intel.repository.rows import Row, all_rows
from services.intel.tables import matter, settled_dispute
from shared.ids import owners_by_name


@dataclass(frozen=True)
class Matters:
    """Matters of this service's database."""

    connection: AsyncConnection

    async def owners(self, matters: Collection[UUID]) -> dict[UUID, str]:
        """The county of each that somebody named before, or whose id tells it."""
        rows = await self.connection.execute(select(matter).where(matter.c.matter_id.in_(matters)))
        return {row.matter_id: row.county for row in rows} | owners_by_name(matters)

    async def add(self, counties: Mapping[UUID, str]) -> None:
        """A matter stays the county's that named it first."""
        if counties:
            rows = [{"matter_id": id, "county": counties[id]} for id in sorted(counties)]
            await self.connection.execute(insert(matter).on_conflict_do_nothing(), rows)

    async def remember_settled(self, rows: Sequence[Row]) -> None:
        """Activities in which a dispute was entered as resolved, with their matters."""
        if rows:
            await self.connection.execute(insert(settled_dispute).on_conflict_do_nothing(), [dict(r) for r in rows])

    async def settled(self, activities: Collection[UUID]) -> list[Row]:
        """What these activities entered as resolved, and when."""
        query = select(settled_dispute).where(settled_dispute.c.activity_id.in_(activities))
        return await all_rows(self.connection, query.order_by(settled_dispute.c.settled_at))
