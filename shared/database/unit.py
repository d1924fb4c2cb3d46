"""One transaction per use case: its connection, the facts it publishes, the time it happens at."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.clock import Clock, system_clock
from shared.database.engine import pooled_engine
from shared.messaging.outbox import Outbox


@dataclass(frozen=True)
class Unit:
    """What one use case works with; only the edge (route, consumer batch, tick) begins and commits."""

    connection: AsyncConnection
    outbox: Outbox
    now: datetime


@asynccontextmanager
async def unit_on(connection: AsyncConnection, now: datetime) -> AsyncGenerator[Unit]:
    """A transaction on this connection; its facts are flushed as the last statement before COMMIT."""
    async with connection.begin():
        outbox = Outbox(now)
        yield Unit(connection, outbox, now)
        await outbox.flush(connection)


class Database:
    """A service's own database."""

    def __init__(self, url: str, *, clock: Clock = system_clock) -> None:
        self.url = url
        self.clock = clock
        self.engine: AsyncEngine = pooled_engine(url)

    @asynccontextmanager
    async def unit(self) -> AsyncGenerator[Unit]:
        """One transaction: committed on exit, rolled back with all its facts on any error."""
        async with self.engine.connect() as connection, unit_on(connection, self.clock()) as unit:
            yield unit

    async def close(self) -> None:
        """Close all pooled connections."""
        await self.engine.dispose()
