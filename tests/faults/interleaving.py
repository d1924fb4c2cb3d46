"""One process of promise 13: scoring hears the given facts in an order of its own and says what its tables hold.

`python -m tests.faults.interleaving FACTS DATABASE SEED MINUTES [BROKEN]`; the answer is JSON on stdout.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import random
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import MetaData, text

from services.scoring.app import MIGRATIONS
from services.scoring.handlers import HANDLERS
from services.scoring.service.calendar import keep_up
from services.scoring.service.recomputing import Recomputing
from services.scoring.service.rubrics import Rubrics
from services.scoring.tables import metadata
from shared.clock import SHANGHAI, Clock
from shared.contracts.envelope import Fact
from shared.database.migrate import migrate
from shared.database.tables import shared_tables
from shared.database.unit import Database
from shared.messaging.handling import in_one
from tests.scoring.world import DEMO_SCHEMES

NOON = datetime(2026, 11, 20, 12, tzinfo=SHANGHAI)
"""When the tests take place: ten minutes more or less make no other day of it."""

LEFT_OUT = {"sheet": ("computed_at", "revision")}
"""The instant of computing, and how often a sheet was another one on the way to what it is."""

INSTANTS = "sheet.computed_at"

ONLY = {"sheet": "total IS NOT NULL"}
"""An officer who was for a while among those appraised leaves an empty sheet."""


def _clock(minutes: int) -> Clock:
    began = time.monotonic()
    return lambda: NOON + timedelta(minutes=minutes, seconds=time.monotonic() - began)


def _streams(facts: Sequence[Fact[Any]], broken: str) -> dict[str, list[list[Fact[Any]]]]:
    """The facts of each topic, stream by stream, each in its order."""
    streams: dict[str, dict[str, list[Fact[Any]]]] = defaultdict(lambda: defaultdict(list))
    for fact in facts:
        streams[fact.data.TOPIC][fact.stream_key].append(fact)
    if broken == "stream order":
        for topic in streams.values():
            for stream in topic.values():
                stream.reverse()
    return {topic: list(of.values()) for topic, of in streams.items()}


def _batches(streams: dict[str, list[list[Fact[Any]]]], chance: random.Random) -> Iterator[list[Fact[Any]]]:
    """What a consumer may get: batches of one topic, of some of its streams, in the order of each."""
    while streams:
        topic = chance.choice(sorted(streams))
        batch: list[Fact[Any]] = []
        for _ in range(chance.randint(1, 60)):
            if left := [stream for stream in streams[topic] if stream]:
                batch.append(chance.choice(left).pop(0))
        if batch:
            yield batch
        else:
            del streams[topic]


async def _hear(database: Database, facts: Sequence[Fact[Any]], chance: random.Random, broken: str) -> None:
    """Facts in batches, now and then a recompute and a look at the calendar as the worker does; then all the rest."""
    rubrics = Rubrics(DEMO_SCHEMES)
    for batch in _batches(_streams(facts, broken), chance):
        async with database.unit() as unit:
            assert await in_one(HANDLERS)(batch, unit) == ()
        if chance.random() < 0.3:
            async with database.unit() as unit:
                await Recomputing(rubrics).tick(unit)
        if chance.random() < 0.1:
            async with database.unit() as unit:
                await keep_up(unit, rubrics)
    async with database.unit() as unit:
        await keep_up(unit, rubrics)
    while (await _rows(database, "SELECT count(*) FROM dirty_mark"))[0][0]:
        async with database.unit() as unit:
            await Recomputing(rubrics).tick(unit)
        await asyncio.sleep(0.02)


async def _rows(database: Database, sql: str) -> Sequence[Any]:
    async with database.engine.connect() as connection:
        return (await connection.execute(text(sql))).all()


async def _digests(database: Database) -> dict[str, tuple[int, str]]:
    """Rows and digest of each table of scoring's own, and of the instants that are left out."""
    shared = MetaData()
    shared_tables(shared)
    found = {INSTANTS: await _digest(database, "sheet", ["computed_at"])}
    for name, table in sorted(metadata.tables.items()):
        if name not in shared.tables:
            columns = [column.name for column in table.columns if column.name not in LEFT_OUT.get(name, ())]
            found[name] = await _digest(database, name, columns)
    return found


async def _digest(database: Database, name: str, columns: Sequence[str]) -> tuple[int, str]:
    [row] = await _rows(
        database,
        f"SELECT count(*), md5(string_agg(t::text, '\n' ORDER BY t::text)) "
        f"FROM (SELECT {', '.join(columns)} FROM {name} WHERE {ONLY.get(name, 'true')}) t",
    )
    return row[0], row[1]


async def main(facts: Sequence[Fact[Any]], url: str, seed: int, minutes: int, broken: str = "") -> None:
    await migrate(url, MIGRATIONS)
    database = Database(url, clock=_clock(minutes))
    await _hear(database, facts, random.Random(seed), broken)
    sys.stdout.write(json.dumps(await _digests(database)))
    await database.close()


if __name__ == "__main__":
    given = pickle.loads(Path(sys.argv[1]).read_bytes())
    asyncio.run(main(given, sys.argv[2], int(sys.argv[3]), int(sys.argv[4]), *sys.argv[5:]))
