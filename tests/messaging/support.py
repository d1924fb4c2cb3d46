"""A publisher and a reader of their own topic, with real worker parts, for the tests of the message path."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Column, Identity, MetaData, Table, Text, Uuid, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from shared.clock import system_clock
from shared.contracts.base import FactData
from shared.contracts.envelope import Fact
from shared.contracts.fieldwork import ActivityRejectedV1
from shared.database.engine import owning_connection
from shared.database.tables import shared_tables
from shared.database.unit import Database, Unit
from shared.ids import new_id
from shared.messaging.consumer import Consumer
from shared.messaging.handling import Handler, Refused, Subscription
from shared.messaging.relay import Relay
from shared.messaging.topics import PARTITIONS

OFFICERS = [new_id() for _ in range(20)]

metadata = MetaData()
shared_tables(metadata)
applied = Table(
    "applied",
    metadata,
    Column("n", BigInteger, Identity(always=True), primary_key=True),
    Column("fact_id", Uuid, nullable=False, unique=True),
    Column("stream_key", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("worker", Text, nullable=False),
)

_INSERT = text(
    """
    INSERT INTO applied (fact_id, stream_key, sequence, worker)
    SELECT f.id, f.key, f.seq, :worker FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS text[]), CAST(:seqs AS bigint[]))
        WITH ORDINALITY AS f(id, key, seq, n) ORDER BY f.n
    """
)


async def apply_all(facts: Sequence[Fact[Any]], unit: Unit, worker: str = "one") -> Sequence[Refused]:
    """The reader's effect: one row per fact, in order; a fact applied twice breaks the unique key."""
    rows = {
        "ids": [fact.id for fact in facts],
        "keys": [fact.stream_key for fact in facts],
        "seqs": [fact.sequence for fact in facts],
        "worker": worker,
    }
    await unit.connection.execute(_INSERT, rows)
    return ()


async def create_tables(url: str) -> None:
    """All tables of a test service."""
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(text("INSERT INTO outbox_epoch (number) VALUES (0)"))


@dataclass
class Lane:
    """One topic between a publisher's database and a reader's."""

    topic: str
    bootstrap: str
    publisher: Database
    reader: Database
    compacted: bool = False
    kind: type[FactData] = field(init=False)

    def __post_init__(self) -> None:
        self.kind = type("ActivityRejectedV1", (ActivityRejectedV1,), {"TOPIC": self.topic, "__module__": __name__})

    def fact(self, officer: UUID, reason: str = "test") -> Fact[Any]:
        data = self.kind(activity_id=new_id(), officer_id=officer, cause="withdrawn", reason=reason, decided_by=officer)
        return Fact.of(data, time=system_clock(), actor=officer, jurisdiction="411622")

    async def publish(self, *officers: UUID, reason: str = "test") -> list[Fact[Any]]:
        facts = [self.fact(officer, reason) for officer in officers]
        async with self.publisher.unit() as unit:
            unit.outbox.add(*facts)
        return facts

    def subscription(self, handler: Handler) -> dict[str, Subscription]:
        return {self.topic: Subscription(handler, {self.kind.TYPE: self.kind}, self.compacted)}

    async def rows(self, sql: str, **values: object) -> list[Any]:
        async with self.reader.engine.connect() as connection:
            return list(await connection.execute(text(sql), values))

    async def applied(self) -> list[Any]:
        return await self.rows("SELECT fact_id, stream_key, sequence, worker FROM applied ORDER BY n")

    async def published(self) -> int:
        async with self.publisher.engine.connect() as connection:
            return int(
                (await connection.execute(text("SELECT coalesce(sum(last_seq), 0) FROM outbox_stream"))).scalar_one()
            )


@asynccontextmanager
async def relaying(lane: Lane) -> AsyncIterator[asyncio.Task[None]]:
    """A relay as in a worker process, ended with the block."""
    connection = await owning_connection(lane.publisher.url, lambda: None, "test relay")
    async with running(Relay(connection, lane.bootstrap, "test").run(), connection) as task:
        yield task


@asynccontextmanager
async def consuming(lane: Lane, handler: Handler = apply_all) -> AsyncIterator[Consumer]:
    """A consumer as in a worker process, ended with the block."""
    connection = await owning_connection(lane.reader.url, lambda: None, "test consumer")
    consumer = Consumer(connection, lane.bootstrap, lane.topic, lane.subscription(handler), system_clock)
    async with running(consumer.run(), connection):
        yield consumer
    await consumer._kafka.stop()


@asynccontextmanager
async def running(work: Awaitable[None], connection: AsyncConnection) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.ensure_future(work)
    try:
        yield task
    finally:
        failed = task.done() and not task.cancelled() and task.exception()
        task.cancel()
        await asyncio.wait([task])
        if not connection.closed:
            await connection.close()
        await connection.engine.dispose()
        if failed:
            raise failed


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 20.0) -> None:
    """Wait for a condition; fail when it does not come true."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)


async def shared(*consumers: Consumer) -> bool:
    """Each of them holds the same number of partitions, and together they hold all."""
    return all(len(held) == PARTITIONS // len(consumers) for one in consumers for held in one._ownership.held.values())


def process_environment(**extra: str) -> dict[str, str]:
    return {**os.environ, **extra}
