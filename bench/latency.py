"""From the commit of an activity in fieldwork to the commit of the changed sheet in scoring, at 100 facts/s."""

from __future__ import annotations

import asyncio
import statistics
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson
from sqlalchemy import text

from bench.load import http_post
from bench.stack import Bench
from bench.world import seed, visits
from shared.database.unit import Database
from shared.messaging.topics import ensure_topics

RATE, SECONDS = 100, 20
GOAL_MS = 250

# Both databases are on one server, whose commit timestamps are one clock.
_ACTIVITIES = text("SELECT done_by, pg_xact_commit_timestamp(xmin) AS at FROM activity")
_SHEETS = text("SELECT officer_id, pg_xact_commit_timestamp(xmin) AS at FROM sheet")


@dataclass(frozen=True)
class Latency:
    """Milliseconds from commit to commit."""

    p50: float
    p99: float
    facts: int


async def measure(bench: Bench) -> Latency:
    """Single posts at a steady rate through the real processes; every sheet's commits are watched."""
    await ensure_topics(bench.kafka.bootstrap_servers, 1)
    fieldwork, scoring = await bench.database("fieldwork"), await bench.database("scoring")
    await seed(fieldwork, "fieldwork")
    await seed(scoring, "scoring")
    env_f, env_s = bench.environment("fieldwork", fieldwork.url), bench.environment("scoring", scoring.url)
    with bench.processes(("fieldwork", "api", env_f), ("fieldwork", "worker", env_f), ("scoring", "worker", env_s)):
        scored: dict[UUID, set[datetime]] = defaultdict(set)
        watching = asyncio.create_task(_watch(scoring, scored))
        await _post(int(env_f["CUNJING_FIELDWORK_PORT"]), bench.token())
        await asyncio.sleep(2)
        watching.cancel()
        waits = await _waits(fieldwork, scored)
    await fieldwork.close()
    await scoring.close()
    percentiles = statistics.quantiles(waits, n=100)
    return Latency(percentiles[49], percentiles[98], len(waits))


async def _post(port: int, token: str) -> None:
    send = http_post("/v1/sync", token)
    connections = [await asyncio.open_connection("127.0.0.1", port) for _ in range(4)]
    loop, posts = asyncio.get_running_loop(), visits(RATE * SECONDS, 7)
    began = loop.time()
    for number, item in enumerate(posts):
        await asyncio.sleep(max(0.0, began + number / RATE - loop.time()))
        reader, writer = connections[number % len(connections)]
        await send(reader, writer, number, orjson.dumps({"items": [item]}))


async def _watch(scoring: Database, scored: dict[UUID, set[datetime]]) -> None:
    while True:
        async with scoring.engine.connect() as connection:
            for row in await connection.execute(_SHEETS):
                scored[row.officer_id].add(row.at)
        await asyncio.sleep(0.05)


async def _waits(fieldwork: Database, scored: dict[UUID, set[datetime]]) -> list[float]:
    """For each activity the time to the first commit of its officer's sheet after it."""
    async with fieldwork.engine.connect() as connection:
        rows = (await connection.execute(_ACTIVITIES)).all()
    return [(min(at for at in scored[row.done_by] if at > row.at) - row.at).total_seconds() * 1000 for row in rows]
