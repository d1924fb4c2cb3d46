"""What the eight processes cost while nothing happens."""

from __future__ import annotations

import asyncio
import os

import psutil

from bench.stack import Bench
from shared.messaging.topics import ensure_topics

SERVICES = ("personnel", "fieldwork", "scoring", "intel")
SETTLE, SECONDS = 10, 30
GOAL_PERCENT = 6


async def measure(bench: Bench) -> float:
    """Percent of one core that all of them use together, PostgreSQL and Kafka apart."""
    await ensure_topics(bench.kafka.bootstrap_servers, 1)
    wanted = []
    for service in SERVICES:
        environment = bench.environment(service, (await bench.database(service)).url)
        wanted += [(service, role, environment) for role in ("api", "worker")]
    with bench.processes(*wanted):
        await asyncio.sleep(SETTLE)
        before = _cpu()
        await asyncio.sleep(SECONDS)
        return 100 * (_cpu() - before) / SECONDS


def _cpu() -> float:
    """Seconds of CPU of our service processes so far."""
    children = psutil.Process(os.getpid()).children(recursive=True)
    ours = [child for child in children if "services" in child.cmdline()]
    return sum(child.cpu_times().user + child.cpu_times().system for child in ours)
