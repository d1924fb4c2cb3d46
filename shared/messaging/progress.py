"""How far the consumer is: metrics, the commit hint for lag tools, and the watchdog that ends a stuck process."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Coroutine, Mapping
from typing import Any, NamedTuple, TypeVar

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared.messaging.sorting import Sorted
from shared.observability.metrics import (
    DEAD_LETTERS,
    FACTS_APPLIED,
    FACTS_DUPLICATE,
    FACTS_SKIPPED,
    LAG_RECORDS,
    LAG_SECONDS,
)

HINT_EVERY, HINT_TIMEOUT = 5.0, 3.0
STUCK_AFTER = 60.0
LOOK_EVERY = 1.0
REPORT_EVERY = 1.0
RECENTLY = 1.0
BACKLOG = 300
"""Facts in one batch; what follows facts at once would take the time that they need."""
TRICKLE_PAUSE, BACKLOG_PAUSE = 0.02, 0.2

T = TypeVar("T")


class Stuck(RuntimeError):
    """There is something to consume and nothing has moved for a minute: the process must exit."""


class Hangs(RuntimeError):
    """A call has not returned for so long that it never will: the process must exit."""


class Pulse:
    """Notices that work hangs, also in a call that no time-out of the server can end: the answer was lost."""

    def __init__(self, most: float) -> None:
        self._most = most
        self._last = time.monotonic()

    def beat(self) -> None:
        """The work goes on."""
        self._last = time.monotonic()

    async def guard(self, work: Coroutine[Any, Any, T]) -> T:
        """Do the work; raise Hangs after `most` seconds without a beat and leave it where it hangs."""
        self.beat()
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait([task], timeout=LOOK_EVERY))[0]:
                if time.monotonic() - self._last > self._most:
                    raise Hangs(f"no step for {self._most:.0f} s")
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.wait([task])
            raise
        return task.result()


class Goal(NamedTuple):
    """An end of a partition that was seen and is still to be reached."""

    offset: int
    seen_at: float


class Progress:
    """Watches one consumer's positions against the ends of its partitions."""

    def __init__(self, service: str, kafka: AIOKafkaConsumer) -> None:
        self._service = service
        self._kafka = kafka
        self._positions: dict[TopicPartition, int] = {}
        self._moved = time.monotonic()
        self._goals: dict[TopicPartition, Goal] = {}
        self._reported = self._counted = 0.0
        self._last = 0
        self._came = asyncio.Event()

    def count(self, topic: str, done: Sorted) -> None:
        """Add a committed batch to the counters."""
        self._counted, self._last = time.monotonic(), len(done.apply)
        self._came.set()
        FACTS_APPLIED.labels(self._service, topic).inc(len(done.apply))
        FACTS_DUPLICATE.labels(self._service, topic).inc(sum(done.duplicates.values()))
        FACTS_SKIPPED.labels(self._service, topic).inc(sum(done.skipped.values()))
        DEAD_LETTERS.labels(self._service, topic).inc(len(done.dead))

    @property
    def due(self) -> bool:
        """The last report is a second old."""
        return time.monotonic() - self._reported >= REPORT_EVERY

    def report(self, positions: Mapping[TopicPartition, int]) -> None:
        """Publish the lag of every topic; raise Stuck when nothing moves though there is lag, or nothing can."""
        if self._kafka._fetcher.error_future.done():  # the library tells nobody, and polls stay empty for ever
            raise Stuck("the Kafka client has stopped fetching")
        self._reported = now = time.monotonic()
        lag: dict[str, int] = dict.fromkeys((partition.topic for partition in positions), 0)
        behind: dict[str, float] = dict.fromkeys(lag, 0.0)
        for partition, position in positions.items():
            end = self._kafka.highwater(partition) or 0
            lag[partition.topic] += max(0, end - position)
            goal = self._goals.get(partition)
            if goal is None or position >= goal.offset:
                goal = self._goals[partition] = Goal(end, now)
            if position < goal.offset:
                behind[partition.topic] = max(behind[partition.topic], now - goal.seen_at)
        for topic, records in lag.items():
            LAG_RECORDS.labels(self._service, topic).set(records)
            LAG_SECONDS.labels(self._service, topic).set(behind[topic])
        if positions != self._positions or not sum(lag.values()):
            self._moved = time.monotonic()
        self._positions = dict(positions)
        if time.monotonic() - self._moved > STUCK_AFTER:
            raise Stuck(f"lag of {sum(lag.values())} records and no progress for {STUCK_AFTER:.0f} s")

    async def rest(self, most: float) -> None:
        """The pause of work that follows facts: short while they trickle in, until one comes while there are none."""
        if time.monotonic() - self._counted < RECENTLY:
            await asyncio.sleep(TRICKLE_PAUSE if self._last < BACKLOG else BACKLOG_PAUSE)
            return
        self._came.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(most):
                await self._came.wait()

    @property
    def lag(self) -> int:
        """Records known to be waiting in the owned partitions."""
        return sum(max(0, (self._kafka.highwater(p) or 0) - at) for p, at in self._positions.items())

    async def hint_for_ever(self) -> None:
        """Commit positions to Kafka for lag tools only; failing is harmless, `commit` alone retries for ever."""
        while True:
            await asyncio.sleep(HINT_EVERY)
            if self._positions:
                with contextlib.suppress(KafkaError, TimeoutError):
                    async with asyncio.timeout(HINT_TIMEOUT):
                        await self._kafka.commit(dict(self._positions))
