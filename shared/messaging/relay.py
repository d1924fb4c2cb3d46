"""Relay: sends a service's outbox to Kafka, one relay per service at a time, in order, at least once."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import orjson
import structlog
from aiokafka import AIOKafkaProducer
from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import SHANGHAI, system_clock
from shared.contracts.envelope import headers
from shared.messaging.client import producer as new_producer
from shared.messaging.outbox_care import RECENT_HEADS, remove_old, send_heads_again, send_some_heads, waiting
from shared.messaging.progress import Pulse
from shared.observability.metrics import FACTS_PUBLISHED, OUTBOX_AGE_SECONDS, OUTBOX_DEPTH

log = structlog.get_logger(__name__)

BATCH = 500
ACK_TIMEOUT = 30.0
BUSY_PAUSE, IDLE_PAUSE = 0.02, 0.2
STAYS_BUSY = 1.0
HOUSEKEEPING = 15.0
MOST_COUNTED = 1_000_001
HEADS_AT = 2
"""The hour of the night, Asia/Shanghai, at which the last states of reference streams are sent once more."""
# The server ends a silent session after 10 seconds, and with it our lock.
PING = 2.0
HANGS_AFTER = 40.0
"""Longer than ACK_TIMEOUT and than any transaction may take; with it a relay ends within 45 seconds, whatever hangs."""

_LOCK = text("SELECT pg_try_advisory_lock(hashtext('cunjing.relay'))")
_PING = text("SELECT 1")
_UNPUBLISHED = text(
    """
    SELECT id, topic, stream_key, sequence, previous, epoch, attributes::text AS attributes, body
    FROM outbox WHERE published_at IS NULL AND id > :bound ORDER BY id LIMIT :batch
    """
)
_MARK = text("UPDATE outbox SET published_at = clock_timestamp() WHERE id = ANY(CAST(:ids AS bigint[]))")
# A sequence nobody has used says last_value 1.
_LAST_ID = text("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM outbox_id_seq")
_TRANSACTIONS = text(
    """
    SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest_running,
           pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS next_transaction
    """
)
_OLDEST_UNPUBLISHED = text("SELECT min(id) FROM outbox WHERE published_at IS NULL")


class RelayFailed(RuntimeError):
    """A batch was not acknowledged: the producer's state cannot be trusted (aiokafka #1101), the process must exit."""


@dataclass
class Bound:
    """A lower bound for ids still to be sent, so that dead index entries are not walked 50 times a second.

    Only a lower one: `id > last sent` would lose rows of transactions that commit later with smaller ids. An id counts
    as passed when every transaction that ran while it was already handed out has ended.
    """

    value: int = 0
    candidate: int = 0
    running_until: int = 0

    async def advance(self, connection: AsyncConnection) -> None:
        """Raise the bound to the last candidate if its transactions have ended, then note a new candidate.

        Rows below it that somebody wants to be sent again lower it.
        """
        # The id first, in a statement of its own: whoever was handed it had a transaction id by then (the counter row
        # is written before), so the snapshot taken after it knows that transaction.
        last_id = (await connection.execute(_LAST_ID)).scalar_one()
        horizon = (await connection.execute(_TRANSACTIONS)).one()
        oldest = (await connection.execute(_OLDEST_UNPUBLISHED)).scalar()
        if oldest is not None:
            self.value = min(self.value, oldest - 1)
        if horizon.oldest_running >= self.running_until:
            self.value = max(self.value, min(self.candidate, oldest - 1 if oldest else self.candidate))
            self.candidate, self.running_until = last_id, horizon.next_transaction


