"""What is known of ids that a client sends again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from uuid import UUID

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

Hashes = Callable[[AsyncConnection, Iterable[UUID]], Awaitable[dict[UUID, bytes]]]


def hashes_in(table: Table) -> Hashes:
    """A question to a table of items: the content hashes of those ids that it keeps."""
    statement = text(f"SELECT id, content_hash FROM {table.name} WHERE id = ANY(CAST(:ids AS uuid[]))")  # noqa: S608

    async def hashes(connection: AsyncConnection, ids: Iterable[UUID]) -> dict[UUID, bytes]:
        asked = list(ids)
        if not asked:
            return {}
        return {row.id: row.content_hash for row in await connection.execute(statement, {"ids": asked})}

    return hashes
