"""A fact gets a second version while old and new readers run side by side: readers first, then the publisher."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any, cast
from uuid import UUID

import pytest

from shared.clock import system_clock
from shared.contracts import registry
from shared.contracts.base import FactData
from shared.contracts.envelope import Fact
from shared.database.engine import owning_connection
from shared.messaging.consumer import Consumer
from shared.messaging.handling import Subscription
from shared.messaging.repair import mend
from shared.security.principal import Principal
from tests.messaging.support import OFFICERS, Lane, apply_all, relaying, running, shared, until

WHO = Principal("cli:tester", frozenset(), "", "internal", None)


@pytest.fixture
def second(lane: Lane, monkeypatch: pytest.MonkeyPatch) -> type[FactData]:
    """Version 2 of the lane's fact: it says more."""
    name = lane.kind.TYPE.replace(".v1", ".v2")
    fields = {"TOPIC": lane.topic, "TYPE": name, "witnesses": 0, "__module__": __name__}
    made = type("ActivityRejectedV2", (lane.kind,), {**fields, "__annotations__": {"witnesses": int}})
    kind = cast(type[FactData], made)
    monkeypatch.setitem(cast(dict[str, Any], registry.BY_TYPE), name, registry.Registered(kind, ("test",)))
    return kind


def _subscription(lane: Lane, worker: str, *kinds: type[FactData]) -> dict[str, Subscription]:
    types = {kind.TYPE: kind for kind in kinds}
    return {lane.topic: Subscription(partial(apply_all, worker=worker), types, compacted=False)}


@asynccontextmanager
async def _reading(lane: Lane, worker: str, *kinds: type[FactData]) -> AsyncIterator[Consumer]:
    connection = await owning_connection(lane.reader.url, lambda: None, worker)
    consumer = Consumer(connection, lane.bootstrap, lane.topic, _subscription(lane, worker, *kinds), system_clock)
    async with running(consumer.run(), connection):
        yield consumer
    await consumer._kafka.stop()


async def _publish(lane: Lane, kind: type[FactData], officers: Sequence[UUID]) -> None:
    facts = [lane.fact(officer) for officer in officers]
    again = [kind.model_validate({**fact.data.model_dump(), "witnesses": 2}) for fact in facts]
    async with lane.publisher.unit() as unit:
        unit.outbox.add(*(_with(fact, data) for fact, data in zip(facts, again, strict=True)))


def _with(fact: Fact[Any], data: FactData) -> Fact[Any]:
    return Fact.of(data, time=fact.time, actor=fact.actor, jurisdiction=fact.jurisdiction)


async def _applied(lane: Lane, count: int) -> bool:
    return len(await lane.applied()) == count


async def _in_order(lane: Lane) -> bool:
    seen: dict[str, int] = {}
    for row in await lane.applied():
        if row.sequence != seen.get(row.stream_key, 0) + 1:
            return False
        seen[row.stream_key] = row.sequence
    return True


async def test_readers_first_then_the_publisher_and_nothing_is_put_aside(lane: Lane, second: type[FactData]) -> None:
    async with relaying(lane), _reading(lane, "new", lane.kind, second) as new:
        async with _reading(lane, "old", lane.kind) as old:
            await until(lambda: shared(old, new))
            await _publish(lane, lane.kind, OFFICERS)
            await until(lambda: _applied(lane, 20))
        await until(lambda: shared(new))
        await _publish(lane, second, OFFICERS)
        await _publish(lane, lane.kind, OFFICERS[:5])  # another publisher process that is not new yet
        await until(lambda: _applied(lane, 45))
    assert {row.worker for row in await lane.applied()} == {"old", "new"}
    assert await lane.rows("SELECT 1 FROM dead_letter") == []
    assert await _in_order(lane)


async def test_a_publisher_that_went_first_does_no_harm_that_a_replay_would_not_mend(
    lane: Lane, second: type[FactData]
) -> None:
    await _publish(lane, lane.kind, OFFICERS)
    await _publish(lane, second, OFFICERS[:10])
    await _publish(lane, lane.kind, OFFICERS)
    async with relaying(lane):
        async with _reading(lane, "old", lane.kind):
            await until(lambda: _applied(lane, 30))
            await until(lambda: _put_aside(lane, 10, 10))
        topics = _subscription(lane, "new", lane.kind, second)
        for topic, key in await mend(lane.reader, WHO, topics, lambda repair: repair.streams_to_replay()):
            await mend(lane.reader, WHO, topics, lambda repair, t=topic, k=key: repair.replay(t, k))  # type: ignore[misc]
    assert await _applied(lane, 50)
    assert await _in_order(lane)
    assert await _put_aside(lane, 0, 0)


async def _put_aside(lane: Lane, dead: int, held: int) -> bool:
    found = [len(await lane.rows(f"SELECT 1 FROM {table}")) for table in ("dead_letter", "held_fact")]
    return found == [dead, held]
