"""Putting intel together: its API, its worker, and the loop in which orders are delivered."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from secrets import SystemRandom

import structlog
from fastapi import FastAPI

from services.intel.clients import Attempt, StationClient
from services.intel.handlers import handlers
from services.intel.repository.rows import Row
from services.intel.routes import router
from services.intel.service.deliveries import Deliveries, call_of
from services.intel.service.playbooks import Playbooks
from services.intel.service.routing import Routing
from services.intel.settings import IntelSettings
from shared.database.errors import is_transient
from shared.database.unit import Database, Unit
from shared.messaging.api import service_api
from shared.messaging.worker import Loop, Ticker, Worker
from shared.security.vault import SealBroken, Vault

log = structlog.get_logger(__name__)

MIGRATIONS = Path(__file__).parent / "migrations"
ROUTING_INTERVAL = timedelta(milliseconds=500)
# A station that hangs holds one place for 20 s; the others go on.
AT_ONCE = 16
IDLE_SECONDS = 0.5


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
        handlers=handlers(playbooks),
        tickers=[Ticker("routing", ROUTING_INTERVAL, route_due)],
        loops=[Loop("webhooks", DeliveryLoop(database, Vault.load(settings.encryption_keys), settings).run)],
    )


class DeliveryLoop:
    """Delivers orders: lease in one transaction, call outside any, write the outcome in another.

    Any number of these may run, in any number of workers: an order is with at most one of them.
    """

    def __init__(self, database: Database, vault: Vault, settings: IntelSettings) -> None:
        self.database = database
        self.vault = vault
        self.settings = settings
        self.client = StationClient(settings.allowed_hosts, database.clock)
        self._spread = SystemRandom()

    async def run(self) -> None:
        """Deliver for ever; an unexpected error ends the worker, and its leases run out by themselves."""
        places = asyncio.Semaphore(AT_ONCE)
        async with asyncio.TaskGroup() as calls:
            while True:
                await places.acquire()
                leased = await self._lease()
                if leased is None:
                    places.release()
                    await asyncio.sleep(IDLE_SECONDS)
                    continue
                calls.create_task(self._deliver(leased)).add_done_callback(lambda _: places.release())

    async def _lease(self) -> Row | None:
        try:
            async with self.database.unit() as unit:
                return await Deliveries(unit).lease()
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("delivery.lease_retry", error=type(error).__name__)
            return None

    async def _deliver(self, leased: Row) -> None:
        attempt = await self._call(leased)
        try:
            async with self.database.unit() as unit:
                await Deliveries(unit).finish(leased, attempt, self.settings.retry_seconds, self._spread.uniform(-1, 1))
        except Exception as error:
            if not is_transient(error):
                raise
            # The lease runs out and the order is sent again under the same webhook-id.
            log.warning("delivery.outcome_lost", order_id=str(leased["order_id"]), error=type(error).__name__)

    async def _call(self, leased: Row) -> Attempt:
        try:
            return await self.client.send(call_of(leased, self.vault))
        except SealBroken:
            log.error("delivery.unreadable", order_id=str(leased["order_id"]))
            return Attempt("failed", "unreadable_here")
