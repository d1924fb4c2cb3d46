"""Composition root of personnel."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI

from services.personnel.routes import ROUTERS
from shared.database.unit import Database
from shared.messaging.api import service_api
from shared.messaging.worker import Worker
from shared.security.vault import Vault
from shared.settings import ServiceSettings

MIGRATIONS = Path(__file__).parent / "migrations"


def create_app(settings: ServiceSettings) -> FastAPI:
    """The HTTP API."""
    return service_api(
        settings=settings,
        database=Database(settings.database_url),
        versions=MIGRATIONS,
        routers=ROUTERS,
        state={"vault": Vault.load(settings.encryption_keys)},
    )


def create_worker(settings: ServiceSettings) -> Worker:
    """The relay; personnel reads nobody's facts."""
    return Worker(settings=settings, database=Database(settings.database_url), versions=MIGRATIONS)
