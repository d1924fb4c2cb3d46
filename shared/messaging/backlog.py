"""The outbox as an API process sees it: how much waits for the broker, and whether more may be accepted."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request

from shared.database.unit import Database
from shared.messaging.outbox_care import waiting
from shared.observability.metrics import OUTBOX_AGE_SECONDS, OUTBOX_DEPTH
from shared.web.problems import BacklogFull

_log = structlog.get_logger(__name__)

LIMIT = 1_000_000
"""Facts that may wait for the broker: about a gigabyte, and days of a county's work."""

LOOK_EVERY = 2.0
_READS = frozenset({"GET", "HEAD", "OPTIONS"})


class Backlog:
    """Looks at a service's outbox every two seconds."""

    def __init__(self, database: Database, service: str) -> None:
        self._database = database
        self._service = service
        self.full = False

    async def watch(self) -> None:
        """Look for ever; while the database is away nothing can be accepted anyway."""
        while True:
            try:
                await self.look()
            except (SQLAlchemyError, OSError) as error:  # no connection came free, too
                _log.warning("backlog.unknown", error=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Set the metrics, and whether the limit is reached."""
        async with self._database.engine.connect() as connection:
            found = await waiting(connection, LIMIT + 1)
        OUTBOX_DEPTH.labels(self._service).set(found.depth)
        OUTBOX_AGE_SECONDS.labels(self._service).set(found.age)
        self.full = found.depth > LIMIT


def require_room(request: Request) -> None:
    """Dependency of every route: what changes something is refused while the broker is too far behind."""
    backlog: Backlog = request.app.state.backlog
    if backlog.full and request.method not in _READS:
        raise BacklogFull("消息队列积压过多,请稍后原样重发;请联系运维检查消息服务")
