from collections.abc import AsyncIterator, Callable

import pytest

from services.scoring.app import MIGRATIONS
from services.scoring.tables import metadata
from shared.database.migrate import migrate
from shared.database.unit import Database
from shared.security.dev_issuer import DevKeys, ensure_dev_keys
from tests.owner import as_owner
from tests.scoring.api import Api, serving
from tests.scoring.world import DEMO_SCHEMES, World

KEPT = {"outbox_epoch"}


@pytest.fixture(scope="session")
async def migrated(make_database: Callable[[], str]) -> AsyncIterator[Database]:
    """The database of scoring, shared by all its tests."""
    url = make_database()
    await migrate(url, MIGRATIONS)
    database = Database(url)
    yield database
    await database.close()


@pytest.fixture
async def database(migrated: Database) -> Database:
    """The same without a row."""
    tables = ", ".join(sorted(metadata.tables.keys() - KEPT))
    await as_owner(migrated.url, f"TRUNCATE {tables}")
    return migrated


@pytest.fixture
async def world(database: Database) -> World:
    """One village with one auxiliary, scored by the demo's 温泉镇 rubric since January 2026."""
    world = World(database)
    await world.begin()
    return world


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DevKeys:
    return ensure_dev_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
async def api(database: Database, keys: DevKeys) -> AsyncIterator[Api]:
    """Scoring with the demo's decisions."""
    async for api in serving(database, keys, DEMO_SCHEMES):
        yield api


@pytest.fixture
async def undecided_api(database: Database, keys: DevKeys) -> AsyncIterator[Api]:
    """Scoring with the rubric as the documents left it."""
    async for api in serving(database, keys, None):
        yield api
