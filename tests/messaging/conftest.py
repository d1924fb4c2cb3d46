from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from shared.database.unit import Database
from shared.devstack.kafka import KafkaBroker
from shared.messaging.topics import ensure_topics
from tests.messaging.support import Lane, create_tables

MakeLane = Callable[..., Awaitable[Lane]]


@pytest.fixture
async def make_lane(kafka: KafkaBroker, make_database: Callable[[], str]) -> AsyncIterator[MakeLane]:
    """Makes a lane on a topic of its own, with two empty databases."""
    opened: list[Database] = []

    async def make(*, compacted: bool = False) -> Lane:
        topic = f"test.{uuid.uuid4().hex[:12]}"
        await ensure_topics(kafka.bootstrap_servers, 1, [topic], [topic] if compacted else [])
        urls = [make_database(), make_database()]
        for url in urls:
            await create_tables(url)
        publisher, reader = (Database(url) for url in urls)
        opened.extend((publisher, reader))
        return Lane(topic, kafka.bootstrap_servers, publisher, reader, compacted)

    yield make
    for database in opened:
        await database.close()


@pytest.fixture
async def lane(make_lane: MakeLane) -> Lane:
    return await make_lane()
