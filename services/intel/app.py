"""Putting intel together: its API and its worker."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from fastapi import FastAPI

from services.intel.handlers.activities import activity_handler
from services.intel.handlers.deliveries import DeliveryLoop
from services.intel.routes import router
from services.intel.service.playbooks import Playbooks
from services.intel.service.routing import Routing
from services.intel.settings import IntelSettings
from shared.contracts.fieldwork import ActivityRecordedV1
from shared.database.unit import Database, Unit
from shared.messaging.api import service_api
from shared.messaging.worker import Loop, Ticker, Worker
from shared.reference.handlers import reference_handlers
from shared.security.vault import Vault

MIGRATIONS = Path(__file__).parent / "migrations"
ROUTING_INTERVAL = timedelta(milliseconds=200)


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
            "allowed_hosts": settings.allowed_hosts,
        },
    )


def create_worker(settings: IntelSettings) -> Worker:
    """Relay, consumers, the routing timer and the delivery loop."""
    database = Database(settings.database_url)
    playbooks = Playbooks(settings.schemes_dir)

    async def route_due(unit: Unit) -> bool:
        return await Routing(unit, playbooks).route_due()

    return Worker(
        settings=settings,
        database=database,
        versions=MIGRATIONS,
        handlers={**reference_handlers("intel"), ActivityRecordedV1.TOPIC: activity_handler(playbooks)},
        tickers=[Ticker("routing", ROUTING_INTERVAL, route_due)],
        loops=[Loop("webhooks", DeliveryLoop(database, Vault.load(settings.encryption_keys), settings).run)],
    )
