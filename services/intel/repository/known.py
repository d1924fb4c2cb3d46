"""What personnel's facts have told us so far."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intel.repository.rows import Row, one_row
from services.intel.tables import metadata

_SERVED = text(
    """
    SELECT unnest(serves) FROM known_organisation WHERE org_id = :org
    UNION SELECT unnest(villages) FROM known_area WHERE station = :org
    """
)


@dataclass(frozen=True)
class Known:
    """Questions about villages, officers and organisations."""

    connection: AsyncConnection

    async def village(self, code: str) -> Row | None:
        """A village as last published."""
        table = metadata.tables["known_division"]
        return await one_row(self.connection, table.select().where(table.c.code == code, table.c.level == "village"))

    async def organisation(self, org_id: UUID) -> Row | None:
        """One organisation as last published."""
        table = metadata.tables["known_organisation"]
        return await one_row(self.connection, table.select().where(table.c.org_id == org_id))

    async def served(self, org_id: UUID) -> list[str]:
        """All divisions an organisation is responsible for, of itself or through its areas."""
        return list(await self.connection.scalars(_SERVED, {"org": org_id}))

    async def units_of(self, officers: Collection[UUID]) -> dict[UUID, UUID]:
        """The organisation each officer works for: his station, else his employer."""
        table = metadata.tables["known_officer"]
        unit = func.coalesce(table.c.station, table.c.employer).label("unit")
        rows = await self.connection.execute(select(table.c.officer_id, unit).where(table.c.officer_id.in_(officers)))
        return {row.officer_id: row.unit for row in rows}

    async def organisation_names(self, ids: Collection[UUID]) -> dict[UUID, str]:
        """Names for a timeline."""
        table = metadata.tables["known_organisation"]
        rows = await self.connection.execute(table.select().where(table.c.org_id.in_(ids)))
        return {row.org_id: row.name for row in rows}

    async def officer_names(self, ids: Collection[UUID]) -> dict[UUID, str]:
        """Names for a timeline."""
        table = metadata.tables["known_officer"]
        rows = await self.connection.execute(table.select().where(table.c.officer_id.in_(ids)))
        return {row.officer_id: row.name for row in rows}
