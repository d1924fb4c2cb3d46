from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import httpx
import pytest

from services.fieldwork.app import MIGRATIONS, create_app
from services.fieldwork.tables import metadata
from shared.database.migrate import migrate
from shared.database.unit import Database
from shared.security.dev_issuer import ensure_dev_keys
from shared.settings import ServiceSettings
from tests.fieldwork.support import WORLD, Fieldwork, Time
from tests.owner import as_owner
from tests.settings import without_broker

_EMPTY = f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY"


@pytest.fixture(scope="session")
async def service(
    make_database: Callable[[], str], tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Fieldwork]:
    """The API on a migrated database; `blank` empties it for each test."""
    url, keys = make_database(), ensure_dev_keys(tmp_path_factory.mktemp("fieldwork") / "keys")
    await migrate(url, MIGRATIONS)
    settings = without_broker(ServiceSettings, "fieldwork", url, keys)
    time = Time()
    app, database = create_app(settings), Database(url, clock=time)
    app.state.database.clock = time
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://fieldwork") as client:
        yield Fieldwork(client, database, keys, time)
    await database.close()
    await app.state.database.close()


@pytest.fixture
async def blank(service: Fieldwork) -> Fieldwork:
    """The API, to which nobody has told anything yet, on a Tuesday noon."""
    service.time.reset()
    await as_owner(service.database.url, _EMPTY, "INSERT INTO outbox_epoch (number) VALUES (0)")
    return service


@pytest.fixture
async def fieldwork(blank: Fieldwork) -> Fieldwork:
    """The API with the county's reference facts read."""
    await blank.learn(*WORLD)
    return blank
