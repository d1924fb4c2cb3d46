from __future__ import annotations

from collections.abc import Callable

from services.scoring.app import MIGRATIONS, create_worker
from shared.database.migrate import migrate
from shared.settings import ServiceSettings
from tests.scoring.world import DEMO_SCHEMES


async def test_the_worker_recomputes_and_keeps_up_with_the_calendar(make_database: Callable[[], str]) -> None:
    settings = ServiceSettings.of(
        "scoring",
        database_url=make_database(),
        kafka_bootstrap_servers="127.0.0.1:1",
        jwt_issuer="x",
        jwt_audience="x",
        jwks="x",
        schemes_dir=DEMO_SCHEMES,
    )
    worker = create_worker(settings)
    await migrate(settings.database_url, MIGRATIONS)

    async with worker.database.unit() as unit:
        more = [await ticker.tick(unit) for ticker in worker.tickers]

    assert [ticker.name for ticker in worker.tickers] == ["recompute", "recompute apart", "failed sheets", "calendar"]
    assert more == [False, False, False, False]
    await worker.database.close()
