"""Whose a matter is, and which verified activities may settle it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intel.repository.rows import Row, all_rows, one_row
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

    async def settle(self, activities: Collection[UUID], values: Row) -> list[Row]:
        """Write what follows for those of these activities in which a dispute was entered as resolved."""
        those = settled_dispute.c.activity_id.in_(activities)
        written = update(settled_dispute).where(those).values(dict(values)).returning(settled_dispute)
        return await all_rows(self.connection, written)

    async def being_done(self) -> Row | None:
        """A settlement of whose matter some reports may be left, locked."""
        doing = select(settled_dispute).where(settled_dispute.c.doing.is_not(None))
        query = doing.order_by(settled_dispute.c.activity_id).limit(1).with_for_update(skip_locked=True)
        return await one_row(self.connection, query)
