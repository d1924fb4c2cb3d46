"""Mending by hand what the consumer put aside: dead letters, held streams, gaps and forks.

Every act is one transaction with its audit row. It holds the stream's partition like a consumer does, so a worker may
run meanwhile: whichever comes second sees what the first has written.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

from aiokafka import ConsumerRecord
from sqlalchemy import Row, TextClause, text

from shared.contracts.envelope import Undecodable, read_place
from shared.database.unit import Database, Unit
from shared.messaging import state
from shared.messaging.consumer import RefusedFacts
from shared.messaging.handling import Subscription
from shared.messaging.incoming import Incoming, read
from shared.messaging.sorting import DEAD_LETTER, Cursor, sort_reference, sort_stream
from shared.security.audit import record_audit
from shared.security.principal import Principal

_DEAD = text(
    """
    SELECT id, topic, partition, "offset", stream_key, headers, body, reason, kept_at FROM dead_letter
    WHERE (CAST(:topic AS text) IS NULL OR topic = :topic) AND id > :after ORDER BY id LIMIT :most
    """
)
_ONE = text(
    'SELECT id, topic, partition, "offset", stream_key, headers, body, reason, kept_at FROM dead_letter WHERE id = :id'
)
_STREAM = text(
    """
    SELECT partition, "offset", stream_key, headers, body FROM dead_letter
    WHERE topic = :topic AND stream_key = :key
    UNION ALL
    SELECT partition, "offset", stream_key, headers, body FROM held_fact
    WHERE topic = :topic AND stream_key = :key
    """
)
_FORGET = text("DELETE FROM dead_letter WHERE id = :id")
_FORGET_ALL_BUT = """
    DELETE FROM {table} AS k WHERE topic = :topic AND stream_key = :key AND NOT EXISTS (
        SELECT FROM unnest(CAST(:partitions AS smallint[]), CAST(:offsets AS bigint[])) AS still(partition, "offset")
        WHERE still.partition = k.partition AND still."offset" = k."offset")
    """
_FORGET_DEAD = text(_FORGET_ALL_BUT.format(table="dead_letter"))
_FORGET_HELD = text(_FORGET_ALL_BUT.format(table="held_fact"))
_HELD = text(
    """
    SELECT c.topic, c.stream_key, c.last_seq, c.epoch, c.held AS reason, count(h.id) AS facts, min(h.kept_at) AS since
    FROM stream_cursor c LEFT JOIN held_fact h USING (topic, stream_key)
    WHERE c.held IS NOT NULL GROUP BY c.topic, c.stream_key, c.last_seq, c.epoch, c.held
    ORDER BY since NULLS FIRST, c.topic, c.stream_key LIMIT :most
    """
)
_TO_REPLAY = text(
    """
    SELECT topic, stream_key FROM dead_letter WHERE stream_key IS NOT NULL
    UNION
    SELECT topic, stream_key FROM stream_cursor WHERE held IS NOT NULL
    ORDER BY topic, stream_key
    """
)


class CannotRepair(Exception):
    """What was asked for does not fit what is there; the text says what to do instead."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay did with one stream; `held` says why it stopped again, None when it flows."""

    applied: int
    left: int
    held: str | None


T = TypeVar("T")


async def mend(
    database: Database,
    who: Principal,
    topics: Mapping[str, Subscription],
    act: Callable[[Repair], Awaitable[T]],
) -> T:
    """Do one act in a transaction of its own; facts the handler refuses are put aside and the act is done again."""
    refused: dict[UUID, str] = {}
    while True:
        try:
            async with database.unit() as unit:
                return await act(Repair(unit, who, topics, refused))
        except RefusedFacts as refusal:
            refused |= refusal.reasons


