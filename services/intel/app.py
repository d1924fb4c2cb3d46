"""Putting intel together: its API and its worker."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI

from services.intel.handlers import handlers
from services.intel.routes import router
from services.intel.rules.addresses import AllowList
from services.intel.service import following, settling
from services.intel.service.falling_back import FallingBack
from services.intel.service.gauges import show_deliveries
from services.intel.service.playbooks import Playbooks
from services.intel.service.routing_ticks import RoutingTicks
from services.intel.service.sending import Sending
from services.intel.settings import IntelSettings
from shared.database.unit import Database
from shared.messaging.api import service_api
from shared.messaging.worker import Loop, Ticker, Worker
from shared.security.vault import Vault

MIGRATIONS = Path(__file__).parent / "migrations"
ROUTING_INTERVAL = timedelta(milliseconds=500)
FOLLOWING_INTERVAL = timedelta(seconds=1)
FALLING_BACK_INTERVAL = timedelta(seconds=30)
SHOWN_INTERVAL = timedelta(seconds=15)


def create_app(settings: IntelSettings) -> FastAPI:
    """The API on port 8104."""
    return service_api(
        settings=settings,
        database=Database(settings.database_url),
        versions=MIGRATIONS,
        routers=[router],
        state={
            "vault": Vault.load(settings.encryption_keys),
            "playbooks": Playbooks(settings.schemes_dir),
            "allowed": AllowList.of(settings.allowed_hosts),
        },
    )


def create_worker(settings: IntelSettings) -> Worker:
    """Relay, consumers, the timers and the loop that sends."""
    database = Database(settings.database_url)
    playbooks = Playbooks(settings.schemes_dir)

    routing = RoutingTicks(playbooks)

    return Worker(
        settings=settings,
        database=database,
        versions=MIGRATIONS,
        handlers=handlers(playbooks),
        tickers=[
            Ticker("routing", ROUTING_INTERVAL, routing.tick, routing.failed),
            Ticker("following", FOLLOWING_INTERVAL, following.catch_up),
            Ticker("settling", FOLLOWING_INTERVAL, settling.catch_up),
            Ticker("falling back", FALLING_BACK_INTERVAL, FallingBack(playbooks).tick),
            Ticker("deliveries shown", SHOWN_INTERVAL, show_deliveries),
        ],
        loops=[Loop("webhooks", Sending(database, Vault.load(settings.encryption_keys), settings).run)],
    )
