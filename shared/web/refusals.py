"""Requests refused to somebody with a good token: counted by subject, route and minute, audited as one row each."""

from __future__ import annotations

import asyncio
from collections import Counter
from datetime import datetime
from typing import NamedTuple

import structlog
from sqlalchemy.exc import SQLAlchemyError

from shared.clock import Clock, system_clock
from shared.database.unit import Database
from shared.security.audit import Refused, record_refusals
from shared.security.caller import Caller

_log = structlog.get_logger(__name__)

STATUSES = frozenset({401, 403, 404, 429})
"""404 is what a thing outside one's jurisdiction or clearance answers."""

MOST = 10_000
OTHERS = "(others)"
"""Whoever is refused something when so many subjects and routes are remembered already: counted by route alone."""

WRITE_EVERY = 60.0


class _Key(NamedTuple):
    minute: datetime
    subject: str
    what: str


class Refusals:
    """What one process refused and has not audited yet."""

    def __init__(self, clock: Clock = system_clock) -> None:
        self._clock = clock
        self._counts: Counter[_Key] = Counter()

    def note(self, caller: Caller, what: str, status: int) -> None:
        """Count an answer if it was a refusal; without a good token there is nobody to name, and metrics count it."""
        if status not in STATUSES or caller.subject is None:
            return
        key = _Key(self._minute(), caller.subject, f"{what} {status}")
        if key not in self._counts and len(self._counts) >= MOST:
            key = key._replace(subject=OTHERS)
        self._counts[key] += 1

    async def write_for_ever(self, database: Database) -> None:
        """Audit each minute once it is over; what cannot be written now waits."""
        while True:
            await asyncio.sleep(WRITE_EVERY)
            await self._write(database, [key for key in self._counts if key.minute < self._minute()])

    async def write_all(self, database: Database) -> None:
        """Audit everything, before the process ends."""
        await self._write(database, list(self._counts))

    async def _write(self, database: Database, keys: list[_Key]) -> None:
        if not keys:
            return
        taken = Counter({key: self._counts.pop(key) for key in keys})
        rows = [Refused(key.minute, key.subject, key.what, count) for key, count in sorted(taken.items())]
        try:
            async with database.unit() as unit:
                await record_refusals(unit, rows)
        except (SQLAlchemyError, OSError) as error:
            self._counts.update(taken)
            _log.warning("refusals.not_audited", rows=len(rows), error=type(error).__name__)

    def _minute(self) -> datetime:
        return self._clock().replace(second=0, microsecond=0)
