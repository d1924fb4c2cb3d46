"""Which failures a worker waits out, and which it treats as the fault of what it was asked to do."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from shared.database.errors import is_repeatable, is_transient


@pytest.fixture
async def connection(make_database: Callable[[], str]) -> AsyncIterator[AsyncConnection]:
    engine = create_async_engine(make_database(), poolclass=NullPool)
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


async def failure(connection: AsyncConnection, statement: str) -> DBAPIError:
    with pytest.raises(DBAPIError) as raised:
        await connection.execute(text(statement))
    await connection.rollback()
    return raised.value


@pytest.mark.parametrize(
    ("state", "repeatable", "transient"),
    [
        ("40001", True, True),  # serialisation failure
        ("40P01", True, True),  # deadlock
        ("57014", False, True),  # statement timeout
        ("55P03", False, True),  # lock not available
        ("53100", False, True),  # disk full
        ("53200", False, True),  # out of memory
        ("58030", False, True),  # input or output failed
        ("0A000", False, False),  # something PostgreSQL does not do
        ("22003", False, False),  # number too large
        ("23505", False, False),  # there is one already
        ("42P01", False, False),  # no such table
    ],
)
async def test_a_state_passes_by_itself_or_not(
    connection: AsyncConnection, state: str, repeatable: bool, transient: bool
) -> None:
    error = await failure(connection, f"DO $$ BEGIN RAISE SQLSTATE '{state}'; END $$")
    assert (is_repeatable(error), is_transient(error)) == (repeatable, transient)


async def test_a_statement_prepared_before_a_migration_can_be_run_again(connection: AsyncConnection) -> None:
    await connection.execute(text("CREATE TABLE thing (name text)"))
    await connection.execute(text("SELECT * FROM thing"))
    await connection.execute(text("ALTER TABLE thing ADD COLUMN colour text"))
    await connection.commit()
    error = await failure(connection, "SELECT * FROM thing")
    assert is_repeatable(error)
    assert is_transient(error)
    assert (await connection.execute(text("SELECT * FROM thing"))).keys() == ["name", "colour"]
