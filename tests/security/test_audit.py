"""An action and its audit row stand or fall together."""

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from uuid import uuid4

import pytest
from sqlalchemy import MetaData, text

from shared.database.tables import shared_tables
from shared.database.unit import Database
from shared.observability.tracing import begin_request
from shared.security.audit import AuditEntry, record_audit, record_audits
from shared.security.principal import Principal

NOW = datetime(2026, 10, 1, 8, tzinfo=UTC)
BACKEND = Principal("backend", frozenset({"act-as"}), "", "internal", None)


@pytest.fixture
async def database(make_database: Callable[[], str]) -> AsyncIterator[Database]:
    database = Database(make_database(), clock=lambda: NOW)
    metadata = MetaData()
    shared_tables(metadata)
    async with database.engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
    yield database
    await database.close()


async def rows(database: Database) -> list[tuple[object, ...]]:
    query = text("SELECT at, subject, on_behalf_of, action, object, result, reason, request_id FROM audit ORDER BY id")
    async with database.engine.connect() as connection:
        return [tuple(row) for row in await connection.execute(query)]


async def test_a_row_tells_who_what_and_in_which_request(database: Database) -> None:
    officer, request_id = uuid4(), begin_request(None)
    async with database.unit() as unit:
        await record_audit(unit, BACKEND, "activity.verify", "activity/1", on_behalf_of=officer, result="conflict")
    assert await rows(database) == [
        (NOW, "backend", officer, "activity.verify", "activity/1", "conflict", None, request_id)
    ]


async def test_a_batch_is_written_in_order(database: Database) -> None:
    officer = uuid4()
    async with database.unit() as unit:
        entries = [
            AuditEntry("sync", "activity/1", officer),
            AuditEntry("sync", "activity/2", None, "rejected", "late"),
        ]
        await record_audits(unit, BACKEND, entries)
    assert [row[2:7] for row in await rows(database)] == [
        (officer, "sync", "activity/1", "done", None),
        (None, "sync", "activity/2", "rejected", "late"),
    ]


async def test_an_action_that_failed_leaves_no_row(database: Database) -> None:
    async def act() -> None:
        async with database.unit() as unit:
            await record_audit(unit, BACKEND, "activity.verify", "activity/1")
            raise RuntimeError("the action failed")

    with pytest.raises(RuntimeError):
        await act()
    assert await rows(database) == []
