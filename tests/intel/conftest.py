from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest

from services.intel.app import MIGRATIONS, create_app
from services.intel.service.sending import Sending
from services.intel.settings import IntelSettings
from services.intel.tables import metadata
from shared.database.migrate import migrate
from shared.database.unit import Database
from shared.security.dev_issuer import ensure_dev_keys
from shared.security.vault import Vault
from tests.intel.support import WORLD, Intel, Receiver, serving
from tests.owner import as_owner
from tests.settings import without_broker

MakeLoop = Callable[..., Sending]


@pytest.fixture(scope="session")
async def service(make_database: Callable[[], str], stack_folder: Path) -> AsyncIterator[Intel]:
    """The API on a migrated database, one for all tests of a session; each test empties it first."""
    url, keys = make_database(), ensure_dev_keys(stack_folder / "intel-keys")
    await migrate(url, MIGRATIONS)
    settings = without_broker(IntelSettings, "intel", url, keys, retry_seconds=(0.05, 0.05, 0.05))
    app, database = create_app(settings), Database(url)
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://intel") as client:
        yield Intel(client, database, settings, keys)
    await database.close()
    await app.state.database.close()


@pytest.fixture
async def blank(service: Intel) -> Intel:
    """The API, to which nobody has told anything yet."""
    names = (table.name for table in metadata.sorted_tables if table.name != "outbox_epoch")
    await as_owner(service.database.url, f"TRUNCATE {', '.join(names)}")
    return service


@pytest.fixture
async def intel(blank: Intel) -> Intel:
    """The API with the county's reference facts read."""
    await blank.learn(*WORLD)
    return blank


@pytest.fixture
def make_loop(intel: Intel) -> MakeLoop:
    """Makes a sending loop as a worker runs it."""

    def make(**settings: object) -> Sending:
        own = intel.settings.model_copy(update=settings)
        return Sending(intel.database, Vault.load(own.encryption_keys), own)

    return make


@pytest.fixture
async def receiver() -> AsyncIterator[tuple[Receiver, str]]:
    """A station's server and its address."""
    server = Receiver()
    async with serving(server.app()) as address:
        yield server, f"{address}/orders"
