from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from services.scoring.app import MIGRATIONS, create_worker
from shared.database.migrate import migrate
from shared.messaging.worker import Worker
from shared.observability.metrics import TICKS_FAILED
from shared.settings import ServiceSettings
from tests.owner import as_owner
from tests.scoring.world import DEMO_SCHEMES


async def test_the_worker_recomputes_and_keeps_up_with_the_calendar(make_database: Callable[[], str]) -> None:
    worker = await _worker(make_database())

    async with worker.database.unit() as unit:
        more = [await ticker.tick(unit) for ticker in worker.tickers]

    assert [ticker.name for ticker in worker.tickers] == ["recompute", "recompute apart", "failed sheets", "calendar"]
    assert more == [False, False, False, False]
    await worker.database.close()


async def test_the_worker_goes_on_without_its_calendar_and_without_trying_again(
    make_database: Callable[[], str],
) -> None:
    worker = await _worker(make_database())
    await as_owner(worker.database.url, "DROP TABLE sheet_failure, opened_month")
    often = [replace(ticker, interval=timedelta(milliseconds=10)) for ticker in worker.tickers[2:]]

    def failed_twice() -> bool:
        return all(TICKS_FAILED.labels("scoring", ticker.name)._value.get() >= 2 for ticker in often)

    parts = [asyncio.create_task(worker._tick_for_ever(ticker)) for ticker in often]
    async with asyncio.timeout(60):
        while not failed_twice() and not any(part.done() for part in parts):
            await asyncio.sleep(0.01)
    assert not any(part.done() for part in parts)
    for part in parts:
        part.cancel()
    await asyncio.wait(parts)
    await worker.database.close()


async def _worker(url: str) -> Worker:
    settings = ServiceSettings.of(
        "scoring",
        database_url=url,
        kafka_bootstrap_servers="127.0.0.1:1",
        jwt_issuer="x",
        jwt_audience="x",
        jwks="x",
        schemes_dir=DEMO_SCHEMES,
    )
    await migrate(url, MIGRATIONS)
    return create_worker(settings)
