"""Promise 10: what passes by itself costs only time: a database that is away, deadlocks, serialisation failures."""

from __future__ import annotations

import asyncio

from tests.faults.conftest import Keep, MakeLane, pick
from tests.faults.crew import crew
from tests.faults.ledger import Lane, until
from tests.faults.load import applied_anew, writing
from tests.faults.process import Orders
from tests.faults.servers import SparePostgres

SHAKY = 0.2


async def _parked(lane: Lane) -> int:
    [row] = await lane.read_rows("SELECT (SELECT count(*) FROM dead_letter) + (SELECT count(*) FROM held_fact) AS n")
    return int(row.n)


async def _rolled_back(lane: Lane) -> int:
    [row] = await lane.read_rows("SELECT xact_rollback AS n FROM pg_stat_database WHERE datname = current_database()")
    return int(row.n)


def _reader(lane: Lane, share: float, broken: str | None = None) -> Orders:
    return Orders("reader", lane.address, broken=broken, options={"shaky": share})


async def test_the_database_is_away_and_transactions_fail_at_random(
    spare_postgres: SparePostgres, make_lane: MakeLane, keep: Keep
) -> None:
    seconds = pick(3, 30)
    lane = await make_lane(database=spare_postgres.new_database)
    async with crew() as people:
        people.keep("relay", lambda: Orders("relay", lane.address))
        people.keep("reader", lambda: _reader(lane, SHAKY))
        async with writing(lane) as load:
            await applied_anew(lane, 30)
            await asyncio.to_thread(spare_postgres.stop)
            await asyncio.sleep(seconds)
            await asyncio.to_thread(spare_postgres.start)
            for database in (lane.publisher, lane.reader):
                await database.engine.dispose()
            took = await applied_anew(lane, 60)
        verdict = await lane.settled()
    kept = {row.fact_id for row in await lane.published_rows()}
    parked, rolled_back = await _parked(lane), await _rolled_back(lane)
    assert load.accepted <= kept
    assert load.refused > 0
    assert verdict.is_clean
    assert parked == 0
    assert rolled_back > 0
    keep(
        10,
        "transient errors",
        f"PostgreSQL away for {seconds} s under writes, {SHAKY:.0%} of the readers' batches ended in 40P01 or 40001",
        f"{len(load.accepted):,} accepted, {rolled_back} batches rolled back, lost {verdict.lost}, doubled "
        f"{verdict.doubled}, parked {parked}, applying again {took:.1f} s after the server",
    )


async def test_control_a_consumer_that_takes_every_error_for_poison_parks_facts(lane: Lane, keep: Keep) -> None:
    async with crew() as people:
        people.keep("relay", lambda: Orders("relay", lane.address))
        people.keep("reader", lambda: _reader(lane, 0.7, broken="no patience"))

        async def some_are_parked() -> bool:
            return await _parked(lane) > 0

        async with writing(lane):
            await until(some_are_parked)
    parked = await _parked(lane)
    assert parked > 0
    keep(10, "control: every error is taken for poison", f"{await lane.count()} facts", f"parked {parked}")
