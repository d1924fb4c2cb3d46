"""What the API does while the broker is away: it accepts, tells how much waits, and refuses in the end."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text
from sqlalchemy.exc import TimeoutError as NoConnectionFree
from starlette.requests import Request

from shared.messaging import backlog as backlog_module
from shared.messaging.backlog import Backlog, require_room
from shared.web.problems import BacklogFull
from tests.messaging.support import OFFICERS, Lane


def _request(backlog: Backlog, method: str) -> Request:
    app: Any = SimpleNamespace(state=SimpleNamespace(backlog=backlog))
    return Request(cast(Any, {"type": "http", "method": method, "app": app, "headers": []}))


async def test_what_waits_is_told_also_while_no_relay_works(lane: Lane) -> None:
    backlog = Backlog(lane.publisher, lane.topic)
    await backlog.look()
    assert REGISTRY.get_sample_value("cunjing_outbox_depth", {"service": lane.topic}) == 0
    await lane.publish(*OFFICERS)
    async with lane.publisher.engine.begin() as connection:
        await connection.execute(text("UPDATE outbox SET recorded_at = recorded_at - interval '1 hour'"))
    await backlog.look()
    assert REGISTRY.get_sample_value("cunjing_outbox_depth", {"service": lane.topic}) == len(OFFICERS)
    age = REGISTRY.get_sample_value("cunjing_outbox_age_seconds", {"service": lane.topic})
    assert age is not None
    assert age > 3599


async def test_the_look_goes_on_when_no_connection_came_free(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> None:
    backlog, looks = Backlog(lane.publisher, lane.topic), asyncio.Event()

    async def look() -> None:
        if backlog.full:
            looks.set()
        backlog.full = True
        raise NoConnectionFree

    monkeypatch.setattr(backlog, "look", look)
    monkeypatch.setattr(backlog_module, "LOOK_EVERY", 0)
    watching = asyncio.create_task(backlog.watch())
    async with asyncio.timeout(10):
        await looks.wait()
    assert not watching.done()
    watching.cancel()


async def test_beyond_the_limit_writing_is_refused_and_reading_is_not(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backlog_module, "LIMIT", len(OFFICERS) - 1)
    backlog = Backlog(lane.publisher, lane.topic)
    await lane.publish(*OFFICERS)
    await backlog.look()
    require_room(_request(backlog, "GET"))
    with pytest.raises(BacklogFull) as refusal:
        require_room(_request(backlog, "POST"))
    assert (refusal.value.status, refusal.value.headers["Retry-After"]) == (503, "60")
    async with lane.publisher.engine.begin() as connection:
        await connection.execute(text("UPDATE outbox SET published_at = now()"))
    await backlog.look()
    require_room(_request(backlog, "POST"))
