"""What every service owes the others, checked on the services themselves."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from services.cli.service import settings_class
from shared.contracts.fieldwork import ActivityVerifiedV1
from shared.contracts.registry import SERVICES, topics_for
from shared.database.migrate import migrate, schema_problem
from shared.messaging.handling import NotHandled, subscriptions
from shared.messaging.pulses import pulse_handlers
from shared.security.dependencies import protections, unprotected_routes
from shared.security.dev_issuer import ensure_dev_keys
from shared.settings import ServiceSettings
from tests.settings import without_broker

ROOT = Path(__file__).parents[2]


def _settings(service: str, folder: Path) -> ServiceSettings:
    url, keys = f"postgresql+asyncpg://nobody@localhost/{service}", ensure_dev_keys(folder / "keys")
    return without_broker(settings_class(service), service, url, keys)


def _module(service: str, room: str) -> Any:
    return importlib.import_module(f"services.{service}.{room}")


@pytest.mark.parametrize("service", SERVICES)
def test_a_worker_handles_exactly_the_topics_the_registry_lists_for_it(service: str, tmp_path: Path) -> None:
    worker = _module(service, "app").create_worker(_settings(service, tmp_path))
    assert set(worker.subscriptions) == set(topics_for(service))


def test_a_fact_that_is_listed_and_has_no_handler_is_refused_at_start() -> None:
    handlers = {**pulse_handlers("scoring"), **_module("scoring", "handlers").HANDLERS}
    assert subscriptions("scoring", handlers)
    del handlers[ActivityVerifiedV1]
    with pytest.raises(NotHandled, match=r"fieldwork\.activity_verified\.v1"):
        subscriptions("scoring", handlers)


@pytest.mark.parametrize("service", SERVICES)
def test_every_route_declares_its_protection(service: str, tmp_path: Path) -> None:
    app: FastAPI = _module(service, "app").create_app(_settings(service, tmp_path))
    assert unprotected_routes(app) == []
    assert len(protections(app)) > 5


@pytest.mark.filterwarnings("ignore:Did not recognize type 'xid8'")
@pytest.mark.parametrize("service", SERVICES)
async def test_without_a_token_no_body_is_read_but_a_small_one_of_a_signed_call(service: str, tmp_path: Path) -> None:
    app: FastAPI = _module(service, "app").create_app(_settings(service, tmp_path))
    answers = {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://service") as client:
        for name, protection in protections(app).items():
            method, path = name.split()
            if protection != "public":
                address = re.sub(r"\{\w+\}", str(uuid4()), path)
                answer = await client.request(method, address, content=b"x" * 262_145)
                answers[name] = (protection == "signature_protected", answer.json()["code"])
    assert set(answers.values()) <= {(False, "token_missing"), (True, "body_too_large")}
    assert len(answers) > 5


@pytest.mark.parametrize("service", SERVICES)
def test_a_field_that_a_request_does_not_have_is_refused(service: str, tmp_path: Path) -> None:
    app: FastAPI = _module(service, "app").create_app(_settings(service, tmp_path))
    dependants = [getattr(context, "dependant", None) for context in iter_route_contexts(app.routes)]
    bodies = {field.field_info.annotation for known in dependants if known for field in known.body_params} - {bytes}
    assert bodies
    assert [body.__name__ for body in bodies if body.model_config.get("extra") != "forbid"] == []


@pytest.mark.parametrize("service", SERVICES)
async def test_upgrade_head_gives_exactly_the_tables_of_the_models(
    service: str, make_database: Callable[[], str]
) -> None:
    url, versions = make_database(), ROOT / "services" / service / "migrations"
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        assert "cunjing migrate" in str(await schema_problem(connection, service, versions))
    await migrate(url, versions)
    metadata = _module(service, "tables").metadata

    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(connection, opts={"compare_server_default": True})
        return list(compare_metadata(context, metadata))

    async with engine.connect() as connection:
        assert await connection.run_sync(differences) == []
        assert await schema_problem(connection, service, versions) is None
    await engine.dispose()


def test_every_service_has_only_the_rooms_of_the_design() -> None:
    rooms = {
        *("__init__", "app", "settings", "routes", "handlers", "service", "rules", "repository", "tables"),
        *("schemas", "clients", "errors", "migrations"),
        *("scheme", "rubric", "playbook", "templates"),  # the service's part of a scheme, and its printed page
    }
    for service in SERVICES:
        found = {path.stem for path in (ROOT / "services" / service).iterdir() if path.name != "__pycache__"}
        assert found <= rooms, service
