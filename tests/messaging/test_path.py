"""From a committed transaction to a committed effect: order, duplicates, two workers, poison, restarts."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import text

from shared.contracts.envelope import Fact
from shared.database.unit import Unit
from shared.devstack.kafka import KafkaBroker
from shared.messaging.client import producer
from shared.messaging.handling import Refused
from shared.messaging.outbox import FactTooLarge
from shared.observability.tracing import continue_trace, current_traceparent
from tests.messaging.conftest import MakeLane
from tests.messaging.support import OFFICERS, Lane, apply_all, consuming, relaying, shared, until


async def all_applied(lane: Lane) -> bool:
    return len(await lane.applied()) == await lane.published()


def assert_in_order(rows: Sequence[Any]) -> None:
    """Each stream was applied as 1, 2, 3, … without a gap."""
    seen: dict[str, int] = {}
    for row in rows:
        assert row.sequence == seen.get(row.stream_key, 0) + 1
        seen[row.stream_key] = row.sequence


async def test_every_committed_fact_is_applied_once_and_in_the_order_of_its_stream(lane: Lane) -> None:
    async def write(n: int) -> None:
        for i in range(10):
            await lane.publish(*(OFFICERS[(n + i + k) % len(OFFICERS)] for k in range(5)))

    async with relaying(lane), consuming(lane):
        await asyncio.gather(*(write(n) for n in range(8)))
        await until(lambda: all_applied(lane))
    assert_in_order(await lane.applied())
    assert await lane.published() == 400


async def test_facts_of_a_rolled_back_transaction_are_never_seen(lane: Lane) -> None:
    async def publish_and_fail() -> None:
        async with lane.publisher.unit() as unit:
            unit.outbox.add(lane.fact(OFFICERS[0]))
            await unit.outbox.flush(unit.connection)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await publish_and_fail()
    await lane.publish(OFFICERS[0])
    async with relaying(lane), consuming(lane):
        await until(lambda: all_applied(lane))
    assert [row.sequence for row in await lane.applied()] == [1]


async def test_a_fact_too_large_for_the_broker_is_refused_before_it_is_written(lane: Lane) -> None:
    fact = lane.fact(OFFICERS[0])
    large = fact._replace(data=fact.data.model_copy(update={"reason": "x" * 300_000}))

    async def publish() -> None:
        async with lane.publisher.unit() as unit:
            unit.outbox.add(large)

    with pytest.raises(FactTooLarge):
        await publish()
    assert await lane.published() == 0


async def test_records_sent_twice_change_nothing_and_are_counted(lane: Lane) -> None:
    await lane.publish(*OFFICERS)
    async with relaying(lane), consuming(lane):
        await until(lambda: all_applied(lane))
    async with lane.publisher.engine.begin() as connection:
        await connection.execute(text("UPDATE outbox SET published_at = NULL"))  # as if the relay died before marking
    async with relaying(lane), consuming(lane):
        await until(lambda: _duplicates(lane, len(OFFICERS)))
    assert len(await lane.applied()) == len(OFFICERS)


async def _duplicates(lane: Lane, count: int) -> bool:
    [row] = await lane.rows("SELECT coalesce(sum(duplicates), 0) AS n FROM consumer_tally")
    return bool(row.n == count)


async def test_two_workers_share_the_partitions_and_a_third_takes_over(lane: Lane) -> None:
    one, two = partial(apply_all, worker="one"), partial(apply_all, worker="two")
    async with relaying(lane):
        async with consuming(lane, one) as first, consuming(lane, two) as second:
            await until(lambda: shared(first, second))
            for _ in range(10):
                await lane.publish(*OFFICERS)
            await until(lambda: all_applied(lane))
        for _ in range(5):
            await lane.publish(*OFFICERS)
        async with consuming(lane, partial(apply_all, worker="three")):
            await until(lambda: all_applied(lane))
    rows = await lane.applied()
    assert_in_order(rows)
    assert set(Counter(row.worker for row in rows)) == {"one", "two", "three"}


async def test_only_one_relay_sends_at_a_time(lane: Lane) -> None:
    async with relaying(lane), relaying(lane), consuming(lane):
        for _ in range(20):
            await lane.publish(*OFFICERS)
        await until(lambda: all_applied(lane))
    assert await _duplicates(lane, 0)


async def test_a_refused_fact_is_kept_with_its_reason_and_holds_only_its_own_stream(lane: Lane) -> None:
    async def refuse_fraud(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        await apply_all(facts, unit)
        return [Refused(fact, "no such officer") for fact in facts if fact.data.reason == "fraud"]

    await lane.publish(OFFICERS[0], OFFICERS[1])
    await lane.publish(OFFICERS[0], reason="fraud")
    await lane.publish(OFFICERS[0], OFFICERS[1])
    async with relaying(lane), consuming(lane, refuse_fraud):
        await until(lambda: _applied_count(lane, 3))
        await until(lambda: _held(lane, 1))
        await until(lambda: _gauge(lane, "cunjing_held_facts", 1))
    [dead] = await lane.rows("SELECT stream_key, reason, body FROM dead_letter")
    assert (dead.stream_key, dead.reason) == (str(OFFICERS[0]), "no such officer")
    assert b"fraud" in dead.body
    assert Counter(row.stream_key for row in await lane.applied()) == {str(OFFICERS[0]): 1, str(OFFICERS[1]): 2}


async def _applied_count(lane: Lane, count: int) -> bool:
    return len(await lane.applied()) == count


async def _gauge(lane: Lane, name: str, value: float) -> bool:
    return REGISTRY.get_sample_value(name, {"service": lane.topic, "topic": lane.topic}) == value


async def _held(lane: Lane, count: int) -> bool:
    return len(await lane.rows("SELECT 1 FROM held_fact")) == count


async def test_a_fact_that_makes_the_handler_fail_is_found_and_the_others_are_applied(lane: Lane) -> None:
    async def fail_on_poison(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        await apply_all(facts, unit)
        if any(fact.data.reason == "poison" for fact in facts):
            raise RuntimeError("cannot digest this")
        return ()

    await lane.publish(*OFFICERS)
    await lane.publish(OFFICERS[3], reason="poison")
    await lane.publish(*OFFICERS)
    async with relaying(lane), consuming(lane, fail_on_poison):
        await until(lambda: _applied_count(lane, 39))
    [dead] = await lane.rows("SELECT reason FROM dead_letter")
    assert dead.reason == "handler failed: RuntimeError"
    assert_in_order(await lane.applied())


async def test_rubbish_and_unknown_versions_are_put_aside_while_the_rest_goes_on(lane: Lane) -> None:
    raw = producer(lane.bootstrap, "test")
    await raw.start()
    await raw.send_and_wait(lane.topic, key=b"\xff\xfe", value=b"\x00rubbish", headers=[("ce_id", b"\xff")])
    await raw.send_and_wait(lane.topic, key=b"a\x00b", value=b"{}", headers=[("ce_type", rb"\u0000")])
    await raw.send_and_wait(lane.topic, key=b"nobody", value=None, headers=[("ce_id", None)])
    await raw.send_and_wait(lane.topic, key=b"someone", value=b"{}", headers=_headers(lane, version=99))
    await raw.send_and_wait(lane.topic, key=b"other", value=b"{not json", headers=_headers(lane, version=1))
    await raw.stop()
    await lane.publish(*OFFICERS)
    async with relaying(lane), consuming(lane):
        await until(lambda: all_applied(lane))
        await until(lambda: _dead(lane, 5))
    reasons = {row.reason for row in await lane.rows("SELECT reason FROM dead_letter")}
    assert reasons >= {"a header is not UTF-8", "this reader does not know that version of the fact", ": json_invalid"}


def _headers(lane: Lane, version: int) -> list[tuple[str, bytes]]:
    kind = lane.kind.TYPE.replace(".v1", f".v{version}").encode()
    return [
        ("ce_type", kind),
        ("ce_id", b"0198c1a0-0000-7000-8000-000000000001"),
        ("ce_sequence", b"1"),
        ("ce_epoch", b"1"),
        ("ce_source", f"/{lane.topic.partition('.')[0]}".encode()),
        ("ce_time", b"2026-10-01T00:00:00+00:00"),
        ("ce_recordedat", b"2026-10-01T00:00:00+00:00"),
        ("ce_actor", b"x"),
        ("ce_jurisdiction", b"41"),
        ("ce_classification", b"internal"),
    ]


async def _dead(lane: Lane, count: int) -> bool:
    return len(await lane.rows("SELECT 1 FROM dead_letter")) == count


async def test_a_compacted_topic_brings_the_last_state_of_every_key(make_lane: MakeLane) -> None:
    lane = await make_lane(compacted=True)
    for n in range(5):
        await lane.publish(*OFFICERS, reason=f"state {n}")
    async with relaying(lane), consuming(lane):
        await until(lambda: all_applied(lane))
    last = {row.stream_key: row.sequence for row in await lane.applied()}
    assert last == {str(officer): 5 for officer in OFFICERS}


async def test_a_batch_that_meets_a_deadlock_is_tried_again(lane: Lane) -> None:
    attempts: list[int] = []

    async def deadlock_once(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        await apply_all(facts, unit)
        attempts.append(len(facts))
        if len(attempts) == 1:
            await unit.connection.execute(text("DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$"))
        return ()

    await lane.publish(*OFFICERS)
    async with relaying(lane), consuming(lane, deadlock_once):
        await until(lambda: all_applied(lane))
    assert len(attempts) >= 2
    assert await lane.rows("SELECT 1 FROM dead_letter") == []


async def test_the_broker_restarts_and_nothing_is_lost(lane: Lane, kafka: KafkaBroker) -> None:
    async with consuming(lane):
        async with relaying(lane):
            await lane.publish(*OFFICERS)
            await until(lambda: all_applied(lane))
        await asyncio.to_thread(kafka.stop)
        await lane.publish(*OFFICERS)
        await asyncio.to_thread(kafka.start)
        async with relaying(lane):
            await lane.publish(*OFFICERS)
            await until(lambda: all_applied(lane), seconds=40)
    assert_in_order(await lane.applied())
    assert len(await lane.applied()) == 3 * len(OFFICERS)


async def test_streams_interleave_but_never_reorder_within_a_partition(lane: Lane) -> None:
    for _ in range(30):
        await lane.publish(*OFFICERS[:3])
    async with relaying(lane), consuming(lane):
        await until(lambda: all_applied(lane))
    rows = sorted(await lane.applied(), key=lambda row: str(row.stream_key))
    for _, stream in groupby(rows, key=lambda row: row.stream_key):
        assert [row.sequence for row in stream] == list(range(1, 31))


async def test_a_batch_that_is_rolled_back_is_not_counted_as_applied(lane: Lane) -> None:
    async def refuse_the_first(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        await apply_all(facts, unit)
        return [Refused(fact, "no") for fact in facts if fact.data.reason == "fraud"]

    await lane.publish(*OFFICERS[1:])
    await lane.publish(OFFICERS[0], reason="fraud")
    async with relaying(lane), consuming(lane, refuse_the_first):
        await until(lambda: _dead(lane, 1))
        await until(lambda: _applied_count(lane, len(OFFICERS) - 1))
        labels = {"service": lane.topic, "topic": lane.topic}
        applied = REGISTRY.get_sample_value("cunjing_facts_applied_total", labels)
        assert applied == len(OFFICERS) - 1


async def test_what_a_fact_brings_about_belongs_to_its_trace(lane: Lane) -> None:
    seen: list[str | None] = []

    async def look(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        seen.append(current_traceparent())
        return await apply_all(facts, unit)

    trace = continue_trace(None)
    await lane.publish(OFFICERS[0])
    async with relaying(lane), consuming(lane, look):
        await until(lambda: all_applied(lane))
    assert seen == [trace]
