"""An owner that falls silent loses its session, and with it its locks, wherever it was."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from shared.database.engine import owning_connection

GOAL = 15.0
"""Seconds after which another worker must be able to go on."""


async def _idle(driver: Any) -> None:
    await driver.execute("SELECT 1")


async def _in_a_transaction(driver: Any) -> None:
    await driver.execute("BEGIN")


async def _between_two_messages_of_a_statement(driver: Any) -> None:
    await driver.prepare("SELECT 1")


async def _loses_its_session(url: str, fall_silent: Callable[[Any], Awaitable[None]]) -> None:
    lost = asyncio.Event()
    connection = await owning_connection(url, lost.set, "test owner")
    await fall_silent((await connection.get_raw_connection()).driver_connection)
    await lost.wait()
    await connection.invalidate()
    await connection.close()


async def test_a_silent_owner_loses_its_session_wherever_it_was(make_database: Callable[[], str]) -> None:
    url = make_database()
    async with asyncio.timeout(GOAL), asyncio.TaskGroup() as owners:
        for fall_silent in (_idle, _in_a_transaction, _between_two_messages_of_a_statement):
            owners.create_task(_loses_its_session(url, fall_silent))
