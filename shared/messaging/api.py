"""The API process of a service: its own routes, the count check, readiness, and the watch over its outbox."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Depends, FastAPI

from shared.database.migrate import require_schema
from shared.database.unit import Database
from shared.messaging.backlog import Backlog, require_room
from shared.messaging.flow import router as flow_router
from shared.messaging.outbox_care import follow_origin
from shared.messaging.readiness import readiness
from shared.settings import ServiceSettings
from shared.web.api import create_api


def service_api(
    *,
    settings: ServiceSettings,
    database: Database,
    versions: Path,
    routers: Sequence[APIRouter],
    state: Mapping[str, Any] | None = None,
) -> FastAPI:
    """`versions` is the service's migrations folder; `state` becomes attributes of `app.state`."""
    backlog = Backlog(database, settings.service)

    @asynccontextmanager
    async def background() -> AsyncIterator[None]:
        async with database.engine.connect() as connection:
            await require_schema(connection, settings.service, versions)
        async with database.unit() as unit:
            await follow_origin(unit.connection)
        watching = asyncio.create_task(backlog.watch())
        yield
        watching.cancel()

    gated = APIRouter(dependencies=[Depends(require_room)])
    for router in routers:
        gated.include_router(router)
    return create_api(
        service=settings.service,
        routers=[gated, flow_router],
        settings=settings,
        database=database,
        state={"backlog": backlog, **(state or {})},
        readiness=readiness(settings, database, versions),
        background=background,
    )
