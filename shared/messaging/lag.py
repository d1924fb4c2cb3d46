"""How far a service is behind the broker, asked from outside its worker."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import TopicPartition
from sqlalchemy import text

from shared.database.unit import Database
from shared.messaging import state
from shared.messaging.client import consumer
from shared.messaging.topics import PARTITIONS

_POSITIONS = text("SELECT topic, partition, next_offset FROM consumer_offset")


class TopicLag(NamedTuple):
    """One topic: records not read yet, facts held, dead letters."""

    topic: str
    waiting: int
    held: int
    dead_letters: int


async def lag_of(database: Database, bootstrap: str, topics: Sequence[str]) -> list[TopicLag]:
    """The lag of these topics; the broker must answer and have them."""
    ends = await _ends(bootstrap, topics)
    async with database.engine.connect() as connection:
        read = {(row.topic, row.partition): row.next_offset for row in await connection.execute(_POSITIONS)}
        aside = await state.aside(connection, topics)
    waiting = {
        topic: sum(end - read.get((topic, part), 0) for (of, part), end in ends.items() if of == topic)
        for topic in topics
    }
    return [TopicLag(of.topic, waiting[of.topic], of.held_facts, of.dead_letters) for of in aside]


async def _ends(bootstrap: str, topics: Sequence[str]) -> dict[tuple[str, int], int]:
    client = consumer(bootstrap, "lag")
    await client.start()
    try:
        wanted = [TopicPartition(topic, number) for topic in topics for number in range(PARTITIONS)]
        found = await client.end_offsets(wanted)
    finally:
        await client.stop()
    return {(partition.topic, partition.partition): offset for partition, offset in found.items()}
