"""The consumer: facts from Kafka into one transaction with their effects, cursors and offsets.

It trusts nothing but its own database: partitions are owned by advisory locks, offsets and cursors are written with the
effects, and whenever the connection or a lock may be lost it raises, so that the process ends and is started again.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import structlog
from aiokafka import ConsumerRecord, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.clock import Clock
from shared.database.errors import is_transient
from shared.database.unit import Unit, unit_on
from shared.messaging import state
from shared.messaging.client import consumer as new_consumer
from shared.messaging.handling import Refused, Subscription
from shared.messaging.incoming import Incoming, read
from shared.messaging.ownership import Ownership, OwnershipLost
from shared.messaging.progress import Progress, Pulse
from shared.messaging.pulses import tell_ends
from shared.messaging.replaced import LogCheck, LogReplaced
from shared.messaging.sorting import Broken, Sorted, sort_reference, sort_stream
from shared.messaging.topics import PARTITIONS
from shared.observability.metrics import DEAD_LETTERS_KEPT, HELD_FACTS, HELD_STREAMS
from shared.observability.tracing import hand_on_trace
from shared.turns import going_first

log = structlog.get_logger(__name__)

POLL_MS = 250
MAX_RECORDS = 1000
REVIEW = 0.25
MAX_HELD = 100_000
"""More than anybody could look through: a topic with more facts held waits on the broker until they are mended."""
LOOK_AT_HELD = 5.0
TELL_ENDS = 10.0
FIRST_BACKOFF, LAST_BACKOFF = 0.2, 5.0
HANGS_AFTER = 60.0
"""Six times what a transaction may take."""


class Fenced(OwnershipLost):
    """The stored offsets are not where this worker stands: another one has written, this process must exit."""


class RefusedFacts(Exception):
    """The handler refused facts of this batch; it is run again without them."""

    def __init__(self, refused: Sequence[Refused]) -> None:
        super().__init__(f"{len(refused)} facts refused")
        self.reasons = {item.fact.id: item.reason for item in refused}


class Consumer:
    """Consumes the topics of one service on the connection that also writes the effects."""

    def __init__(
        self,
        connection: AsyncConnection,
        bootstrap: str,
        service: str,
        topics: Mapping[str, Subscription],
        clock: Clock,
    ) -> None:
        self._connection = connection
        self._service = service
        self._topics = topics
        self._clock = clock
        self._kafka = new_consumer(bootstrap, service)
        self._ownership = Ownership(connection, tuple(sorted(topics)), PARTITIONS)
        self._positions: dict[TopicPartition, int] = {}
        self._check = LogCheck(self._kafka, connection, topics)
        self._waiting: set[str] = set()
        self._pulse = Pulse(HANGS_AFTER)
        self._reviewed = self._looked = self._told_ends = 0.0
        self.progress = Progress(service, self._kafka)

    async def run(self) -> None:
        """Consume for ever; raises when ownership, connection, offsets or log cannot be trusted, or anything hangs."""
        await self._pulse.guard(self._run())

    async def _run(self) -> None:
        await self._kafka.start()
        self._assign_all()
        await self._ownership.announce()
        backoff = FIRST_BACKOFF
        while True:
            self._pulse.beat()
            await self._review_when_due()
            try:
                await self._poll()
                backoff = FIRST_BACKOFF
            except OffsetOutOfRangeError as error:
                if not self._check.excuses(error.args[0]):
                    raise  # the log does not have what we need next: never skip silently
                self._seek_back()
            except NoOffsetForPartitionError:
                raise
            except (DBAPIError, KafkaError) as error:
                if not self._may_retry(error):
                    raise
                log.warning("consumer.retry", error=type(error).__name__)
                self._seek_back()
                await asyncio.sleep(random.uniform(0, backoff))  # noqa: S311  # jitter, not a secret
                backoff = min(backoff * 2, LAST_BACKOFF)

    def _assign_all(self) -> None:
        """Every partition is assigned once, for good: a second `assign` would drop all positions and buffers."""
        everything = [TopicPartition(topic, n) for topic in self._topics for n in range(PARTITIONS)]
        self._kafka.assign(everything)
        for partition in everything:
            self._kafka.seek(partition, 0)
        self._kafka.pause(*everything)

    async def _review_when_due(self) -> None:
        if time.monotonic() - self._reviewed < REVIEW:
            return
        self._check.require_logs(self._positions)
        locks = await self._ownership.look()
        for topic, number in self._ownership.surplus(locks):
            partition = TopicPartition(topic, number)
            self._kafka.pause(partition)
            del self._positions[partition]
            self._check.end(partition)
            await self._ownership.release(topic, number)
        await self._start_at_stored_offsets(await self._ownership.take(locks))
        self._reviewed = time.monotonic()
        if self._reviewed - self._looked > LOOK_AT_HELD:
            await self._look_at_held()
        if self._reviewed - self._told_ends > TELL_ENDS:
            await self._tell_ends()
        if self.progress.due:
            self.progress.report({p: at for p, at in self._positions.items() if p.topic not in self._waiting})

    async def _start_at_stored_offsets(self, taken: Sequence[tuple[str, int]]) -> None:
        """Read the offsets in a statement after the lock was taken, then seek and resume."""
        for topic in sorted({topic for topic, _ in taken}):
            numbers = [number for held, number in taken if held == topic]
            async with self._connection.begin():
                stored = await state.locked_offsets(self._connection, topic, numbers)
            for number in numbers:
                partition = TopicPartition(topic, number)
                self._positions[partition] = stored.get(number, 0)
                if self._positions[partition]:
                    self._check.begin(partition)
                self._seek(partition)
                if topic not in self._waiting:
                    self._kafka.resume(partition)

    async def _look_at_held(self) -> None:
        """Tell how many facts are held; a topic with too many waits, the others and the rest of the worker go on."""
        async with self._connection.begin():
            aside = await state.aside(self._connection, self._topics)
        self._looked = time.monotonic()
        for of in aside:
            HELD_FACTS.labels(self._service, of.topic).set(of.held_facts)
            HELD_STREAMS.labels(self._service, of.topic).set(of.held_streams)
            DEAD_LETTERS_KEPT.labels(self._service, of.topic).set(of.dead_letters)
        too_many = {of.topic for of in aside if of.held_facts > MAX_HELD}
        for partition in self._positions:
            if partition.topic in too_many:
                self._kafka.pause(partition)
            elif partition.topic in self._waiting:
                self._kafka.resume(partition)
        if too_many - self._waiting:
            log.error("consumer.too_many_held", topics=sorted(too_many), help="see `cunjing streams held`")
        self._waiting = too_many

    async def _tell_ends(self) -> None:
        """Note which partitions are applied to their ends, so that the API may call unknown what is unknown here."""
        ends = [(p.topic, p.partition) for p, at in self._positions.items() if self._kafka.highwater(p) == at]
        async with self._connection.begin():
            await tell_ends(self._connection, ends)
        self._told_ends = self._reviewed

    async def _poll(self) -> None:
        polled = await self._kafka.getmany(timeout_ms=POLL_MS, max_records=MAX_RECORDS)
        by_topic: dict[str, list[ConsumerRecord]] = defaultdict(list)
        for partition, records in polled.items():
            if partition in self._positions and (ours := await self._proven(partition, records)):
                by_topic[partition.topic] += ours
        with going_first():
            for topic, records in by_topic.items():
                types = self._topics[topic].types
                await self._apply(topic, [read(record, types) for record in records])

    async def _proven(self, partition: TopicPartition, records: list[ConsumerRecord]) -> list[ConsumerRecord]:
        """The records from our position on; the one before it is looked at, as long as that is due, and left out."""
        if not self._check.is_open(partition):
            return records
        before = [record for record in records if record.offset < self._positions[partition]]
        if before and not await self._check.knows(before[0]):
            await self._not_our_log(partition)
            return []
        self._check.end(partition)
        return records[len(before) :]

    async def _not_our_log(self, partition: TopicPartition) -> None:
        """A stream topic ends the process; reference data is read anew, for older states of it do no harm."""
        topic, number = partition
        if not self._topics[topic].compacted:
            at = self._positions[partition]
            raise LogReplaced(f"{topic}/{number}: the record before {at} was never read: was the topic recreated?")
        log.error("consumer.log_replaced", topic=topic, partition=number, help="read again from its beginning")
        async with self._connection.begin():
            await self._fence(topic, [number])
            await state.save_offsets(self._connection, topic, {number: 0})
        self._positions[partition] = 0
        self._check.end(partition)
        self._seek(partition)

    async def _apply(self, topic: str, batch: Sequence[Incoming]) -> None:
        """One transaction for the batch; on an unexpected error halves of it, down to the fact that causes it."""
        try:
            await self._commit(topic, batch, {})
        except Exception as error:
            if isinstance(error, OwnershipLost) or self._may_retry(error) or self._lost():
                raise
            if len(batch) == 1:
                log.error("consumer.dead_letter", topic=topic, error=type(error).__name__)
                await self._commit(topic, batch, {_record(batch[0]): f"handler failed: {type(error).__name__}"})
                return
            middle = len(batch) // 2
            await self._apply(topic, batch[:middle])
            await self._apply(topic, batch[middle:])

    async def _commit(self, topic: str, batch: Sequence[Incoming], broken: Broken) -> None:
        """Apply the batch in one transaction; facts the handler refuses are put aside and the rest applied again."""
        self._pulse.beat()
        try:
            async with unit_on(self._connection, self._clock()) as unit:
                after, done = await self._write(unit, topic, batch, broken)
        except RefusedFacts as refusal:
            refused = {_record(i): refusal.reasons[i.fact.id] for i in batch if i.fact and i.fact.id in refusal.reasons}
            await self._commit(topic, batch, {**broken, **refused})
            return
        self._positions |= {TopicPartition(topic, number): offset for number, offset in after.items()}
        self.progress.count(topic, done)

    async def _write(
        self, unit: Unit, topic: str, batch: Sequence[Incoming], broken: Broken
    ) -> tuple[dict[int, int], Sorted]:
        after = _after(batch)
        await self._fence(topic, after)
        done = await self._sort(topic, batch, broken)
        hand_on_trace({fact.traceparent for fact in done.facts})
        if (facts := done.facts) and (refused := await self._topics[topic].handler(facts, unit)):
            raise RefusedFacts(refused)
        await state.save(self._connection, topic, done, after, unit.now)
        return after, done

    async def _fence(self, topic: str, partitions: Iterable[int]) -> None:
        stored = await state.locked_offsets(self._connection, topic, partitions)
        for number in partitions:
            if stored.get(number, 0) != self._positions[TopicPartition(topic, number)]:
                raise Fenced(f"{topic}/{number} is at {stored.get(number, 0)}, not where this worker stands")

    async def _sort(self, topic: str, batch: Sequence[Incoming], broken: Broken) -> Sorted:
        keys = {incoming.stream_key for incoming in batch if incoming.stream_key is not None}
        known = await state.cursors(self._connection, topic, keys)
        return (sort_reference if self._topics[topic].compacted else sort_stream)(batch, known, broken)

    def _seek_back(self) -> None:
        for partition in self._positions:
            self._seek(partition)

    def _seek(self, partition: TopicPartition) -> None:
        """To our position, or to the record before it while that has to be looked at."""
        self._kafka.seek(partition, self._positions[partition] - self._check.is_open(partition))

    def _may_retry(self, error: Exception) -> bool:
        """Transient, and the connection with its locks is still the same one."""
        return not self._lost() and (isinstance(error, KafkaError) or is_transient(error))

    def _lost(self) -> bool:
        return self._connection.closed or self._connection.invalidated


def _record(incoming: Incoming) -> tuple[int, int]:
    return incoming.partition, incoming.offset


def _after(batch: Sequence[Incoming]) -> dict[int, int]:
    """The next offset of each partition once the batch is applied."""
    return {incoming.partition: incoming.offset + 1 for incoming in batch}
