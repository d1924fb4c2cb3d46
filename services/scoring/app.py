"""Composition root of scoring."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI

from services.scoring.handlers import HANDLERS
from services.scoring.routes import ROUTERS
from services.scoring.service.calendar import keep_up
from services.scoring.service.recomputing import Recomputing, try_failed_again
from services.scoring.service.rubrics import Rubrics
from shared.database.unit import Database, Unit
from shared.messaging.api import service_api
from shared.messaging.worker import Ticker, Worker, goes_on
from shared.security.vault import Vault
from shared.settings import ServiceSettings

MIGRATIONS = Path(__file__).parent / "migrations"
RECOMPUTE_INTERVAL = timedelta(seconds=1)


def create_app(settings: ServiceSettings) -> FastAPI:
    """The HTTP API."""
    return service_api(
        settings=settings,
        database=Database(settings.database_url),
        versions=MIGRATIONS,
        routers=ROUTERS,
        state={"vault": Vault.load(settings.encryption_keys), "rubrics": Rubrics(settings.schemes_dir)},
    )


def create_worker(settings: ServiceSettings) -> Worker:
    """Relay, consumer, and the recompute of marked sheets."""
    rubrics = Rubrics(settings.schemes_dir)

    recomputing = Recomputing(rubrics)

    async def calendar(unit: Unit) -> bool:
        await keep_up(unit, rubrics)
        return False

    return Worker(
        settings=settings,
        database=Database(settings.database_url),
        versions=MIGRATIONS,
        handlers=HANDLERS,
        tickers=[
            Ticker("recompute", RECOMPUTE_INTERVAL, recomputing.tick, recomputing.failed, follows_facts=True),
            Ticker("recompute apart", RECOMPUTE_INTERVAL, recomputing.tick_apart, recomputing.failed_apart),
            Ticker("failed sheets", timedelta(seconds=5), try_failed_again, goes_on),
            Ticker("calendar", timedelta(minutes=1), calendar, goes_on),
        ],
    )
