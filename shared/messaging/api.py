"""The API process of a service: its own routes, the count check, and the readiness of database, schema and broker."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI

from shared.database.unit import Database
from shared.messaging.flow import router as flow_router
from shared.messaging.readiness import readiness
from shared.settings import ServiceSettings
from shared.web.api import create_api
from shared.web.body import MEBIBYTE


def service_api(
    *,
    settings: ServiceSettings,
    database: Database,
    versions: Path,
    routers: Sequence[APIRouter],
    state: Mapping[str, Any] | None = None,
    max_body_bytes: int = 5 * MEBIBYTE,
) -> FastAPI:
    """`versions` is the service's migrations folder; `state` becomes attributes of `app.state`."""
    return create_api(
        service=settings.service,
        routers=[*routers, flow_router],
        settings=settings,
        database=database,
        state=state,
        readiness=readiness(settings, database, versions),
        max_body_bytes=max_body_bytes,
    )
