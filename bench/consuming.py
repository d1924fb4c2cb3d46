"""The scoring consumer on a backlog of 100,000 facts, beside the same consumption without rules."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from bench.stack import SCHEMES, Bench
from bench.world import backlog, seed
from services.scoring.app import RECOMPUTE_INTERVAL
from services.scoring.handlers import HANDLERS
from services.scoring.service.recomputing import Recomputing
from services.scoring.service.rubrics import Rubrics
from shared.clock import system_clock
from shared.contracts.envelope import Fact, attributes, headers
from shared.contracts.fieldwork import ActivityRecordedV1
from shared.contracts.registry import types_for
from shared.database.engine import owning_connection
from shared.database.unit import Database, Unit
from shared.messaging.client import producer
from shared.messaging.consumer import Consumer
from shared.messaging.handling import Handler, Refused, Subscription, in_one
from shared.messaging.progress import Progress
from shared.messaging.topics import ensure_topics

FACTS = 100_000
GOAL = 0.6
TOPIC = ActivityRecordedV1.TOPIC


@dataclass(frozen=True)
class Consuming:
    """Facts per second: as the worker does it (ledger, and every sheet computed), without rules, with no effect."""

    worker: float
    without_rules: float
    no_effect: float

    @property
    def ratio(self) -> float:
        return self.worker / self.without_rules


async def measure(bench: Bench) -> Consuming:
    """Three fresh databases, one backlog."""
    await ensure_topics(bench.kafka.bootstrap_servers, 1)
    await _publish(bench)
    return Consuming(
        worker=await _consume(bench, in_one(HANDLERS), recompute=True),
        without_rules=await _consume(bench, in_one(HANDLERS), recompute=False),
        no_effect=await _consume(bench, _nothing, recompute=False),
    )


async def _nothing(_facts: Sequence[Fact[Any]], _unit: Unit) -> Sequence[Refused]:
    return ()


async def _publish(bench: Bench) -> None:
    kafka = producer(bench.kafka.bootstrap_servers, "bench")
    await kafka.start()
    sent = []
    for fact in backlog(FACTS):
        said = attributes(fact, recorded_at=system_clock(), traceparent=None)
        placed = headers(said, sequence=fact.sequence, previous=fact.previous, epoch=fact.epoch)
        body = fact.data.model_dump_json(exclude_none=True).encode()
        sent.append(await kafka.send(TOPIC, key=fact.stream_key.encode(), value=body, headers=placed))
    await asyncio.gather(*sent)
    await kafka.stop()


async def _consume(bench: Bench, handler: Handler, *, recompute: bool) -> float:
    database = await bench.database("scoring")
    await seed(database, "scoring")
    connection = await owning_connection(database.url, lambda: None, "bench")
    topics = {TOPIC: Subscription(handler, types_for("scoring", TOPIC), compacted=False)}
    consumer = Consumer(connection, bench.kafka.bootstrap_servers, "scoring", topics, system_clock)
    tasks = [asyncio.create_task(consumer.run())]
    if recompute:
        tasks.append(asyncio.create_task(_recompute_for_ever(database, consumer.progress)))
    began = time.perf_counter()
    while await _applied(database) < FACTS or (recompute and await _marked(database)):
        for task in tasks:
            if task.done():
                task.result()
        await asyncio.sleep(0.02)
    seconds = time.perf_counter() - began
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)
    await consumer._kafka.stop()
    await connection.close()
    await database.close()
    return FACTS / seconds


async def _recompute_for_ever(database: Database, progress: Progress) -> None:
    """As the worker's ticker does it while facts come in."""
    recomputing = Recomputing(Rubrics(SCHEMES))
    while True:
        async with database.unit() as unit:
            more = await recomputing.tick(unit)
        if not more:
            await progress.rest(RECOMPUTE_INTERVAL.total_seconds())


async def _applied(database: Database) -> int:
    return await _number(database, "SELECT COALESCE(sum(last_seq), 0) FROM stream_cursor")


async def _marked(database: Database) -> int:
    """Officers whose sheets are still to be computed."""
    return await _number(database, "SELECT count(*) FROM dirty_mark")


async def _number(database: Database, sql: str) -> int:
    async with database.engine.connect() as connection:
        return int((await connection.execute(text(sql))).scalar_one())
