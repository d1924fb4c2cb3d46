from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from services.personnel.app import MIGRATIONS, create_app
from services.personnel.tables import metadata
from shared.database.migrate import migrate
from shared.database.unit import Database
from shared.security.dev_issuer import ensure_dev_keys
from shared.settings import ServiceSettings
from tests.personnel.support import DEMO_DIVISIONS, FILES, Personnel
from tests.settings import without_broker

TABLES = ", ".join(sorted(metadata.tables.keys() - {"outbox_epoch"}))
WRITTEN = ("division", "outbox", "outbox_stream", "audit")


@pytest.fixture(scope="session")
async def running(
    make_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Personnel]:
    url, keys = make_database(), ensure_dev_keys(tmp_path_factory.mktemp("keys"))
    await migrate(url, MIGRATIONS)
    settings = without_broker(ServiceSettings, "personnel", url, keys)
    app, database = create_app(settings), Database(url)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://personnel") as client:
        yield Personnel(app, client, database, keys)
    await database.close()
    await app.state.database.close()


@pytest.fixture
async def empty(running: Personnel) -> Personnel:
    """The API on a migrated database without a row."""
    async with running.database.engine.begin() as connection:
        await connection.exec_driver_sql(f"TRUNCATE {TABLES}")
    return running


@pytest.fixture(scope="session")
async def county(running: Personnel) -> Personnel:
    """西华县's divisions imported once; what the import wrote is set aside."""
    async with running.database.engine.begin() as connection:
        await connection.exec_driver_sql(f"TRUNCATE {TABLES}")
    for kind in FILES:
        answer = await running.import_csv((DEMO_DIVISIONS / f"{kind}.csv").read_bytes(), kind)
        assert answer.status_code == 200, answer.text
    async with running.database.engine.begin() as connection:
        await connection.exec_driver_sql("CREATE SCHEMA county")
        for table in WRITTEN:
            await connection.exec_driver_sql(f"CREATE TABLE county.{table} AS SELECT * FROM public.{table}")
    return running


@pytest.fixture
async def personnel(county: Personnel, empty: Personnel) -> Personnel:
    """The API with 西华县's divisions as imported."""
    async with empty.database.engine.begin() as connection:
        for table in WRITTEN:
            await connection.exec_driver_sql(
                f"INSERT INTO public.{table} OVERRIDING SYSTEM VALUE SELECT * FROM county.{table}"
            )
    return empty
