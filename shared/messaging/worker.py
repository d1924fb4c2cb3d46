"""A worker process: relay, consumer, timers and loops of one service, and its health page.

Workers are meant to be killed: whenever a client library is in a state that cannot be trusted, the process ends with a
message and is started again.
"""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any, NoReturn

import structlog
import uvicorn

from shared.audit.sealer import SEAL_EVERY, TELL_EVERY, seal, tell_head
from shared.contracts.registry import published_by
from shared.database.engine import owning_connection
from shared.database.errors import is_transient
from shared.database.migrate import SchemaProblem, require_schema
from shared.database.unit import Database, Unit
from shared.messaging.consumer import Consumer
from shared.messaging.handling import Handlers, Subscription, subscriptions
from shared.messaging.outbox_care import follow_origin
from shared.messaging.progress import Hangs, Pulse
from shared.messaging.pulses import BEAT_EVERY, heartbeat, pulse_handlers
from shared.messaging.readiness import broker_answers, readiness
from shared.messaging.relay import Relay
from shared.messaging.topics import check_topics
from shared.observability.logs import configure_logging
from shared.observability.metrics import TICKS_FAILED
from shared.settings import ServiceSettings
from shared.web.api import create_api
from shared.web.server import BoundedHeads

log = structlog.get_logger(__name__)

EXIT = 70
STARTS_WITHIN = 40.0
RETRY_PAUSE = 0.5
MAX_LAG = 50_000
"""About what a worker applies in two to five seconds: beyond it the process is not up to date."""


@dataclass(frozen=True)
class Ticker:
    """Work done every `interval`, each time in a transaction of its own; True means that more is waiting now.

    `failed` is called in a transaction of its own after a tick that raised, and says what becomes of it; without it,
    or when it raises too, the worker ends; the next tick comes after the interval. With `follows_facts` a tick is done
    sooner when facts come in.
    """

    name: str
    interval: timedelta
    tick: Callable[[Unit], Awaitable[bool]]
    failed: Callable[[Unit, Exception], Awaitable[None]] | None = None
    follows_facts: bool = False


async def goes_on(_: Unit, error: Exception) -> None:
    """For a ticker that the rest of the worker can do without for a while: shown, alarmed, tried again."""
    log.error("ticker.failed", error=type(error).__name__, exc_info=error)


@dataclass(frozen=True)
class Loop:
    """Work that runs for ever and opens its own transactions (webhook delivery)."""

    name: str
    run: Callable[[], Coroutine[Any, Any, None]]