class Relay:
    """Sends what is unpublished, on a connection that holds the relay lock of this service's database."""

    def __init__(self, connection: AsyncConnection, bootstrap: str, service: str) -> None:
        self._connection = connection
        self._bootstrap = bootstrap
        self._service = service
        self._bound = Bound()
        self._removed_to = 0
        self._heads_sent_on = date.min
        self._pulse = Pulse(HANGS_AFTER)

    async def run(self) -> None:
        """Wait for the lock, then send for ever; raises RelayFailed when sending fails, Hangs when anything hangs."""
        await self._pulse.guard(self._run())

    async def _run(self) -> None:
        await self._connection.execution_options(isolation_level="AUTOCOMMIT")
        while not (await self._connection.execute(_LOCK)).scalar_one():
            self._pulse.beat()
            await asyncio.sleep(IDLE_PAUSE)
        log.info("relay.owner")
        producer = new_producer(self._bootstrap, self._service)
        await producer.start()
        await self._send_for_ever(producer)

    async def _send_for_ever(self, producer: AIOKafkaProducer) -> None:
        housekeeping_at = busy_until = 0.0
        while True:
            self._pulse.beat()
            sent = await self.send_batch(producer)
            now = asyncio.get_running_loop().time()
            if sent:
                busy_until = now + STAYS_BUSY
            if now >= housekeeping_at:
                more = await self._housekeeping()
                housekeeping_at = now if more else now + HOUSEKEEPING
            if sent < BATCH:
                await asyncio.sleep(BUSY_PAUSE if now < busy_until else IDLE_PAUSE)

    async def send_batch(self, producer: AIOKafkaProducer) -> int:
        """Send the next rows in order and mark the acknowledged prefix; returns how many were sent."""
        rows = (await self._connection.execute(_UNPUBLISHED, {"bound": self._bound.value, "batch": BATCH})).all()
        if not rows:
            return 0
        acks = await self._send(producer, rows)
        acknowledged = next((n for n, ack in enumerate(acks) if not _acknowledged(ack)), len(acks))
        if acknowledged:
            await self._connection.execute(_MARK, {"ids": [row.id for row in rows[:acknowledged]]})
            for topic, count in Counter(row.topic for row in rows[:acknowledged]).items():
                FACTS_PUBLISHED.labels(self._service, topic).inc(count)
        if acknowledged < len(rows):
            raise RelayFailed(f"{acknowledged} of {len(rows)} facts acknowledged: {_reason(acks)}")
        return acknowledged

    async def _send(self, producer: AIOKafkaProducer, rows: Sequence[Row[Any]]) -> list[asyncio.Future[object]]:
        """The acknowledgements of the rows handed over, in order; those still open after ACK_TIMEOUT stay open."""
        acks: list[asyncio.Future[object]] = []

        async def hand_all_over() -> None:
            for row in rows:
                acks.append(await self._hand_over(producer, row))
            await asyncio.wait(acks)

        handing = asyncio.create_task(hand_all_over())
        give_up_at = asyncio.get_running_loop().time() + ACK_TIMEOUT
        while not (await asyncio.wait([handing], timeout=PING))[0]:
            await self._connection.execute(_PING)
            self._pulse.beat()
            if asyncio.get_running_loop().time() > give_up_at:
                break
        if handing.cancel():
            log.error("relay.gave_up", after_seconds=ACK_TIMEOUT)
        elif error := handing.exception():
            log.error("relay.failed", error=type(error).__name__)
        return acks

    async def _hand_over(self, producer: AIOKafkaProducer, row: Row[Any]) -> asyncio.Future[object]:
        attributes = orjson.loads(row.attributes)
        future: asyncio.Future[object] = await producer.send(
            row.topic,
            key=row.stream_key.encode(),
            value=row.body,
            headers=headers(attributes, sequence=row.sequence, previous=row.previous, epoch=row.epoch),
        )
        return future

    async def _housekeeping(self) -> bool:
        """True when more of it is due at once."""
        await self._bound.advance(self._connection)
        backlog = await waiting(self._connection, MOST_COUNTED, self._bound.value)
        OUTBOX_DEPTH.labels(self._service).set(backlog.depth)
        OUTBOX_AGE_SECONDS.labels(self._service).set(backlog.age)
        self._removed_to = await remove_old(self._connection, self._removed_to)
        await self._heads_every_night()
        return await self._send_some_heads()

    async def _heads_every_night(self) -> None:
        now = system_clock()
        local = now.astimezone(SHANGHAI)
        if local.hour == HEADS_AT and local.date() != self._heads_sent_on:
            self._heads_sent_on = local.date()
            await send_heads_again(self._connection, now - RECENT_HEADS)

    async def _send_some_heads(self) -> bool:
        """Have a piece of the heads that are due sent again; True when there may be more."""
        heads = await send_some_heads(self._connection)
        if heads:
            log.info("relay.heads", sent_again=heads)
        return heads is not None


def _acknowledged(ack: asyncio.Future[object]) -> bool:
    return ack.done() and not ack.cancelled() and ack.exception() is None


def _reason(acks: Sequence[asyncio.Future[object]]) -> str:
    failed = (ack.exception() for ack in acks if ack.done() and not ack.cancelled())
    return next((f"{type(error).__name__}: {error}" for error in failed if error), "no answer from the broker")
