from __future__ import annotations

from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from services.scoring.handlers import HANDLERS
from services.scoring.tables import metadata
from shared.contracts.registry import topics_for
from shared.database.unit import Database


async def test_migrations_give_exactly_the_tables_of_the_code(database: Database) -> None:
    def difference(connection: Any) -> Any:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with database.engine.connect() as connection:
        assert await connection.run_sync(difference) == []


def test_every_topic_listed_for_scoring_has_its_handler() -> None:
    assert HANDLERS.keys() == set(topics_for("scoring"))
