"""Ingest: `POST /v1/sync` with 1, 100 and 500 items a call, beside its floor in the same run."""

from __future__ import annotations

import asyncio
import pickle
import statistics
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import orjson

from bench.floor import Statements, recorded
from bench.load import drive, framed, http_post
from bench.stack import SCHEMES, Bench
from bench.world import batches, seed, visits
from services.fieldwork.service.kinds import Kinds
from services.fieldwork.service.sync import Sync
from shared.security.principal import Principal
from shared.security.vault import Vault

CONNECTIONS = 4
ROUNDS = 5
CALLS = {1: 1500, 100: 100, 500: 30}
GOALS = {1: 0.35, 100: 0.5, 500: 0.6}


@dataclass(frozen=True)
class Ingest:
    """Items per second of the service and of its floor, the median of the rounds."""

    size: int
    service: float
    floor: float
    ratio: float


async def measure(bench: Bench, size: int) -> Ingest:
    """Service and floor in turn, each round with new items and empty tables."""
    rounds = [await _round(bench, size, number) for number in range(ROUNDS)]
    service, floor = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = statistics.median(mine / theirs for mine, theirs in rounds)
    return Ingest(size, service, floor, ratio)


async def _round(bench: Bench, size: int, number: int) -> tuple[float, float]:
    sent = batches(visits(size * CALLS[size], seed_number=number), size)
    bodies = [orjson.dumps({"items": items}) for items in sent]
    items = size * len(bodies)
    return items / await _service(bench, bodies), items / await _floor(bench, sent, bodies)


async def _service(bench: Bench, bodies: Sequence[bytes]) -> float:
    database = await bench.database("fieldwork")
    await seed(database, "fieldwork")
    environment = bench.environment("fieldwork", database.url)
    with bench.processes(("fieldwork", "api", environment)):
        port = int(environment["CUNJING_FIELDWORK_PORT"])
        seconds = await drive("127.0.0.1", port, bodies, CONNECTIONS, http_post("/v1/sync", bench.token()))
    await database.close()
    return seconds


async def _floor(bench: Bench, sent: Sequence[list[dict[str, Any]]], bodies: Sequence[bytes]) -> float:
    file = bench.folder / "statements"
    file.write_bytes(pickle.dumps(await _statements(bench, sent)))
    database = await bench.database("fieldwork")
    await seed(database, "fieldwork")
    async with _floor_process(database.url, str(file)) as port:
        seconds = await drive("127.0.0.1", port, bodies, CONNECTIONS, framed)
    await database.close()
    return seconds


async def _statements(bench: Bench, sent: Sequence[list[dict[str, Any]]]) -> list[Statements]:
    """What the service runs for each batch, noted while it really runs it on a database of its own."""
    database = await bench.database("fieldwork")
    await seed(database, "fieldwork")
    who = Principal("bench", frozenset({"fieldwork:sync", "act-as"}), "411622", "internal", None)
    kinds, vault = Kinds(SCHEMES), Vault.load(bench.keys.encryption_keys_path)
    noted: list[Statements] = []
    for items in sent:
        async with recorded(database) as statements, database.unit() as unit:
            await Sync(unit, who, kinds, vault).take(items)
        noted.append(statements)
    await database.close()
    return noted


@asynccontextmanager
async def _floor_process(url: str, file: str) -> AsyncIterator[int]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.floor", url, file, str(CONNECTIONS), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        yield int(await process.stdout.readline())
    finally:
        process.terminate()
        await process.wait()
