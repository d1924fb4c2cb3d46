from __future__ import annotations

from collections.abc import Callable

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from services.fieldwork.app import MIGRATIONS
from services.fieldwork.handlers import handlers
from services.fieldwork.tables import metadata
from shared.contracts.registry import topics_for
from shared.database.migrate import migrate
from shared.security.dependencies import unprotected_routes
from tests.fieldwork.support import Fieldwork


async def test_upgrade_head_gives_exactly_the_tables_of_the_code(make_database: Callable[[], str]) -> None:
    url = make_database()
    await migrate(url, MIGRATIONS)
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        assert await connection.run_sync(_differences) == []
    await engine.dispose()


def _differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
    return list(compare_metadata(context, metadata))


def test_the_worker_reads_exactly_its_topics() -> None:
    assert set(handlers()) == set(topics_for("fieldwork"))


async def test_every_route_declares_its_protection(service: Fieldwork) -> None:
    app = service.client._transport.app  # type: ignore[attr-defined]  # the app under test
    assert unprotected_routes(app) == []
