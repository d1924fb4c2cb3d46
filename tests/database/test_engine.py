"""An owner that falls silent loses its session, and with it its locks, wherever it was."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database.engine import owning_connection

GOAL = 15.0
"""Seconds after which another worker must be able to go on."""


async def _idle(driver: Any) -> None:
    await driver.execute("SELECT 1")


async def _in_a_transaction(driver: Any) -> None:
    await driver.execute("BEGIN")


async def _between_two_messages_of_a_statement(driver: Any) -> None:
    await driver.prepare("SELECT 1")


@pytest.mark.parametrize("fall_silent", [_idle, _in_a_transaction, _between_two_messages_of_a_statement])
async def test_a_silent_owner_loses_its_session(
    fall_silent: Callable[[Any], Awaitable[None]], make_database: Callable[[], str]
) -> None:
    lost = asyncio.Event()
    connection = await owning_connection(make_database(), lost.set, "test owner")
    await fall_silent(await _driver(connection))
    async with asyncio.timeout(GOAL):
        await lost.wait()
    await connection.invalidate()
    await connection.close()


async def _driver(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection
