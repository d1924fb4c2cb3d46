"""Rows as plain mappings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection

Row = Mapping[str, Any]


async def all_rows(connection: AsyncConnection, query: Executable, values: Row | None = None) -> list[Row]:
    """Every row of the answer."""
    return [dict(row) for row in (await connection.execute(query, values)).mappings()]


async def one_row(connection: AsyncConnection, query: Executable, values: Row | None = None) -> Row | None:
    """The only row, or None."""
    row = (await connection.execute(query, values)).mappings().one_or_none()
    return None if row is None else dict(row)
