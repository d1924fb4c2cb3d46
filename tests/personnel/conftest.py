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
from tests.owner import as_owner
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
    await as_owner(running.database.url, f"TRUNCATE {TABLES}")
    return running


@pytest.fixture(scope="session")
async def county(running: Personnel) -> Personnel:
    """西华县's divisions imported once; what the import wrote is set aside."""
    await as_owner(running.database.url, f"TRUNCATE {TABLES}")
    for kind in FILES:
        answer = await running.import_csv((DEMO_DIVISIONS / f"{kind}.csv").read_bytes(), kind)
        assert answer.status_code == 200, answer.text
    copies = [f"CREATE TABLE county.{table} AS SELECT * FROM public.{table}" for table in WRITTEN]
    await as_owner(running.database.url, "CREATE SCHEMA county", *copies)
    return running


@pytest.fixture
async def personnel(county: Personnel, empty: Personnel) -> Personnel:
    """The API with 西华县's divisions as imported."""
    into = "INSERT INTO public.{0} OVERRIDING SYSTEM VALUE SELECT * FROM county.{0}"
    await as_owner(empty.database.url, *(into.format(table) for table in WRITTEN))
    return empty
