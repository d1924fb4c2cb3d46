"""Who was refused what, how often: one audit row for each subject, route and minute."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI
from prometheus_client import REGISTRY
from sqlalchemy import text

from shared.database.unit import Database
from shared.security.caller import Caller
from shared.security.dependencies import requires
from shared.security.dev_issuer import ensure_dev_keys
from shared.security.principal import Principal
from shared.web import refusals
from shared.web.problems import NotFound, Problem
from shared.web.refusals import MOST, OTHERS, Refusals
from tests.messaging.support import create_tables
from tests.security.tokens import signed
from tests.web.apps import client_of, tiny_app

NOON = datetime(2026, 10, 1, 4, 0, 30, tzinfo=UTC)
MINUTE = NOON.replace(second=0)
Reader = Annotated[Principal, Depends(requires("fieldwork:read"))]


class TooMany(Problem):
    """More than one's share."""

    status = 429
    code = "too_many"
    title = "x"


def _router() -> APIRouter:
    router = APIRouter(prefix="/v1")

    @router.get("/things/{number}")
    async def read(number: int, who: Reader) -> int:
        if number == 429:
            raise TooMany("x")
        if number == 404:
            raise NotFound("x")
        return number

    @router.post("/things")
    async def write(who: Annotated[Principal, Depends(requires("fieldwork:write"))]) -> None: ...

    return router


@pytest.fixture
async def database(make_database: Callable[[], str]) -> AsyncIterator[Database]:
    url = make_database()
    await create_tables(url)
    database = Database(url)
    yield database
    await database.close()


@pytest.fixture
def app(tmp_path: Path, database: Database) -> FastAPI:
    return tiny_app(tmp_path, [_router()], database=database)


@pytest.fixture
async def client(app: FastAPI, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    """With a token that may read."""
    token = signed(ensure_dev_keys(tmp_path), sub="phone 7")
    async with client_of(app, authorization=f"Bearer {token}") as client:
        yield client


async def _audited(database: Database) -> list[tuple[Any, ...]]:
    query = text("SELECT at, subject, action, object, result FROM audit ORDER BY id")
    async with database.engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(query)]


async def test_refusals_of_a_minute_are_counted_and_what_was_granted_is_not(
    app: FastAPI, client: httpx.AsyncClient, database: Database
) -> None:
    app.state.refusals._clock = lambda: NOON
    for path in ("1", "404", "404", "404", "429", "not-a-number"):
        await client.get(f"/v1/things/{path}")
    assert (await client.post("/v1/things")).status_code == 403
    await app.state.refusals.write_all(database)
    assert await _audited(database) == [
        (MINUTE, "phone 7", "refused", "GET /v1/things/{number} 404", "3"),
        (MINUTE, "phone 7", "refused", "GET /v1/things/{number} 429", "1"),
        (MINUTE, "phone 7", "refused", "POST /v1/things 403", "1"),
    ]
    await app.state.refusals.write_all(database)
    assert len(await _audited(database)) == 3


@pytest.mark.parametrize("token", [None, "Bearer nonsense"])
async def test_without_a_good_token_only_metrics_count(app: FastAPI, database: Database, token: str | None) -> None:
    labels = {"service": "tiny", "method": "GET", "route": "/v1/things/{number}", "status": "401"}
    before = REGISTRY.get_sample_value("cunjing_http_requests_total", labels) or 0
    async with client_of(app, **({"authorization": token} if token else {})) as client:
        assert (await client.get("/v1/things/1")).status_code == 401
    await app.state.refusals.write_all(database)
    assert await _audited(database) == []
    assert REGISTRY.get_sample_value("cunjing_http_requests_total", labels) == before + 1


async def test_a_request_without_a_token_is_not_taken_for_the_one_before_it(
    app: FastAPI, client: httpx.AsyncClient, database: Database
) -> None:
    await client.get("/v1/things/1")
    del client.headers["authorization"]
    await client.get("/v1/things/404")
    await app.state.refusals.write_all(database)
    assert await _audited(database) == []


async def test_what_was_refused_is_audited_before_the_process_ends(
    app: FastAPI, client: httpx.AsyncClient, database: Database
) -> None:
    async with app.router.lifespan_context(app):
        await client.get("/v1/things/404")
    assert [row[3] for row in await _audited(database)] == ["GET /v1/things/{number} 404"]


async def test_a_minute_is_audited_once_when_it_is_over(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(refusals, "WRITE_EVERY", 0.02)
    now = NOON
    counting = Refusals(lambda: now)
    for _ in range(2):
        counting.note(Caller("one"), "GET /x", 403)
    now += timedelta(minutes=1)
    counting.note(Caller("one"), "GET /x", 403)
    writing = asyncio.create_task(counting.write_for_ever(database))
    async with asyncio.timeout(30):
        while not await _audited(database):
            await asyncio.sleep(0.02)
    writing.cancel()
    assert await _audited(database) == [(MINUTE, "one", "refused", "GET /x 403", "2")]
    await counting.write_all(database)
    assert [row[4] for row in await _audited(database)] == ["2", "1"]


async def test_however_many_subjects_are_refused_few_are_remembered(database: Database) -> None:
    counting = Refusals(lambda: NOON)
    for number in range(MOST + 500):
        counting.note(Caller(f"subject {number}"), "GET /x", 403)
    counting.note(Caller("subject 1"), "GET /x", 403)
    await counting.write_all(database)
    rows = await _audited(database)
    assert len(rows) == MOST + 1
    counted = {row[1]: row[4] for row in rows}
    assert (counted[OTHERS], counted["subject 1"]) == ("500", "2")


async def test_what_cannot_be_written_now_is_written_later(database: Database) -> None:
    counting = Refusals(lambda: NOON)
    counting.note(Caller("one"), "GET /x", 403)
    nowhere = Database(database.url.replace("host=", "host=/nowhere"))
    await counting.write_all(nowhere)
    counting.note(Caller("one"), "GET /x", 403)
    await counting.write_all(database)
    assert [row[4] for row in await _audited(database)] == ["2"]
