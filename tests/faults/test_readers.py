"""Promises 7 and 8: every effect once, whoever reads, however often a fact comes, whoever joins and leaves."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

from sqlalchemy import text

from shared.messaging.topics import PARTITIONS
from tests.faults.conftest import Keep, MakeLane, pick
from tests.faults.crew import Crew, crew
from tests.faults.ledger import Lane, officers, until
from tests.faults.load import applied_anew
from tests.faults.process import Orders


def _reader(people: Crew, lane: Lane, name: str, broken: str | None = None, rest: float = 0.0) -> None:
    people.keep(f"reader {name}", lambda: Orders("reader", lane.address, name, broken=broken), rest=rest)


async def _send_again(lane: Lane, share: float) -> None:
    async with lane.publisher.engine.begin() as connection:
        again = text("UPDATE outbox SET published_at = NULL WHERE published_at IS NOT NULL AND random() < :share")
        await connection.execute(again, {"share": share})


async def _again_and_again(lane: Lane, times: int) -> None:
    """Every fact comes one to five times: once, and in each of four rounds perhaps once more."""
    for _ in range(times):
        await lane.publish(*random.choices(officers(), k=40))
        await _send_again(lane, 0.5)
        await asyncio.sleep(0.2)


async def test_each_fact_counts_once_however_often_it_comes_and_though_its_reader_sleeps(
    lane: Lane, keep: Keep
) -> None:
    rounds, naps = pick(5, 40), pick(1, 5)
    async with crew() as people:
        people.keep("relay", lambda: Orders("relay", lane.address))
        _reader(people, lane, "a")
        _reader(people, lane, "b")
        for _ in range(naps):
            await _again_and_again(lane, rounds)
            await people.stop("reader a")  # its session ends after 10 s of silence, and the other takes its partitions
            await _again_and_again(lane, 5)
            await lane.until_calm(30)
            people.go_on("reader a")
        verdict = await lane.settled()
        duplicates = await lane.read_rows("SELECT sum(duplicates) AS n FROM consumer_tally")
    assert verdict.is_clean
    assert duplicates[0].n > 0
    keep(
        7,
        "once-only effect",
        f"{verdict.published:,} facts, {naps} naps of a reader",
        f"{duplicates[0].n:,} repeats absorbed, doubled {verdict.doubled}, lost {verdict.lost}",
    )


async def test_control_a_consumer_that_asks_no_cursors_counts_twice(make_lane: MakeLane, keep: Keep) -> None:
    lane = await make_lane()
    async with crew() as people:
        people.keep("relay", lambda: Orders("relay", lane.address))
        _reader(people, lane, "a", broken="no cursors")
        await _again_and_again(lane, 8)
        await until(lambda: _doubled(lane))
        verdict = await lane.verdict()
    assert verdict.doubled > 0
    keep(7, "control: cursors not consulted", f"{verdict.published:,} facts", f"doubled {verdict.doubled:,}")


async def _doubled(lane: Lane) -> bool:
    return (await lane.verdict()).doubled > 0


async def _shared_evenly(lane: Lane, workers: int) -> bool:
    """Every partition is owned, and no worker has more than one above another."""
    rows = await lane.read_rows(
        """
        SELECT l.pid FROM pg_locks l
        WHERE l.locktype = 'advisory' AND l.objsubid = 2 AND l.granted AND l.objid < 1000
          AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        """
    )
    owned = Counter(row.pid for row in rows)
    return len(rows) == PARTITIONS and len(owned) == workers and max(owned.values()) - min(owned.values()) <= 1


async def test_what_a_killed_reader_had_goes_on_at_its_successor(lane: Lane, keep: Keep) -> None:
    kills = pick(2, 50)
    took = []
    async with crew() as people:
        people.keep("relay", lambda: Orders("relay", lane.address))
        _reader(people, lane, "a", rest=3)  # longer than its successor may need
        _reader(people, lane, "b")
        for _ in range(kills):
            await until(lambda: _shared_evenly(lane, 2))
            await people.kill("reader a")
            took.append(await applied_anew(lane, 30))
        verdict = await lane.settled()
    assert verdict.is_clean
    keep(
        8,
        "a killed reader's successor",
        f"{kills} kills",
        f"all streams go on within {sorted(took)[kills // 2]:.2f} s at the median, {max(took):.2f} s at most, goal 1",
    )


async def test_readers_come_and_go_while_facts_flow(lane: Lane, keep: Keep) -> None:
    changes = pick(4, 60)

    async def write() -> None:
        while True:
            await lane.publish(*random.choices(officers(), k=20))
            await asyncio.sleep(0.05)

    async with crew() as people:
        people.keep("relay", lambda: Orders("relay", lane.address))
        here = ["0"]
        _reader(people, lane, "0")
        writing = asyncio.create_task(write())
        for number in range(1, changes + 1):
            if len(here) > 3 or (len(here) > 1 and random.random() < 0.5):
                people.dismiss(f"reader {here.pop(random.randrange(len(here)))}")
            else:
                _reader(people, lane, str(number))
                here.append(str(number))
            await until(lambda: _shared_evenly(lane, len(here)), seconds=20)
            await asyncio.sleep(pick(0, 2))
        writing.cancel()
        verdict = await lane.settled()
    assert verdict.is_clean
    keep(
        8,
        "workers come and go",
        f"{changes} joins and leaves, {verdict.published:,} facts",
        f"lost {verdict.lost}, doubled {verdict.doubled}, order violations {verdict.out_of_order}, "
        "partitions shared to within one after each",
    )
