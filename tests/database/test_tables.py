"""What the shared tables themselves refuse."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.database.migrate import migrate

MIGRATIONS = Path(__file__).parents[2] / "services" / "fieldwork" / "migrations"


async def test_there_is_one_epoch_and_no_second_one(make_database: Callable[[], str]) -> None:
    url = make_database()
    await migrate(url, MIGRATIONS)
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        assert (await connection.execute(text("SELECT number FROM outbox_epoch"))).scalars().all() == [0]
        for row in ("(number) VALUES (1)", "(single, number) VALUES (false, 1)"):
            with pytest.raises(IntegrityError):
                await connection.execute(text(f"INSERT INTO outbox_epoch {row}"))
            await connection.rollback()
    await engine.dispose()
