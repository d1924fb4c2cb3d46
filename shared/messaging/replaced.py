"""Whether a log is still the one our offsets belong to: a topic may have been deleted and created again."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping

from aiokafka import AIOKafkaConsumer, ConsumerRecord, TopicPartition
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.messaging import state
from shared.messaging.handling import Subscription
from shared.messaging.incoming import Incoming, read
from shared.messaging.sorting import Cursor


class LogReplaced(RuntimeError):
    """What stands before our offset was never read: to go on would skip it silently, this process must exit."""


class LogCheck:
    """A partition that was just taken is read from the record before our offset, which we must have read before.

    Without it a topic that was recreated and has grown beyond our offset would be read on from its middle.
    """

    def __init__(
        self, kafka: AIOKafkaConsumer, connection: AsyncConnection, topics: Mapping[str, Subscription]
    ) -> None:
        self._kafka = kafka
        self._connection = connection
        self._topics = topics
        self._since: dict[TopicPartition, float] = {}
        self._there: set[str] = set()

    def begin(self, partition: TopicPartition) -> None:
        """The partition was taken; its log has to be looked at."""
        self._since[partition] = time.time() * 1000

    def end(self, partition: TopicPartition) -> None:
        """Its log is the right one, or it was given up."""
        self._since.pop(partition, None)

    def is_open(self, partition: TopicPartition) -> bool:
        """Whether its log has still to be looked at."""
        return partition in self._since

    def excuses(self, missing: Collection[TopicPartition]) -> bool:
        """Whether only the record before our offset is missing, which had its time; from now on our offset counts."""
        if not all(map(self.is_open, missing)):
            return False
        for partition in missing:
            self.end(partition)
        return True

    def require_logs(self, positions: Mapping[TopicPartition, int]) -> None:
        """Raise LogReplaced when a topic that was there is gone, or a log ends before our offset."""
        there = {topic for topic in self._topics if self._kafka.partitions_for_topic(topic)}
        if gone := self._there - there:
            raise LogReplaced(f"the broker has no topic {', '.join(sorted(gone))} any more")
        self._there = there
        for partition, since in self._since.items():
            fetched, end = self._kafka.last_poll_timestamp(partition) or 0, self._kafka.highwater(partition) or 0
            if fetched > since and end < positions[partition]:
                raise LogReplaced(f"{_name(partition)} ends at {end}, before our offset {positions[partition]}")

    async def knows(self, record: ConsumerRecord) -> bool:
        """Whether we have read this record, as far as its stream's cursor tells."""
        subscription = self._topics[record.topic]
        incoming = read(record, subscription.types)
        if incoming.stream_key is None:
            return True
        async with self._connection.begin():
            known = await state.cursors(self._connection, record.topic, [incoming.stream_key])
        return not is_strange(incoming, known.get(incoming.stream_key), compacted=subscription.compacted)


def is_strange(incoming: Incoming, cursor: Cursor | None, *, compacted: bool) -> bool:
    """Whether a record behind our offset is none of those that brought its stream's cursor to where it is.

    What cannot be told is not strange: an unreadable record, a stream that is held.
    """
    place = incoming.place
    if incoming.wrong or place is None or (cursor and cursor.held):
        return False
    if cursor is None:
        return True
    if compacted:
        return (place.epoch, place.sequence) > (cursor.epoch, cursor.last_seq)
    return place.sequence > cursor.last_seq or (place.sequence == cursor.last_seq and place.id != cursor.last_id)


def _name(partition: TopicPartition) -> str:
    return f"{partition.topic}/{partition.partition}"
