"""What a consumer does when it may not be alone any more, falls behind, or holds more than anybody could look at."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from shared.clock import system_clock
from shared.contracts.envelope import Fact
from shared.database.engine import owning_connection
from shared.database.unit import Unit
from shared.messaging import consumer as consumer_module
from shared.messaging.consumer import Consumer, Fenced
from shared.messaging.handling import Refused
from tests.messaging.support import OFFICERS, Lane, apply_all, consuming, relaying, until


async def test_a_worker_whose_offsets_another_has_written_stops_before_it_writes(lane: Lane) -> None:
    await lane.publish(*OFFICERS)
    connection = await owning_connection(lane.reader.url, lambda: None, "test consumer")
    consumer = Consumer(connection, lane.bootstrap, lane.topic, lane.subscription(apply_all), system_clock)
    task = asyncio.create_task(consumer.run())
    async with relaying(lane):
        await until(lambda: _applied(lane, len(OFFICERS)))
        async with lane.reader.engine.begin() as other:
            await other.execute(text("UPDATE consumer_offset SET next_offset = next_offset + 1"))
        await lane.publish(*OFFICERS)
        await asyncio.wait([task], timeout=20)
    with pytest.raises(Fenced):
        task.result()
    await consumer._kafka.stop()
    await connection.close()
    await connection.engine.dispose()
    assert len(await lane.applied()) == len(OFFICERS)


async def test_the_end_of_the_session_that_holds_the_locks_is_told_at_once(lane: Lane) -> None:
    lost = asyncio.Event()
    connection = await owning_connection(lane.reader.url, lost.set, "test")
    pid = (await connection.exec_driver_sql("SELECT pg_backend_pid()")).scalar_one()
    async with lane.reader.engine.begin() as other:
        await other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
    async with asyncio.timeout(5):
        await lost.wait()
    await connection.invalidate()
    await connection.close()


async def test_a_topic_with_too_many_held_facts_waits_while_the_consumer_goes_on(
    lane: Lane, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumer_module, "MAX_HELD", 2)
    monkeypatch.setattr(consumer_module, "LOOK_AT_HELD", 0.0)

    async def refuse_fraud(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        await apply_all(facts, unit)
        return [Refused(fact, "no") for fact in facts if fact.data.reason == "fraud"]

    await lane.publish(OFFICERS[0], reason="fraud")
    await lane.publish(*[OFFICERS[0]] * 3)
    async with relaying(lane), consuming(lane, refuse_fraud) as consumer:
        await until(lambda: _waits(consumer, lane))
        await lane.publish(OFFICERS[1])
        await asyncio.sleep(1)
        assert await lane.applied() == []
        async with lane.reader.engine.begin() as connection:
            await connection.execute(text("DELETE FROM held_fact"))
        await until(lambda: _applied(lane, 1))


async def test_the_lag_in_seconds_grows_while_records_wait_and_ends_when_they_are_applied(lane: Lane) -> None:
    gate = asyncio.Event()

    async def wait_at_the_gate(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        if len(await lane.applied()) >= 1 and not gate.is_set():
            await unit.connection.execute(text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))
        return await apply_all(facts, unit)

    async with relaying(lane), consuming(lane, wait_at_the_gate):
        await lane.publish(OFFICERS[0])
        await until(lambda: _applied(lane, 1))
        await lane.publish(*[OFFICERS[0]] * 5)
        await until(lambda: _lag_is(lane, lambda seconds: seconds > 1))
        gate.set()
        await until(lambda: _applied(lane, 6))
        await until(lambda: _lag_is(lane, lambda seconds: seconds == 0))


async def _lag_is(lane: Lane, fits: Any) -> bool:
    seconds = REGISTRY.get_sample_value("cunjing_lag_seconds", {"service": lane.topic, "topic": lane.topic})
    return seconds is not None and bool(fits(seconds))


async def _waits(consumer: Consumer, lane: Lane) -> bool:
    return consumer._waiting == {lane.topic}


async def _applied(lane: Lane, count: int) -> bool:
    return len(await lane.applied()) == count
