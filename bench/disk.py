"""How much disk the message path takes for the facts on their way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text

from bench.path import FACTS, TOPIC, fill_topic
from bench.stack import Bench
from shared.database.unit import Database
from shared.messaging.topics import ensure_topics

_SIZE = text("SELECT pg_total_relation_size('outbox')")


@dataclass(frozen=True)
class Disk:
    """Megabytes for a million activity facts: rows with their indexes, and records on the topic."""

    outbox: float
    topic: float


async def measure(bench: Bench) -> Disk:
    """Write facts to the outbox and send them all; both are kept for 14 days, or as long as the topic says."""
    await ensure_topics(bench.kafka.bootstrap_servers, 1, [TOPIC], [])
    database = await bench.database("fieldwork")
    empty = await _size(database)
    await fill_topic(bench, database, TOPIC)
    rows = await _size(database) - empty
    await database.close()
    return Disk(rows / FACTS, _records(bench.folder) / FACTS)


async def _size(database: Database) -> int:
    async with database.engine.connect() as connection:
        return int((await connection.execute(_SIZE)).scalar_one())


def _records(folder: Path) -> int:
    """Bytes written to the topic's log segments, which are given more room than they have filled."""
    return sum(file.stat().st_size for file in folder.rglob(f"{TOPIC}-*/*.log"))