@dataclass
class Worker:
    """Everything one service does in the background."""

    settings: ServiceSettings
    database: Database
    versions: Path
    handlers: Handlers = field(default_factory=dict)
    tickers: Sequence[Ticker] = ()
    loops: Sequence[Loop] = ()
    _consumer: Consumer | None = None

    @property
    def subscriptions(self) -> Mapping[str, Subscription]:
        """What the consumer reads; NotHandled when a fact that is listed for this service has no handler."""
        service = self.settings.service
        return subscriptions(service, {**pulse_handlers(service), **self.handlers})

    @property
    def common_tickers(self) -> Sequence[Ticker]:
        """What every service's worker does now and then."""
        return (
            Ticker("heartbeat", BEAT_EVERY, heartbeat(self.settings.service)),
            Ticker("audit seals", SEAL_EVERY, seal),
            Ticker("audit head", TELL_EVERY, tell_head(self.settings.service)),
        )

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT; any failure of a part ends the whole process with exit code 70."""
        configure_logging(self.settings.service, self.settings.log_level)
        try:
            coroutines = await Pulse(STARTS_WITHIN).guard(self._start())
        except Hangs as error:
            log.error("worker.cannot_start", error=str(error))
            _exit()
        parts = {asyncio.create_task(run, name=name) for name, run in coroutines.items()}
        stopped = asyncio.create_task(_stop_signal(), name="stop")
        done, _ = await asyncio.wait({*parts, stopped}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {stopped}:
            log.error("worker.failed", part=task.get_name(), exc_info=task.exception())
            _exit()
        log.info("worker.stopped")
        os._exit(0)  # locks and transactions end with the session; nothing here needs a farewell

    async def _start(self) -> dict[str, Coroutine[Any, Any, None]]:
        await self._require_schema()
        async with self.database.unit() as unit:
            await follow_origin(unit.connection)
        await check_topics(
            self.settings.kafka_bootstrap_servers, {*self.subscriptions, *published_by(self.settings.service)}
        )
        return await self._parts()

    async def _parts(self) -> dict[str, Coroutine[Any, Any, None]]:
        bootstrap = self.settings.kafka_bootstrap_servers
        service, clock = self.settings.service, self.database.clock
        relay = Relay(
            await owning_connection(self.database.url, _connection_lost, f"{service} relay"), bootstrap, service
        )
        parts: dict[str, Coroutine[Any, Any, None]] = {"relay": relay.run(), "health": self._serve_health()}
        if topics := self.subscriptions:
            connection = await owning_connection(self.database.url, _connection_lost, f"{service} consumer")
            self._consumer = Consumer(connection, bootstrap, service, topics, clock)
            parts |= {"consumer": self._consumer.run(), "hint": self._consumer.progress.hint_for_ever()}
        parts |= {ticker.name: self._tick_for_ever(ticker) for ticker in (*self.tickers, *self.common_tickers)}
        return parts | {loop.name: loop.run() for loop in self.loops}

    async def _tick_for_ever(self, ticker: Ticker) -> None:
        while True:
            try:
                async with self.database.unit() as unit:
                    more = await ticker.tick(unit)
                if not more:
                    await self._rest(ticker)
            except Exception as error:
                log.warning("ticker.retry", ticker=ticker.name, error=type(error).__name__)
                if is_transient(error):
                    await asyncio.sleep(RETRY_PAUSE)
                else:
                    await self._after_failure(ticker, error)
                    await asyncio.sleep(ticker.interval.total_seconds())

    async def _after_failure(self, ticker: Ticker, error: Exception) -> None:
        if ticker.failed is None:
            raise error
        TICKS_FAILED.labels(self.settings.service, ticker.name).inc()
        async with self.database.unit() as unit:
            await ticker.failed(unit, error)

    async def _rest(self, ticker: Ticker) -> None:
        seconds = ticker.interval.total_seconds()
        if ticker.follows_facts and self._consumer:
            await self._consumer.progress.rest(seconds)
        else:
            await asyncio.sleep(seconds)

    async def _require_schema(self) -> None:
        async with self.database.engine.connect() as connection:
            try:
                await require_schema(connection, self.settings.service, self.versions)
            except SchemaProblem as problem:
                sys.exit(str(problem))

    async def _serve_health(self) -> None:
        async def broker() -> str | None:
            return await broker_answers(self.settings.kafka_bootstrap_servers)

        known = readiness(self.settings, self.database, self.versions)
        checks = {**known, "broker": broker, "lag": self._lag_is_small}
        api = create_api(service=self.settings.service, routers=[], settings=self.settings, readiness=checks)
        config = uvicorn.Config(
            api,
            host=self.settings.host,
            port=self.settings.worker_port,
            log_config=None,
            access_log=False,
            http=BoundedHeads,
            date_header=False,  # it would stand still without the ticks
        )
        server = uvicorn.Server(config)
        server.capture_signals = nullcontext  # type: ignore[assignment]  # the worker has its own
        server.main_loop = asyncio.Event().wait  # type: ignore[assignment]  # ten ticks a second, for signals and limits
        await server.serve()

    async def _lag_is_small(self) -> str | None:
        lag = self._consumer.progress.lag if self._consumer else 0
        return f"{lag} records behind" if lag > MAX_LAG else None


async def _stop_signal() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await stop.wait()


def _connection_lost() -> None:
    log.error("worker.connection_lost", help="the server ended the session that held our locks; starting again")
    _exit()


def _exit() -> NoReturn:
    sys.stderr.flush()
    os._exit(EXIT)
