"""The product's own worker process on a lane: its relay, its consumer, its health page, its way to end."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from shared.database.unit import Database
from shared.devstack.ports import free_port
from shared.messaging import consumer, relay, worker
from shared.messaging.handling import Handler, Subscription
from shared.messaging.worker import Ticker, Worker
from shared.settings import ServiceSettings
from tests.faults.ledger import LaneAddress

if TYPE_CHECKING:
    from tests.faults.process import Orders


@dataclass
class LaneWorker(Worker):
    """A worker whose only topic is the lane's, which no registry knows."""

    lane: LaneAddress | None = None
    handler: Handler | None = None
    common_tickers: Sequence[Ticker] = ()  # no registry knows its facts

    @property
    def subscriptions(self) -> Mapping[str, Subscription]:
        assert self.lane is not None
        return self.lane.subscription(self.handler) if self.handler else {}

    async def _require_schema(self) -> None:
        """The lane's tables were made without migrations."""


async def work(orders: Orders, handler: Handler) -> None:
    """Run until something ends it: the reader's worker of the lane, or the publisher's, which reads nothing.

    What it says on stderr goes to the file `said`; on SIGUSR1 it writes the number of its tasks to the file `tasks`.
    """
    lane, options = orders.lane, orders.options
    publishes = options.get("publishes", False)
    os.dup2(os.open(options["said"], os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    if "patience" in options:
        relay.HANGS_AFTER = consumer.HANGS_AFTER = worker.STARTS_WITHIN = options["patience"]
    if "tasks" in options:
        asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, _tell_tasks, options["tasks"])
    settings = ServiceSettings.of(
        "test",
        database_url=lane.publisher if publishes else lane.reader,
        kafka_bootstrap_servers=lane.bootstrap,
        worker_port=free_port(),
        jwt_issuer="nobody",
        jwt_audience="nobody",
        jwks="{}",
    )
    reads = None if publishes else handler
    await LaneWorker(settings, Database(settings.database_url), Path(), lane=lane, handler=reads).run()


def _tell_tasks(to: Path) -> None:
    to.write_text(str(len(asyncio.all_tasks())))
