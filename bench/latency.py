"""From the commit of an activity in fieldwork to the commit of the changed sheet in scoring, at 100 facts/s."""

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

RATE, SECONDS = 100, 20
AT_ONCE = 5
"""What a phone that was offline for a while sends in one post."""
PHONES = 8
GOAL_MS = 250

# Both databases are on one server, whose commit timestamps are one clock.
_ACTIVITIES = text("SELECT done_by, pg_xact_commit_timestamp(xmin) AS at FROM activity WHERE recorded_at > :began")
_CALM = text("SELECT (SELECT count(*) FROM sheet) >= 450 AND NOT EXISTS (SELECT 1 FROM dirty_mark)")
_SHEETS = text("SELECT officer_id, pg_xact_commit_timestamp(xmin) AS at FROM sheet")


@dataclass(frozen=True)
class Latency:
    """Milliseconds from commit to commit."""

    p50: float
    p99: float
    facts: int


async def measure(bench: Bench) -> Latency:
    """Small posts at a steady rate through the real processes; every sheet's commits are watched."""
    await ensure_topics(bench.kafka.bootstrap_servers, 1)
    fieldwork, scoring = await bench.database("fieldwork"), await bench.database("scoring")
    await seed(fieldwork, "fieldwork")
    await seed(scoring, "scoring")
    env_f, env_s = bench.environment("fieldwork", fieldwork.url), bench.environment("scoring", scoring.url)
    with bench.processes(("fieldwork", "api", env_f), ("fieldwork", "worker", env_f), ("scoring", "worker", env_s)):
        port = int(env_f["CUNJING_FIELDWORK_PORT"])
        await _post(port, bench.token(), visits(1, 8))
        await _until_calm(scoring)  # the first fact of a month opens 450 sheets; that is not what is measured
        scored: dict[UUID, set[datetime]] = defaultdict(set)
        watching = asyncio.create_task(_watch(scoring, scored))
        began = datetime.now(UTC)
        await _post(port, bench.token(), visits(RATE * SECONDS, 7))
        await _until_calm(scoring)
        await asyncio.sleep(0.2)
        watching.cancel()
        waits = await _waits(fieldwork, scored, began)
    await fieldwork.close()
    await scoring.close()
    percentiles = statistics.quantiles(waits, n=100)
    return Latency(percentiles[49], percentiles[98], len(waits))


async def _until_calm(scoring: Database) -> None:
    """Until every officer has a sheet and none waits to be computed."""
    while True:
        async with scoring.engine.connect() as connection:
            if (await connection.execute(_CALM)).scalar_one():
                return
        await asyncio.sleep(0.1)


async def _post(port: int, token: str, items: list[dict[str, Any]]) -> None:
    send = http_post("/v1/sync", token)
    posts = batches(items, AT_ONCE)
    loop = asyncio.get_running_loop()
    began = loop.time()

    async def phone(first: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for number in range(first, len(posts), PHONES):
            await asyncio.sleep(max(0.0, began + number * AT_ONCE / RATE - loop.time()))
            await send(reader, writer, number, orjson.dumps({"items": posts[number]}))
        writer.close()

    await asyncio.gather(*(phone(first) for first in range(PHONES)))


async def _watch(scoring: Database, scored: dict[UUID, set[datetime]]) -> None:
    while True:
        async with scoring.engine.connect() as connection:
            for row in await connection.execute(_SHEETS):
                scored[row.officer_id].add(row.at)
        await asyncio.sleep(0.05)


async def _waits(fieldwork: Database, scored: dict[UUID, set[datetime]], began: datetime) -> list[float]:
    """For each activity the time to the first commit of its officer's sheet after it."""
    async with fieldwork.engine.connect() as connection:
        rows = (await connection.execute(_ACTIVITIES, {"began": began})).all()
    return [(min(at for at in scored[row.done_by] if at > row.at) - row.at).total_seconds() * 1000 for row in rows]
