"""The loop that delivers orders: lease in one transaction, call outside any, write the outcome in another."""

from __future__ import annotations

import asyncio
from secrets import SystemRandom

import structlog

from services.intel.clients import Attempt, StationClient
from services.intel.repository.rows import Row
from services.intel.service.deliveries import Deliveries, call_of
from services.intel.settings import IntelSettings
from shared.database.errors import is_transient
from shared.database.unit import Database
from shared.security.vault import SealBroken, Vault

log = structlog.get_logger(__name__)

# A station that hangs holds one place for 20 s; the others go on.
AT_ONCE = 16
IDLE_SECONDS = 0.2


class DeliveryLoop:
    """Any number of these may run, in any number of workers: an order is with at most one of them."""

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
