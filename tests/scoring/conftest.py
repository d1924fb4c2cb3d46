from collections.abc import AsyncIterator, Callable

import pytest

from services.scoring.app import MIGRATIONS
from shared.database.migrate import migrate
from shared.database.unit import Database
from tests.scoring.world import World


@pytest.fixture
async def database(make_database: Callable[[], str]) -> AsyncIterator[Database]:
    """An empty database of scoring."""
    url = make_database()
    await migrate(url, MIGRATIONS)
    database = Database(url)
    yield database
    await database.close()


@pytest.fixture
async def world(database: Database) -> World:
    """One village with one auxiliary, scored by the demo's 温泉镇 rubric since January 2026."""
    world = World(database)
    await world.begin()
    return world
