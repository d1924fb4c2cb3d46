"""What personnel's facts have told us so far."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import func, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.intel.repository.rows import Row, one_row
from services.intel.tables import metadata
from shared.reference.queries import valid_on


def scheme_at(village: str, day: str) -> str:
    """SQL: the scheme bound to the narrowest jurisdiction around a village on a day."""
    return f"""(SELECT b.scheme FROM known_binding b
        WHERE starts_with({village}, b.jurisdiction) AND {valid_on("b", day)}
        ORDER BY length(b.jurisdiction) DESC, b.valid_from DESC, b.binding_id LIMIT 1)"""  # noqa: S608


_SCHEME = text(f"SELECT {scheme_at('CAST(:village AS text)', 'CAST(:day AS date)')}")
_OFFICER = text(
    """
    SELECT officer_id FROM known_officer
    WHERE officer_id = CAST(:id AS uuid) OR badge = CAST(:badge AS text) ORDER BY status = 'left', officer_id LIMIT 1
    """
)
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

    async def village(self, code: str) -> bool:
        """Whether this division is known here."""
        division = metadata.tables["known_division"]
        return await one_row(self.connection, division.select().where(division.c.code == code)) is not None

    async def officer(self, id: UUID | None, badge: str | None) -> UUID | None:
        """The officer with this id or badge number."""
        found: UUID | None = await self.connection.scalar(_OFFICER, {"id": id, "badge": badge})
        return found

    async def scheme(self, village: str, day: date) -> str | None:
        """The scheme that applies to a village on a day."""
        found: str | None = await self.connection.scalar(_SCHEME, {"village": village, "day": day})
        return found

    async def organisation(self, org_id: UUID) -> Row | None:
        """One organisation as last published."""
        table = metadata.tables["known_organisation"]
        return await one_row(self.connection, table.select().where(table.c.org_id == org_id))

    async def served(self, org_id: UUID) -> list[str]:
        """All divisions an organisation is responsible for, of itself or through its areas."""
        return list(await self.connection.scalars(_SERVED, {"org": org_id}))

    async def unit_of(self, officer_id: UUID) -> UUID | None:
        """The organisation an officer works for: his station, else his employer."""
        table = metadata.tables["known_officer"]
        unit = func.coalesce(table.c.station, table.c.employer)
        found: UUID | None = await self.connection.scalar(select(unit).where(table.c.officer_id == officer_id))
        return found

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
