"""The schema is what the migrations make, every route is protected, the worker reads what the registry lists."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection

from services.intel.app import create_app, create_worker
from services.intel.tables import metadata
from shared.contracts.registry import topics_for
from shared.security.dependencies import protections, unprotected_routes
from tests.intel.support import Intel


async def test_upgrade_head_gives_exactly_the_tables_of_the_models(blank: Intel) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with blank.database.engine.connect() as connection:
        assert await connection.run_sync(differences) == []


async def test_every_route_declares_its_protection(blank: Intel) -> None:
    app = create_app(blank.settings)
    assert unprotected_routes(app) == []
    assert protections(app)["POST /v1/station-callbacks/{org_id}"] == "signature_protected"


async def test_the_worker_handles_exactly_the_topics_listed_for_intel(blank: Intel) -> None:
    worker = create_worker(blank.settings)
    assert set(worker.handlers) == set(topics_for("intel"))
    assert [loop.name for loop in worker.loops] == ["webhooks"]
    await worker.database.close()
