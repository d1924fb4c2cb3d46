"""The controls: each protection switched off, so that a test can show that it would notice. Never in the product."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from sqlalchemy import text

from shared.database.unit import unit_on
from shared.messaging import state
from shared.messaging.client import producer as new_producer
from shared.messaging.consumer import Consumer
from shared.messaging.incoming import Incoming
from shared.messaging.relay import BATCH, BUSY_PAUSE, Relay
from shared.messaging.sorting import Broken, Sorted

_AFTER_LAST = text(
    """
    SELECT id, topic, stream_key, sequence, previous, epoch, attributes::text AS attributes, body
    FROM outbox WHERE id > :last ORDER BY id LIMIT :batch
    """
)


class RelayByLastId(Relay):
    """Sends `id > last sent`: loses what commits later with a smaller id."""

    _last = 0

    async def send_batch(self, producer: AIOKafkaProducer) -> int:
        found = await self._connection.execute(_AFTER_LAST, {"last": self._last, "batch": BATCH})
        rows = found.all()
        if rows:
            await self._send(producer, rows)
            self._last = rows[-1].id
        return len(rows)


_CLAIM = text(
    """
    UPDATE outbox SET published_at = now() WHERE id IN (
        SELECT id FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT 50 FOR UPDATE SKIP LOCKED)
    RETURNING id, topic, stream_key, sequence, previous, epoch, attributes::text AS attributes, body
    """
)


class RelayThatShares(Relay):
    """Sends beside others, each what it has claimed."""

    async def run(self) -> None:
        await self._connection.execution_options(isolation_level="AUTOCOMMIT")
        producer = new_producer(self._bootstrap, self._service)
        await producer.start()
        await self._send_for_ever(producer)

    async def send_batch(self, producer: AIOKafkaProducer) -> int:
        rows = sorted((await self._connection.execute(_CLAIM)).all(), key=lambda row: row.id)
        if rows:
            await self._send(producer, rows)
        return len(rows)


class RelayThatMarksFirst(Relay):
    """Marks rows as published before it sends them."""

    async def send_batch(self, producer: AIOKafkaProducer) -> int:
        rows = (await self._connection.execute(_AFTER_LAST, {"last": 0, "batch": 10**6})).all()
        waiting = await self._connection.execute(
            text("UPDATE outbox SET published_at = now() WHERE published_at IS NULL RETURNING id")
        )
        ids = {row.id for row in waiting}
        chosen = [row for row in rows if row.id in ids]
        if chosen:
            await self._send(producer, chosen)
        await asyncio.sleep(BUSY_PAUSE)
        return len(chosen)


class ConsumerWithoutCursors(Consumer):
    """Applies whatever comes, without asking what was applied before."""

    async def _sort(self, topic: str, batch: Sequence[Incoming], broken: Broken) -> Sorted:
        return Sorted(apply=[incoming for incoming in batch if incoming.fact])


class ConsumerThatCommitsFirst(Consumer):
    """Stores its offsets in a transaction of their own before the effects."""

    async def _commit(self, topic: str, batch: Sequence[Incoming], broken: Broken) -> None:
        after = {incoming.partition: incoming.offset + 1 for incoming in batch}
        async with unit_on(self._connection, self._clock()):
            await state.save_offsets(self._connection, topic, after)
        self._positions |= {p: after[p.partition] for p in self._positions if p.topic == topic and p.partition in after}
        await asyncio.sleep(0.05)
        await super()._commit(topic, batch, broken)

    async def _fence(self, topic: str, partitions: Iterable[int]) -> None:
        return None


RELAYS: dict[str, type[Relay]] = {
    "last id": RelayByLastId,
    "shares": RelayThatShares,
    "marks first": RelayThatMarksFirst,
}
CONSUMERS: dict[str, type[Any]] = {
    "no cursors": ConsumerWithoutCursors,
    "commits first": ConsumerThatCommitsFirst,
}
