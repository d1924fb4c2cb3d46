"""The loop in which a worker sends: take in one transaction, call outside any, write the outcome in another.

Any number of workers may run it: a delivery is with at most one of them. Endpoints that are known to work and those
that are not go in lanes of their own, so that stations which do not answer take no place from those that do.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from secrets import SystemRandom

import structlog

from services.intel.clients import Attempt, StationClient
from services.intel.repository.rows import Row
from services.intel.rules.addresses import AllowList
from services.intel.service.deliveries import Deliveries, call_of
from services.intel.settings import IntelSettings
from shared.database.errors import is_transient
from shared.database.unit import Database
from shared.security.vault import SealBroken, Vault

log = structlog.get_logger(__name__)

# Calls on their way in each lane: two to each of 64 stations that fall silent at the same moment.
PLACES = 128
# Outcomes that are written at the same time: the other parts of a worker need connections, too.
WRITERS = 5
IDLE_SECONDS = 0.5


class Sending:
    """Sends what is due, for ever."""

    def __init__(self, database: Database, vault: Vault, settings: IntelSettings) -> None:
        self.database = database
        self.vault = vault
        self.settings = settings
        self.client = StationClient(AllowList.of(settings.allowed_hosts), database.clock)
        self.lanes = (Lane(self, proven=True), Lane(self, proven=False))
        self._writers = asyncio.Semaphore(WRITERS)
        self._spread = SystemRandom()

    async def run(self) -> None:
        """Send for ever; leases of a worker that ended run out by themselves."""
        async with asyncio.TaskGroup() as running:
            for lane in self.lanes:
                running.create_task(lane.run())

    async def deliver(self, leased: Row) -> None:
        """One call and its outcome. Whatever goes wrong with one delivery concerns no other."""
        attempt = await self._call(leased)
        try:
            async with self._writers, self.database.unit() as unit:
                spread = self._spread.uniform(-1, 1)
                await Deliveries(unit).finish(leased, attempt, self.settings.retry_seconds, spread)
        except Exception:
            # The lease runs out and the delivery is sent again under the same webhook-id.
            log.exception("delivery.outcome_lost", delivery_id=str(leased["delivery_id"]))
        for lane in self.lanes:
            lane.moved.set()

    async def _call(self, leased: Row) -> Attempt:
        try:
            return await self.client.send(call_of(leased, self.vault, self.database.clock()))
        except SealBroken:
            log.error("delivery.unreadable", delivery_id=str(leased["delivery_id"]))
            return Attempt("unsent", "unreadable_here")
        except Exception:
            log.exception("delivery.not_made", delivery_id=str(leased["delivery_id"]))
            return Attempt("unsent", "not_made")


class Lane:
    """The endpoints that are proven, or those that are not, and the calls on their way to them."""

    def __init__(self, sending: Sending, *, proven: bool) -> None:
        self.moved = asyncio.Event()
        self._sending = sending
        self._proven = proven
        self._free = PLACES

    async def run(self) -> None:
        """Take whatever is due as long as there is room; look again when a call has ended, or after a while."""
        async with asyncio.TaskGroup() as calls:
            while True:
                self.moved.clear()
                leased = await self.take() if self._free else []
                self._free -= len(leased)
                for row in leased:
                    calls.create_task(self._sending.deliver(row)).add_done_callback(self._ended)
                if not leased:
                    await self._rest()

    async def take(self) -> list[Row]:
        """The next deliveries of this lane, leased."""
        try:
            async with self._sending.database.unit() as unit:
                return await Deliveries(unit).lease(self._proven, self._free)
        except Exception as error:
            if not is_transient(error):
                raise
            log.warning("delivery.lease_retry", error=type(error).__name__)
            return []

    def _ended(self, _: asyncio.Task[None]) -> None:
        self._free += 1
        self.moved.set()

    async def _rest(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(IDLE_SECONDS):
                await self.moved.wait()
