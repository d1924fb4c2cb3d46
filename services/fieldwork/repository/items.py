"""What is known of ids that a client sends again."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fieldwork.tables import activity, arrival, certificate, departure

_HASHES = {
    table.name: text(
        f"SELECT id, content_hash FROM {table.name} WHERE id = ANY(CAST(:ids AS uuid[]))"  # noqa: S608
    )
    for table in (activity, arrival, departure, certificate)
}


async def hashes(connection: AsyncConnection, table: Table, ids: Iterable[UUID]) -> dict[UUID, bytes]:
    """The content hashes of those ids that are kept in the table."""
    asked = list(ids)
    if not asked:
        return {}
    return {row.id: row.content_hash for row in await connection.execute(_HASHES[table.name], {"ids": asked})}
