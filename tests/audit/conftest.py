from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest

from shared.database.unit import Database
from tests.audit.support import Audited
from tests.messaging.support import create_tables


@pytest.fixture
async def keeper(make_database: Callable[[], str]) -> AsyncIterator[Database]:
    """The database of a service that hears the other's pulse."""
    url = make_database()
    await create_tables(url)
    keeper = Database(url)
    yield keeper
    await keeper.close()


@pytest.fixture
async def audited(make_database: Callable[[], str]) -> AsyncIterator[Audited]:
    url = make_database()
    await create_tables(url)
    audited = Audited(Database(url))
    yield audited
    await audited.database.close()
