"""`python -m bench.profiling`: where the consumer's time goes on a backlog whose effect is one row a fact."""

from __future__ import annotations

import cProfile
import pstats

import uvloop

from bench.path import FACTS, TOPIC, fill_topic, our_consumer, prepared
from bench.stack import bench_stack

SHOWN = 25


async def run() -> None:
    """Consume once under the profiler, and print what took longest by itself."""
    profiler = cProfile.Profile()
    with bench_stack() as bench:
        database = await prepared(bench, TOPIC, fill_topic)
        profiler.enable()
        seconds = await our_consumer(bench, database, TOPIC)
        profiler.disable()
        await database.close()
    print(f"{FACTS:,} facts in {seconds:.1f} s under the profiler")
    pstats.Stats(profiler).strip_dirs().sort_stats("tottime").print_stats(SHOWN)


if __name__ == "__main__":
    uvloop.run(run())
