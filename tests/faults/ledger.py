"""A lane with a ledger that would show every loss, every double effect and every step out of order.

Unlike the product's ledgers it has no unique key: what is applied twice stands there twice.
"""

from __future__ import annotations

import asyncio
import functools
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import BigInteger, Column, Identity, MetaData, Table, Text, Uuid, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from shared.clock import system_clock
from shared.contracts.base import FactData
from shared.contracts.envelope import Fact
from shared.contracts.fieldwork import ActivityRejectedV1
from shared.database.tables import shared_tables
from shared.database.unit import Database, Unit
from shared.ids import new_id
from shared.messaging.handling import Handler, Refused, Subscription
from shared.messaging.lag import lag_of

_NAMES = UUID("6f6d1c5e-6a40-4a1c-8a5f-0a4b6f6e1f10")

metadata = MetaData()
shared_tables(metadata)
ledger = Table(
    "ledger",
    metadata,
    Column("n", BigInteger, Identity(always=True), primary_key=True),
    Column("fact_id", Uuid, nullable=False),
    Column("stream_key", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("worker", Text, nullable=False),
)

_WRITE = text(
    """
    INSERT INTO ledger (fact_id, stream_key, sequence, epoch, worker)
    SELECT f.id, f.key, f.seq, f.epoch, :worker
    FROM unnest(CAST(:ids AS uuid[]), CAST(:keys AS text[]), CAST(:seqs AS bigint[]), CAST(:epochs AS bigint[]))
        WITH ORDINALITY AS f(id, key, seq, epoch, n) ORDER BY f.n
    """
)


@functools.cache
def officers(count: int = 40) -> list[UUID]:
    """The streams of a lane; the same ids in every process."""
    return [uuid5(_NAMES, str(n)) for n in range(count)]


def apply(worker: str, refused: str | None = None) -> Handler:
    """A handler that writes every fact to the ledger under this worker's name; facts for that reason it refuses."""

    async def handler(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        columns = {
            "ids": [fact.id for fact in facts],
            "keys": [fact.stream_key for fact in facts],
            "seqs": [fact.sequence for fact in facts],
            "epochs": [fact.epoch for fact in facts],
        }
        await unit.connection.execute(_WRITE, {**columns, "worker": worker})
        return [Refused(fact, "a rule is broken") for fact in facts if fact.data.reason == refused]

    return handler


_FAILURES = [text(f"DO $$ BEGIN RAISE SQLSTATE '{code}'; END $$") for code in ("40P01", "40001")]


def shaky(handler: Handler, share: float) -> Handler:
    """The same handler; that share of its batches ends, after the work, in a deadlock or a serialisation failure."""

    async def shaken(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        refused = await handler(facts, unit)
        if random.random() < share:
            await unit.connection.execute(random.choice(_FAILURES))
        return refused

    return shaken


@functools.cache
def _kind(topic: str) -> type[FactData]:
    return type("ActivityRejectedV1", (ActivityRejectedV1,), {"TOPIC": topic, "__module__": __name__})


@dataclass(frozen=True)
class LaneAddress:
    """Where a lane is; travels to processes."""

    topic: str
    bootstrap: str
    publisher: str
    reader: str
    compacted: bool = False

    @property
    def kind(self) -> type[FactData]:
        """The lane's own fact class, on its own topic."""
        return _kind(self.topic)

    def fact(self, officer: UUID, reason: str = "test") -> Fact[Any]:
        """A new fact of an officer's stream."""
        data = self.kind(activity_id=new_id(), officer_id=officer, cause="withdrawn", reason=reason, decided_by=officer)
        return Fact.of(data, time=system_clock(), actor=officer, jurisdiction="411622")

    def subscription(self, handler: Handler) -> dict[str, Subscription]:
        """What a reader of this lane subscribes to."""
        return {self.topic: Subscription(handler, {self.kind.TYPE: self.kind}, self.compacted)}


async def create_tables(url: str) -> None:
    """All tables of both ends of a lane."""
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        await connection.execute(text("INSERT INTO outbox_epoch (number) VALUES (0)"))


@dataclass(frozen=True)
class Verdict:
    """What the ledger says when all is quiet."""

    published: int
    lost: int
    doubled: int
    out_of_order: int
    outstanding: int

    @property
    def is_clean(self) -> bool:
        """Every published fact once, in the order of its stream, and nothing outstanding."""
        return (self.lost, self.doubled, self.out_of_order, self.outstanding) == (0, 0, 0, 0)


@dataclass
class Lane:
    """Both ends of a lane, as a test looks at them."""

    address: LaneAddress
    publisher: Database
    reader: Database

    async def publish(self, *of: UUID, reason: str = "test") -> list[Fact[Any]]:
        """One transaction with a fact for each of these officers."""
        facts = [self.address.fact(officer, reason) for officer in of]
        async with self.publisher.unit() as unit:
            unit.outbox.add(*facts)
        return facts

    async def backlog(self, rows: int, at_once: int = 500, streams: int = 40) -> None:
        """That many facts, spread over that many officers."""
        chosen = [officers(streams)[n % streams] for n in range(rows)]
        for begin in range(0, rows, at_once):
            await self.publish(*chosen[begin : begin + at_once])

    async def published_rows(self, sql: str = "SELECT * FROM outbox ORDER BY id", **values: Any) -> list[Any]:
        """A query on the publisher's database."""
        return await _rows(self.publisher, sql, values)

    async def read_rows(self, sql: str = "SELECT * FROM ledger ORDER BY n", **values: Any) -> list[Any]:
        """A query on the reader's database."""
        return await _rows(self.reader, sql, values)

    async def count(self) -> int:
        """Rows of the ledger."""
        [row] = await self.read_rows("SELECT count(*) AS n FROM ledger")
        return int(row.n)

    async def outstanding(self) -> int:
        """Sum over streams of published less applied sequences: the count check (promise 14)."""
        [out] = await self.published_rows("SELECT coalesce(sum(last_seq), 0) AS n FROM outbox_stream")
        [read] = await self.read_rows("SELECT coalesce(sum(last_seq), 0) AS n FROM stream_cursor")
        return int(out.n - read.n)

    async def sent(self) -> bool:
        """All that was published is on the log."""
        [row] = await self.published_rows("SELECT count(*) AS n FROM outbox WHERE published_at IS NULL")
        return bool(row.n == 0)

    async def caught_up(self) -> bool:
        """All that was published is on the log, and the reader has read the log to its end."""
        return await self.sent() and all(
            of.waiting == 0 for of in await lag_of(self.reader, self.address.bootstrap, [self.address.topic])
        )

    async def verdict(self) -> Verdict:
        """Compare the ledger with the outbox, fact by fact."""
        truth = {row.fact_id for row in await self.published_rows("SELECT fact_id FROM outbox")}
        applied = await self.read_rows()
        seen: dict[str, int] = {}
        out_of_order = 0
        for row in applied:
            out_of_order += row.sequence != seen.get(row.stream_key, 0) + 1
            seen[row.stream_key] = max(row.sequence, seen.get(row.stream_key, 0))
        ids = [row.fact_id for row in applied]
        return Verdict(
            published=len(truth),
            lost=len(truth - set(ids)),
            doubled=len(ids) - len(set(ids)),
            out_of_order=out_of_order,
            outstanding=await self.outstanding(),
        )

    async def settled(self, seconds: float = 60.0) -> Verdict:
        """Wait until nothing is outstanding, or for as long as anything still moves, then judge."""
        await self.until_calm(seconds)
        return await self.verdict()

    async def until_calm(self, seconds: float) -> None:
        """Until the count check is 0; gives up when nothing has moved for `seconds`."""
        last, moved = -1, time.monotonic()
        while (left := await self.outstanding()) > 0 and time.monotonic() - moved < seconds:
            if left != last:
                last, moved = left, time.monotonic()
            await asyncio.sleep(0.1)


async def _rows(database: Database, sql: str, values: dict[str, Any]) -> list[Any]:
    async with database.engine.connect() as connection:
        await connection.execute(text("SET LOCAL statement_timeout = 0"))  # a tester may take his time
        return list((await connection.execute(text(sql), values)).all())


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Wait for a condition; fail when it does not come true."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)
