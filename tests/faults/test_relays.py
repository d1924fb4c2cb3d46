"""Promises 3 and 4: one relay at a time sends in order, and another takes over soon."""

from __future__ import annotations

import asyncio
import random
import time
from collections import defaultdict

from aiokafka import TopicPartition
from sqlalchemy import text

from shared.messaging.client import consumer as kafka_consumer
from shared.messaging.topics import PARTITIONS
from tests.faults.conftest import Keep, MakeLane, pick
from tests.faults.crew import Crew, crew
from tests.faults.ledger import Lane, officers, until
from tests.faults.process import Orders

NAMES = ("a", "b", "c")


def _relays(people: Crew, lane: Lane, broken: str | None = None) -> None:
    for name in NAMES:
        people.keep(f"relay {name}", lambda name=name: Orders("relay", lane.address, name, broken=broken))  # type: ignore[misc]


async def _out_of_order_on_the_log(lane: Lane) -> int:
    """Records that came before one of a smaller sequence had come at all; sending again is no disorder."""
    client = kafka_consumer(lane.address.bootstrap, "test")
    await client.start()
    partitions = [TopicPartition(lane.address.topic, number) for number in range(PARTITIONS)]
    client.assign(partitions)
    ends = await client.end_offsets(partitions)
    await client.seek_to_beginning(*partitions)
    seen: dict[bytes, int] = defaultdict(int)
    wrong, read = 0, 0
    while read < sum(ends.values()):
        for records in (await client.getmany(timeout_ms=500, max_records=2000)).values():
            for record in records:
                sequence = int(dict(record.headers)["ce_sequence"])
                wrong += sequence > seen[record.key] + 1
                seen[record.key] = max(seen[record.key], sequence)
                read += 1
    await client.stop()
    return wrong


async def test_a_backlog_is_sent_in_order_though_its_relay_dies(lane: Lane, keep: Keep) -> None:
    rows = pick(3_000, 10_000)
    await lane.backlog(rows)
    async with crew() as people:
        _relays(people, lane)
        await asyncio.sleep(random.uniform(0.3, 1.0))
        owner = await _owner(lane)
        if owner:
            await people.kill(owner)
        await until(lane.sent, seconds=60)
    wrong = await _out_of_order_on_the_log(lane)
    assert wrong == 0
    keep(3, "order per stream", f"3 relays, {rows:,} rows, one killed", f"order violations {wrong}")


async def test_control_relays_that_share_the_work_mix_up_the_order(lane: Lane, keep: Keep) -> None:
    await lane.backlog(3_000)
    async with crew() as people:
        _relays(people, lane, broken="shares")
        await until(lane.sent, seconds=60)
        await asyncio.sleep(1)
    wrong = await _out_of_order_on_the_log(lane)
    assert wrong > 0
    keep(3, "control: relays that share the rows", "3 relays, 3,000 rows", f"order violations {wrong}")


_OWNER = text(
    """
    SELECT a.application_name AS name FROM pg_locks l JOIN pg_stat_activity a USING (pid)
    WHERE l.locktype = 'advisory' AND l.granted AND a.application_name LIKE 'relay %'
      AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    """
)


async def _owners(lane: Lane) -> list[str]:
    async with lane.publisher.engine.connect() as connection:
        return list((await connection.scalars(_OWNER)).all())


async def _owner(lane: Lane) -> str | None:
    found = await _owners(lane)
    return found[0] if found else None


async def _has_owner(lane: Lane, other_than: str | None = None) -> bool:
    owner = await _owner(lane)
    return owner is not None and owner != other_than


async def _applied(lane: Lane, count: int) -> bool:
    [row] = await lane.read_rows("SELECT count(*) AS n FROM ledger")
    return bool(row.n >= count)


async def _end_the_session(lane: Lane, owner: str) -> None:
    async with lane.publisher.engine.begin() as connection:
        await connection.execute(
            text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = :owner"),
            {"owner": owner},
        )


async def _takeover(people: Crew, lane: Lane, how: str) -> float:
    """Seconds from the owner's end to the first fact applied that was written after it."""
    await until(lambda: _has_owner(lane), seconds=20)
    owner = await _owner(lane)
    assert owner is not None
    [row] = await lane.read_rows("SELECT count(*) AS n FROM ledger")
    began = time.monotonic()
    if how == "killed":
        await people.kill(owner)
    elif how == "terminated":
        await _end_the_session(lane, owner)
    else:
        await people.stop(owner)
    await lane.publish(*random.sample(officers(), 3))
    await until(lambda: _applied(lane, row.n + 3), seconds=30)
    took = time.monotonic() - began
    if how == "stopped":
        people.go_on(owner)
    return took


def _p99(values: list[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]


async def test_another_relay_takes_over(lane: Lane, keep: Keep) -> None:
    ends, stalls = pick(4, 50), pick(1, 10)
    owners_at_once = 0

    async def count_owners() -> None:
        nonlocal owners_at_once
        while True:
            owners_at_once = max(owners_at_once, len(await _owners(lane)))
            await asyncio.sleep(0.01)

    async with crew() as people:
        _relays(people, lane)
        people.keep("reader", lambda: Orders("reader", lane.address))
        counting = asyncio.create_task(count_owners())
        ended = [await _takeover(people, lane, random.choice(("killed", "terminated"))) for _ in range(ends)]
        stalled = [await _takeover(people, lane, "stopped") for _ in range(stalls)]
        counting.cancel()
        verdict = await lane.settled()
    assert verdict.is_clean
    assert owners_at_once == 1
    keep(
        4,
        "relay failover",
        f"{ends} killed or terminated, {stalls} stopped",
        f"two owners at once {owners_at_once - 1}, takeover p99 {_p99(ended):.1f} s after an end (goal 5), "
        f"{_p99(stalled):.1f} s after a stall (goal 15), lost {verdict.lost}, doubled {verdict.doubled}",
    )


async def test_control_two_owners_would_be_seen(make_lane: MakeLane) -> None:
    lane = await make_lane()
    async with lane.publisher.engine.connect() as one, lane.publisher.engine.connect() as two:
        for connection, name in ((one, "relay x"), (two, "relay y")):
            await connection.execute(text("SELECT set_config('application_name', :name, false)"), {"name": name})
            await connection.execute(text("SELECT pg_advisory_lock_shared(7)"))
        assert sorted(await _owners(lane)) == ["relay x", "relay y"]
        for connection in (one, two):
            await connection.execute(text("SELECT pg_advisory_unlock_shared(7)"))
