"""A county that sends more than can be answered holds up itself."""

from __future__ import annotations

import asyncio

from sqlalchemy import text

from shared.web import turns
from tests.fieldwork.support import Fieldwork, visit

OF_ONE = turns.BOUNDS.at_once - turns.BOUNDS.spare


async def test_another_county_is_answered_while_everything_that_a_county_sends_stands_still(
    fieldwork: Fieldwork,
) -> None:
    async with fieldwork.database.engine.begin() as connection:
        await connection.execute(text("LOCK TABLE activity IN SHARE MODE"))
        flood = [asyncio.create_task(fieldwork.sync(visit())) for _ in range(40)]
        await fieldwork.until_blocked(*flood[:OF_ONE])
        quiet = await fieldwork.get("/v1/changes", division="411681")
        assert quiet.status_code == 200
        blocked = "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        assert len(await fieldwork.rows(blocked)) <= OF_ONE
        assert not any(request.done() and request.result().status_code == 200 for request in flood)
    assert {(await request).status_code for request in flood} & {200}
