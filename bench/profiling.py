"""`python -m bench.profiling`: where the consumer's time goes on a backlog whose effect is one row a fact."""

from __future__ import annotations

import asyncio
import cProfile
import pstats

from sqlalchemy import text

from bench.path import FACTS, TALLY, TOPIC, fill_topic, our_consumer
from bench.stack import bench_stack
from shared.messaging.topics import ensure_topics

SHOWN = 25


async def run() -> None:
    """Consume once under the profiler, and print what took longest by itself."""
    profiler = cProfile.Profile()
    with bench_stack() as bench:
        await ensure_topics(bench.kafka.bootstrap_servers, 1, [TOPIC], [])
        database = await bench.database("fieldwork")
        async with database.engine.begin() as connection:
            await connection.execute(text(TALLY))
        await fill_topic(bench, database, TOPIC)
        profiler.enable()
        seconds = await our_consumer(bench, database, TOPIC)
        profiler.disable()
        await database.close()
    print(f"{FACTS:,} facts in {seconds:.1f} s under the profiler")
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(SHOWN)


if __name__ == "__main__":
    asyncio.run(run())
