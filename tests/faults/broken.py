"""The controls: each protection switched off, so that a test can show that it would notice. Never in the product."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from aiokafka import AIOKafkaProducer, ConsumerRecord, TopicPartition
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.database.unit import unit_on
from shared.messaging import sorting, state
from shared.messaging.client import producer as new_producer
from shared.messaging.consumer import Consumer
from shared.messaging.incoming import Incoming
from shared.messaging.relay import BATCH, BUSY_PAUSE, Relay
from shared.messaging.sorting import Broken, Cursor, Sorted
from tests.faults.conftest import pick

if TYPE_CHECKING:
    from services.fieldwork.repository.changes import Change

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


class ConsumerThatTrustsTheLog(Consumer):
    """Reads on from its offsets, whatever stands before them."""

    async def _proven(self, partition: TopicPartition, records: list[ConsumerRecord]) -> list[ConsumerRecord]:
        self._check.end(partition)
        return [record for record in records if record.offset >= self._positions[partition]]


class ConsumerThatCommitsFirst(ConsumerThatTrustsTheLog):
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


class ConsumerThatGoesOn(Consumer):
    """Puts a poisoned fact aside and goes on with its stream."""

    async def _sort(self, topic: str, batch: Sequence[Incoming], broken: Broken) -> Sorted:
        done = Sorted()
        for incoming in batch:
            reason = incoming.wrong or broken.get((incoming.partition, incoming.offset))
            if reason:
                done.dead.append((incoming, reason))
            else:
                done.apply.append(incoming)
            if incoming.place and incoming.stream_key:
                place = incoming.place
                done.cursors[incoming.stream_key] = Cursor(place.sequence, place.id, place.epoch)
        return done


class ConsumerWithoutContinuity(Consumer):
    """Takes whatever comes next for the next fact."""

    async def run(self) -> None:
        sorting.discontinuity = lambda place, cursor: None
        await super().run()


class ConsumerThatLeaks(Consumer):
    """Keeps something of every poll."""

    async def _poll(self) -> None:
        self.__dict__.setdefault("kept", []).append(b"x" * pick(1_000_000, 40_000))
        await super()._poll()


_NUMBERED_BY_ID = text(
    """
    INSERT INTO change (county, position, village, item_type, item_id, what, verdict_id, classification, at)
    SELECT left(village, 6), nextval('change_id'), village, 'activity', id, 'recorded', NULL, 'internal', :now
    FROM unnest(CAST(:villages AS text[]), CAST(:ids AS uuid[])) AS given(village, id)
    """
)
_AFTER_TIME = text("SELECT item_id, at FROM change WHERE county = :county AND at > :after ORDER BY at LIMIT 20")


async def append_by_id(connection: AsyncConnection, changes: Sequence[Change], now: datetime) -> None:
    """Numbers a feed by the order of the inserts and not of the commits."""
    columns = {"villages": [one.village for one in changes], "ids": [one.item_id for one in changes]}
    await connection.execute(_NUMBERED_BY_ID, {**columns, "now": now})


async def read_by_time(connection: AsyncConnection, county: str, seen: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Reads a feed on from the time of the last change seen."""
    after = seen[-1]["at"] if seen else datetime.min.replace(tzinfo=UTC)
    rows = await connection.execute(_AFTER_TIME, {"county": county, "after": after})
    return [dict(row._mapping) for row in rows]


class ConsumerThatResets(ConsumerThatTrustsTheLog):
    """Goes on at the end of the log when its own place is not there any more, as clients do unless told otherwise."""

    async def run(self) -> None:
        self._kafka._auto_offset_reset = "latest"
        await super().run()


class ConsumerWithoutPatience(Consumer):
    """Takes every error for the fault of a fact."""

    def _may_retry(self, error: Exception) -> bool:
        return False


class ConsumerThatStopsFetching(Consumer):
    """Its client stops fetching after the first batch: a fault of the library that no call tells."""

    async def _commit(self, topic: str, batch: Sequence[Incoming], broken: Broken) -> None:
        await super()._commit(topic, batch, broken)
        self._kafka._fetcher._fetch_task.cancel()


class ConsumerThatNobodyWatches(ConsumerThatStopsFetching):
    """The same, and nobody looks whether it still fetches."""

    async def run(self) -> None:
        self.progress.report = lambda positions: None  # type: ignore[method-assign]
        await super().run()


RELAYS: dict[str, type[Relay]] = {
    "last id": RelayByLastId,
    "shares": RelayThatShares,
    "marks first": RelayThatMarksFirst,
}
CONSUMERS: dict[str, type[Any]] = {
    "no cursors": ConsumerWithoutCursors,
    "commits first": ConsumerThatCommitsFirst,
    "goes on past poison": ConsumerThatGoesOn,
    "no continuity": ConsumerWithoutContinuity,
    "leaks": ConsumerThatLeaks,
    "trusts the log": ConsumerThatTrustsTheLog,
    "resets": ConsumerThatResets,
    "no patience": ConsumerWithoutPatience,
    "stops fetching": ConsumerThatStopsFetching,
    "nobody watches": ConsumerThatNobodyWatches,
}
