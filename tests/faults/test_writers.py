"""Promises 2 and 17: writers side by side lose nothing, and do not stop one another."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text

from shared.database.errors import sqlstate
from shared.messaging import outbox as outbox_module
from tests.faults.conftest import Keep, MakeLane, pick
from tests.faults.crew import crew
from tests.faults.ledger import Lane, officers
from tests.faults.process import Orders

WRITERS = 8


async def _write_late(lane: Lane, writer: int, transactions: int) -> None:
    """Transactions that keep their ids for a while before they commit them, each writer with officers of his own."""
    mine = officers()[writer::WRITERS]
    for _ in range(transactions):
        async with lane.publisher.unit() as unit:
            unit.outbox.add(*(lane.address.fact(officer) for officer in random.sample(mine, 3)))
            await unit.outbox.flush(unit.connection)
            await asyncio.sleep(random.choice((0, 0, 0.01, 0.05)))


async def _written(lane: Lane, transactions: int, broken: str | None) -> int:
    """How many facts got lost with that many late transactions of each writer."""
    async with crew() as people:
        people.keep("relay", lambda: Orders("relay", lane.address, broken=broken))
        people.keep("reader", lambda: Orders("reader", lane.address))
        await asyncio.gather(*(_write_late(lane, writer, transactions) for writer in range(WRITERS)))
        verdict = await lane.settled(seconds=3 if broken else 60)
    assert broken or verdict.is_clean
    return verdict.lost


async def test_nothing_is_lost_however_late_a_transaction_commits(lane: Lane, keep: Keep) -> None:
    transactions = pick(30, 600)
    lost = await _written(lane, transactions, None)
    assert lost == 0
    keep(2, "no loss with concurrent writers", f"{WRITERS} writers, {transactions} transactions each", f"lost {lost}")


async def test_control_a_relay_that_goes_by_the_last_id_loses_facts(make_lane: MakeLane, keep: Keep) -> None:
    lost = await _written(await make_lane(), 60, "last id")
    assert lost > 0
    keep(2, "control: `id > last`", f"{WRITERS} writers, 60 transactions each", f"lost {lost}")


OFFICERS, BATCH = 450, 500


async def _batches(lane: Lane, batches: int) -> tuple[float, int]:
    """Facts per second of 8 writers with batches of 500 over 450 officers, and the deadlocks that surfaced."""
    deadlocks = 0

    async def write(writer: int) -> None:
        nonlocal deadlocks
        for _ in range(batches):
            facts = [lane.address.fact(random.choice(officers(OFFICERS))) for _ in range(BATCH)]
            try:
                async with lane.publisher.unit() as unit:
                    unit.outbox.add(*facts)
            except Exception as error:
                if sqlstate(error) != "40P01":
                    raise
                deadlocks += 1

    began = time.perf_counter()
    await asyncio.gather(*(write(writer) for writer in range(WRITERS)))
    return WRITERS * batches * BATCH / (time.perf_counter() - began), deadlocks


_WITHOUT_COUNTERS = text(
    """
    INSERT INTO outbox (fact_id, topic, stream_key, sequence, previous, epoch, attributes, body, recorded_at)
    SELECT f.id, f.topic, f.stream_key, (SELECT max(last_value) FROM outbox_id_seq) * 1000 + f.n, NULL, 1,
           f.attributes::json, f.body, :now
    FROM unnest(CAST(:ids AS uuid[]), CAST(:topics AS text[]), CAST(:keys AS text[]), CAST(:attributes AS text[]),
                CAST(:bodies AS bytea[])) WITH ORDINALITY AS f(id, topic, stream_key, attributes, body, n)
    """
)


@asynccontextmanager
async def _flushed_by(statement: object) -> AsyncIterator[None]:
    original = outbox_module._FLUSH
    outbox_module._FLUSH = statement  # type: ignore[assignment]
    try:
        yield
    finally:
        outbox_module._FLUSH = original


async def test_hot_streams_do_not_deadlock_and_cost_little(make_lane: MakeLane, keep: Keep) -> None:
    batches, rounds = pick(3, 12), pick(1, 3)
    ratios, all_deadlocks = [], 0
    for _ in range(rounds):
        counted, deadlocks = await _batches(await make_lane(), batches)
        async with _flushed_by(_WITHOUT_COUNTERS):
            plain_lane = await make_lane()
            async with plain_lane.publisher.engine.begin() as connection:
                await connection.execute(text("DROP INDEX outbox_stream_sequence"))
            plain, _ = await _batches(plain_lane, batches)
        ratios.append(counted / plain)
        all_deadlocks += deadlocks
    ratio = sorted(ratios)[len(ratios) // 2]
    assert all_deadlocks == 0
    keep(
        17,
        "hot streams",
        f"{WRITERS} writers × {batches} batches of {BATCH} over {OFFICERS} officers, {rounds} rounds",
        f"deadlocks {all_deadlocks}, {ratio:.2f} of the rate without counters (goal 0.7)",
    )
