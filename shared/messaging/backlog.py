"""The outbox as an API process sees it: how much waits for the broker, and whether more may be accepted."""

from __future__ import annotations

import asyncio

import structlog
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from starlette.requests import Request

from shared.database.unit import Database
from shared.observability.metrics import OUTBOX_AGE_SECONDS, OUTBOX_DEPTH
from shared.web.problems import BacklogFull

_log = structlog.get_logger(__name__)

LIMIT = 1_000_000
"""Facts that may wait for the broker: about a gigabyte, and days of a county's work."""

LOOK_EVERY = 2.0
_READS = frozenset({"GET", "HEAD", "OPTIONS"})

# By the ids at both ends, so that it costs the same however much waits.
_WAITING = text(
    """
    SELECT COALESCE(l.id - f.id + 1, 0) AS depth,
           COALESCE(EXTRACT(epoch FROM clock_timestamp() - f.recorded_at), 0) AS age
    FROM (SELECT id, recorded_at FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT 1) f
    FULL JOIN (SELECT id FROM outbox ORDER BY id DESC LIMIT 1) l ON true
    """
)


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
            except (DBAPIError, OSError) as error:
                _log.warning("backlog.unknown", error=type(error).__name__)
            await asyncio.sleep(LOOK_EVERY)

    async def look(self) -> None:
        """Set the metrics, and whether the limit is reached."""
        async with self._database.engine.connect() as connection:
            found = (await connection.execute(_WAITING)).one_or_none()
        depth, age = (int(found.depth), float(found.age)) if found else (0, 0.0)
        OUTBOX_DEPTH.labels(self._service).set(depth)
        OUTBOX_AGE_SECONDS.labels(self._service).set(age)
        self.full = depth > LIMIT


def require_room(request: Request) -> None:
    """Dependency of every route: what changes something is refused while the broker is too far behind."""
    backlog: Backlog = request.app.state.backlog
    if backlog.full and request.method not in _READS:
        raise BacklogFull("消息队列积压过多,请稍后原样重发;请联系运维检查消息服务")
