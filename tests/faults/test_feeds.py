"""Promise 16: whoever reads a feed on from his last position misses nothing, however late a writer commits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.fieldwork.repository import changes
from services.fieldwork.repository.changes import Change
from services.fieldwork.tables import change, feed, metadata
from shared.clock import system_clock
from shared.database.unit import Database
from shared.ids import new_id
from shared.security.principal import Principal
from tests.faults.broken import append_by_id, read_by_time
from tests.faults.conftest import Keep, pick

WRITERS = 8
COUNTIES = ("411622", "411623")
WHO = Principal("test", frozenset(), "4116", "restricted", None)

Append = Callable[[AsyncConnection, Sequence[Change], datetime], Awaitable[None]]
Page = Callable[[AsyncConnection, str, list[dict[str, Any]]], Awaitable[list[dict[str, Any]]]]


async def read_on(connection: AsyncConnection, county: str, seen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return await changes.read(connection, county, WHO, seen[-1]["position"] if seen else 0, 20)


@pytest.fixture
async def database(make_database: Callable[[], str]) -> AsyncIterator[Database]:
    """A database with a feed in it, and the sequence that a control numbers it by."""
    database = Database(make_database())
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all, tables=[feed, change])
        await connection.execute(text("CREATE SEQUENCE change_id"))
    yield database
    await database.close()


async def _write(database: Database, append: Append, transactions: int) -> list[UUID]:
    """Transactions of one to four changes that keep their numbers for a while before they commit them."""
    written = []
    for _ in range(transactions):
        told = [
            Change(f"{random.choice(COUNTIES)}100201", "activity", new_id(), "recorded")
            for _ in range(random.randint(1, 4))
        ]
        async with database.unit() as unit:
            await asyncio.sleep(random.choice((0, 0.002, 0.01)))
            await append(unit.connection, told, system_clock())
            await asyncio.sleep(random.choice((0, 0, 0.005, 0.02)))
        written += [one.item_id for one in told]
    return written


async def _read(database: Database, county: str, page: Page, writing: asyncio.Future[Any]) -> list[UUID]:
    """Everything a client sees that asks again and again for what came after."""
    seen: list[dict[str, Any]] = []
    while True:
        last_round = writing.done()
        async with database.engine.connect() as connection:
            found = await page(connection, county, seen)
        seen += found
        if last_round and not found:
            return [row["item_id"] for row in seen]
        await asyncio.sleep(0)


async def _missed(database: Database, append: Append, page: Page, transactions: int) -> tuple[int, int, int]:
    """How many changes were written, how many a reader missed, how many he saw twice."""
    writing = asyncio.gather(*(_write(database, append, transactions) for _ in range(WRITERS)))
    read = await asyncio.gather(*(_read(database, county, page, writing) for county in COUNTIES))
    written = {item for items in await writing for item in items}
    seen = [item for items in read for item in items]
    return len(written), len(written - set(seen)), len(seen) - len(set(seen))


async def test_a_feed_misses_nothing_however_late_a_writer_commits(database: Database, keep: Keep) -> None:
    transactions = pick(30, 600)
    written, missed, twice = await _missed(database, changes.append, read_on, transactions)
    assert (missed, twice) == (0, 0)
    keep(16, "feeds", f"{WRITERS} writers, {written:,} changes of {len(COUNTIES)} counties", f"rows missed {missed}")


async def test_control_a_cursor_by_id_misses_changes(database: Database, keep: Keep) -> None:
    written, missed, _ = await _missed(database, append_by_id, read_on, 30)
    assert missed > 0
    keep(16, "control: cursor by id", f"{WRITERS} writers, {written:,} changes", f"rows missed {missed}")


async def test_control_a_cursor_by_time_misses_changes(database: Database, keep: Keep) -> None:
    written, missed, _ = await _missed(database, changes.append, read_by_time, 30)
    assert missed > 0
    keep(16, "control: cursor by recorded_at", f"{WRITERS} writers, {written:,} changes", f"rows missed {missed}")