@dataclass(frozen=True, slots=True)
class Repair:
    """Mends one service's reading; `topics` are the subscriptions of its worker."""

    unit: Unit
    who: Principal
    topics: Mapping[str, Subscription]
    refused: Mapping[UUID, str] = field(default_factory=dict)

    async def dead_letters(self, topic: str | None, after: int, most: int) -> list[Row[Any]]:
        """Dead letters, oldest first."""
        found = await self.unit.connection.execute(_DEAD, {"topic": topic, "after": after, "most": most})
        return list(found)

    async def dead_letter(self, id: int) -> Row[Any]:
        """One dead letter."""
        row = (await self.unit.connection.execute(_ONE, {"id": id})).one_or_none()
        if row is None:
            raise CannotRepair(f"there is no dead letter {id}: see `cunjing dead-letters list`")
        return row

    async def held_streams(self, most: int) -> list[Row[Any]]:
        """Streams that stand still, with the reason and what waits in them, longest first."""
        return list(await self.unit.connection.execute(_HELD, {"most": most}))

    async def streams_to_replay(self) -> list[tuple[str, str]]:
        """Topic and key of every stream that stands still or has dead letters."""
        return [(row.topic, row.stream_key) for row in await self.unit.connection.execute(_TO_REPLAY)]

    async def replay(self, topic: str, key: str) -> Replayed:
        """Apply what was put aside of a stream, in its order, as far as it goes now."""
        await self._lock(topic, key)
        cursor = await self._cursor(topic, key)
        replayed = await self._apply(topic, key, cursor._replace(held=None), await self._kept(topic, key))
        await self._audit("dead_letter.replay", topic, key, f"applied {replayed.applied}, left {replayed.left}")
        return replayed

    async def discard(self, id: int, reason: str) -> Replayed | None:
        """Give a dead letter up for good, then go on with what waited behind it."""
        dead = await self.dead_letter(id)
        topic, key = dead.topic, dead.stream_key
        await self._audit(
            "dead_letter.discard", topic, f"{dead.partition}/{dead.offset} {key or ''}", "discarded", reason
        )
        if key is None or self._subscription(topic).compacted:
            await self.unit.connection.execute(_FORGET, {"id": id})
            return None
        await self._lock(topic, key)
        await self.unit.connection.execute(_FORGET, {"id": id})
        cursor = await self._cursor(topic, key)
        return await self._apply(topic, key, _past(cursor, dead.headers), await self._kept(topic, key))

    async def accept(self, topic: str, key: str, reason: str) -> Replayed:
        """Go on over a gap or a fork: what is missing is given up, the first fact that waits is the next one."""
        await self._lock(topic, key)
        cursor, kept = await self._cursor(topic, key), await self._kept(topic, key)
        if cursor.held is None:
            raise CannotRepair(f"{topic} {key} is not held: see `cunjing streams held`")
        if cursor.held.startswith(DEAD_LETTER):
            raise CannotRepair(f"{topic} {key} waits behind a dead letter: replay or discard that one")
        replayed = await self._apply(topic, key, cursor._replace(held=None), kept)
        waiting = await self._kept(topic, key)
        if replayed.held is not None and (first := waiting[0].place):
            reached = await self._cursor(topic, key)
            start = reached.past(first)._replace(last_seq=first.sequence - 1, last_id=first.previous)
            over = await self._apply(topic, key, start, waiting)
            replayed = Replayed(replayed.applied + over.applied, over.left, over.held)
        await self._audit("stream.accept", topic, key, cursor.held, reason)
        return replayed

    def _subscription(self, topic: str) -> Subscription:
        if topic not in self.topics:
            raise CannotRepair(f"this service does not read {topic}; it reads {', '.join(sorted(self.topics))}")
        return self.topics[topic]

    async def _lock(self, topic: str, key: str) -> None:
        """Hold the stream's partitions as the consumer does for a batch."""
        self._subscription(topic)
        numbers = {incoming.partition for incoming in await self._kept(topic, key)}
        await state.locked_offsets(self.unit.connection, topic, numbers)

    async def _cursor(self, topic: str, key: str) -> Cursor:
        return (await state.cursors(self.unit.connection, topic, [key])).get(key, Cursor())

    async def _kept(self, topic: str, key: str) -> list[Incoming]:
        """Everything put aside of a stream, in the order of the stream; what has no place comes first."""
        rows = await self.unit.connection.execute(_STREAM, {"topic": topic, "key": key})
        types = self._subscription(topic).types
        found = [read(_record(topic, row), types) for row in rows]
        return sorted(found, key=lambda i: (i.place.epoch, i.place.sequence) if i.place else (0, 0))

    async def _apply(self, topic: str, key: str, cursor: Cursor, kept: Sequence[Incoming]) -> Replayed:
        subscription = self._subscription(topic)
        broken = {
            (i.partition, i.offset): self.refused[i.fact.id] for i in kept if i.fact and i.fact.id in self.refused
        }
        done = (sort_reference if subscription.compacted else sort_stream)(kept, {key: cursor}, broken)
        if (facts := done.facts) and (refused := await subscription.handler(facts, self.unit)):
            raise RefusedFacts(refused)
        await self._forget(_FORGET_DEAD, topic, key, done.dead)
        await self._forget(_FORGET_HELD, topic, key, done.held)
        done.cursors.setdefault(key, cursor)
        await state.keep(self.unit.connection, topic, done, self.unit.now)
        return Replayed(len(done.apply), len(done.dead) + len(done.held), done.cursors[key].held)

    async def _forget(self, others: TextClause, topic: str, key: str, still: Sequence[tuple[Incoming, str]]) -> None:
        places = {"partitions": [i.partition for i, _ in still], "offsets": [i.offset for i, _ in still]}
        await self.unit.connection.execute(others, {"topic": topic, "key": key, **places})

    async def _audit(self, action: str, topic: str, key: str, result: str, reason: str | None = None) -> None:
        await record_audit(self.unit, self.who, action, f"{topic} {key}", result=result, reason=reason)


def _past(cursor: Cursor, headers: Mapping[str, str]) -> Cursor:
    """The cursor as if the record had been applied; where it stands when nobody can say which one it was."""
    try:
        place = read_place(headers)
    except Undecodable:
        return cursor._replace(held=None)
    if place.sequence != cursor.last_seq + 1:
        return cursor._replace(held=None)
    return cursor.past(place)


def _record(topic: str, row: Row[Any]) -> ConsumerRecord:
    """A kept record as the consumer reads it."""
    headers = tuple((name, value.encode()) for name, value in row.headers.items())
    key = row.stream_key.encode()
    return ConsumerRecord(topic, row.partition, row.offset, 0, 0, key, row.body, None, len(key), 0, headers)
