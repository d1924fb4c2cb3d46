"""Putting fieldwork together: its API and its worker."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI

from services.fieldwork.handlers import handlers
from services.fieldwork.routes import router
from services.fieldwork.service.days import mark_days_over, spread_marks, work_out_days
from services.fieldwork.service.kinds import Kinds
from shared.database.unit import Database
from shared.messaging.api import service_api
from shared.messaging.worker import Ticker, Worker
from shared.security.vault import Vault
from shared.settings import ServiceSettings

MIGRATIONS = Path(__file__).parent / "migrations"


def create_app(settings: ServiceSettings) -> FastAPI:
    """The API on port 8102."""
    return service_api(
        settings=settings,
        database=Database(settings.database_url),
        versions=MIGRATIONS,
        routers=[router],
        state={"vault": Vault.load(settings.encryption_keys), "kinds": Kinds(settings.schemes_dir)},
    )


def create_worker(settings: ServiceSettings) -> Worker:
    """Relay, consumers of the reference topics, presence and attendance."""
    return Worker(
        settings=settings,
        database=Database(settings.database_url),
        versions=MIGRATIONS,
        handlers=handlers(),
        tickers=[
            Ticker("days", timedelta(seconds=1), work_out_days),
            Ticker("officers", timedelta(seconds=1), spread_marks),
            Ticker("days over", timedelta(seconds=5), mark_days_over),
        ],
    )
