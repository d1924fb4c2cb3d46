"""Whose a matter is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fieldwork.tables import matter
from shared.ids import owners_by_name

_ADD = text(
    """
    INSERT INTO matter (id, county)
    SELECT * FROM unnest(CAST(:ids AS uuid[]), CAST(:counties AS text[])) AS m(id, county) ORDER BY id
    ON CONFLICT (id) DO NOTHING
    """
)


async def owners(connection: AsyncConnection, ids: Collection[UUID]) -> dict[UUID, str]:
    """The county of each matter that somebody named before, or whose id tells it."""
    rows = await connection.execute(select(matter).where(matter.c.id.in_(list(ids))))
    return {row.id: row.county for row in rows} | owners_by_name(ids)


async def add(connection: AsyncConnection, counties: Mapping[UUID, str]) -> None:
    """A matter stays the county's that named it first."""
    if counties:
        await connection.execute(_ADD, {"ids": list(counties), "counties": list(counties.values())})
