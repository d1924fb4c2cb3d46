"""From the commit of an activity in fieldwork to its ledger entry in scoring, and to the changed sheet."""

from __future__ import annotations

import asyncio
import statistics
from collections import defaultdict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
from sqlalchemy import text

from bench.load import http_post
from bench.stack import Bench
from bench.world import batches, seed, visits
from shared.database.unit import Database
from shared.messaging.topics import ensure_topics

SECONDS = 20
RATES = (100, 500)
PHONES = 10
POSTS = 20
"""A second; each brings what a phone sends that was offline for a while."""

GOALS_MS = {("applied", 100): 100, ("applied", 500): 250, ("scored", 100): 250}

# Both databases are on one server, whose commit timestamps are one clock.
_ACTIVITIES = text("SELECT id, done_by, pg_xact_commit_timestamp(xmin) AS at FROM activity WHERE recorded_at > :began")
_WRITTEN = text("SELECT count(*) FROM activity")
_CALM = text(
    """
    SELECT (SELECT count(*) FROM ledger_entry) >= :written AND (SELECT count(*) FROM sheet) >= 450
       AND NOT EXISTS (SELECT 1 FROM dirty_mark)
    """
)
_APPLIED = text("SELECT entry_id, pg_xact_commit_timestamp(xmin) AS at FROM ledger_entry")
_SHEETS = text(
    """
    SELECT officer_id, pg_xact_commit_timestamp(xmin) AS at FROM sheet
    WHERE computed_at > clock_timestamp() - interval '5 seconds'
    """
)


@dataclass(frozen=True)
class Waits:
    """Milliseconds from commit to commit."""

    p50: float
    p99: float


@dataclass(frozen=True)
class Latency:
    """At a rate of facts per second: until the fact is in scoring's ledger, and until the changed sheet is stored."""

    rate: int
    reached: float
    applied: Waits
    scored: Waits


async def measure(bench: Bench, rate: int) -> Latency:
    """Small posts at a steady rate through the real processes; every sheet's commits are watched."""
    await ensure_topics(bench.kafka.bootstrap_servers, 1)
    fieldwork, scoring = await bench.database("fieldwork"), await bench.database("scoring")
    await seed(fieldwork, "fieldwork")
    await seed(scoring, "scoring")
    env_f, env_s = bench.environment("fieldwork", fieldwork.url), bench.environment("scoring", scoring.url)
    with bench.processes(("fieldwork", "api", env_f), ("fieldwork", "worker", env_f), ("scoring", "worker", env_s)):
        port = int(env_f["CUNJING_FIELDWORK_PORT"])
        await _post(port, bench.token(), visits(1, 8), rate)
        await _until_calm(fieldwork, scoring)  # the first fact of a month opens 450 sheets, which is not measured
        scored: dict[UUID, set[datetime]] = defaultdict(set)
        watching = asyncio.create_task(_watch(scoring, scored))
        began = datetime.now(UTC)
        seconds = await _post(port, bench.token(), visits(rate * SECONDS, 7), rate)
        await _until_calm(fieldwork, scoring)
        await asyncio.sleep(0.2)
        watching.cancel()
        applied, until_scored = await _waits(fieldwork, scoring, scored, began)
    await fieldwork.close()
    await scoring.close()
    return Latency(rate, len(applied) / seconds, _percentiles(applied), _percentiles(until_scored))


def _percentiles(waits: list[float]) -> Waits:
    found = statistics.quantiles(waits, n=100)
    return Waits(found[49], found[98])


async def _until_calm(fieldwork: Database, scoring: Database) -> None:
    """Until every activity is in the ledger, every officer has a sheet and none waits to be computed."""
    async with fieldwork.engine.connect() as connection:
        written = (await connection.execute(_WRITTEN)).scalar_one()
    while True:
        async with scoring.engine.connect() as connection:
            if (await connection.execute(_CALM, {"written": written})).scalar_one():
                return
        await asyncio.sleep(0.1)


async def _post(port: int, token: str, items: list[dict[str, Any]], rate: int) -> float:
    """Seconds it took to send everything at that rate; more than asked when the machine cannot keep it up."""
    send = http_post("/v1/sync", token)
    posts = batches(items, rate // POSTS)
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def phone(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(first, len(posts), PHONES):
            await asyncio.sleep(max(0.0, began + number / POSTS - loop.time()))
            await send(reader, writer, number, orjson.dumps({"items": posts[number]}))
        writer.close()

    await asyncio.gather(*(phone(first) for first in range(PHONES)))
    return max(loop.time() - began, len(posts) / POSTS)


async def _watch(scoring: Database, scored: dict[UUID, set[datetime]]) -> None:
    while True:
        async with scoring.engine.connect() as connection:
            for row in await connection.execute(_SHEETS):
                scored[row.officer_id].add(row.at)
        await asyncio.sleep(0.05)


async def _waits(
    fieldwork: Database, scoring: Database, scored: dict[UUID, set[datetime]], began: datetime
) -> tuple[list[float], list[float]]:
    """For each activity the time to its ledger entry, and to the first commit of its officer's sheet after it."""
    async with fieldwork.engine.connect() as connection:
        rows = (await connection.execute(_ACTIVITIES, {"began": began})).all()
    async with scoring.engine.connect() as connection:
        entered = {row.entry_id: row.at for row in await connection.execute(_APPLIED)}
    until_applied = [(entered[row.id] - row.at).total_seconds() * 1000 for row in rows]
    until_scored = [
        (min(at for at in scored[row.done_by] if at > row.at) - row.at).total_seconds() * 1000 for row in rows
    ]
    return until_applied, until_scored
