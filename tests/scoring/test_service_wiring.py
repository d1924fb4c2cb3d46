from __future__ import annotations

from collections.abc import Callable
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from services.scoring.app import MIGRATIONS, create_worker
from services.scoring.handlers import HANDLERS
from services.scoring.tables import metadata
from shared.contracts.registry import topics_for
from shared.database.migrate import migrate
from shared.database.unit import Database
from shared.settings import ServiceSettings
from tests.scoring.world import DEMO_SCHEMES


async def test_migrations_give_exactly_the_tables_of_the_code(database: Database) -> None:
    def difference(connection: Any) -> Any:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.engine.connect() as connection:
        assert await connection.run_sync(difference) == []


def test_every_topic_listed_for_scoring_has_its_handler() -> None:
    assert HANDLERS.keys() == set(topics_for("scoring"))


async def test_the_worker_hears_every_topic_and_recomputes(make_database: Callable[[], str]) -> None:
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

    assert worker.handlers.keys() == set(topics_for("scoring"))
    assert [ticker.name for ticker in worker.tickers] == ["recompute", "calendar"]
    assert more == [False, False]
    await worker.database.close()
