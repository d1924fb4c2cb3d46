from __future__ import annotations

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from services.personnel.schemas.items import ITEMS, Item
from services.personnel.tables import metadata
from tests.personnel.support import Personnel

OURS = {"jurisdiction", "erased_at", "valid_from", "valid_until", "where_type", "where_id"}


async def test_migrations_give_exactly_the_tables_of_the_code(empty: Personnel) -> None:
    def difference(connection: Any) -> Any:
        return compare_metadata(MigrationContext.configure(connection), metadata)

    async with empty.database.engine.connect() as connection:
        assert await connection.run_sync(difference) == []


@pytest.mark.parametrize("kind", ITEMS, ids=lambda kind: kind.TABLE)
def test_every_field_of_a_fact_has_its_column(kind: type[Item]) -> None:
    fields = set(kind.FACT.model_fields) - {"valid", "where"}
    columns = set(metadata.tables[kind.TABLE].columns.keys())

    assert fields - OURS == columns - OURS
