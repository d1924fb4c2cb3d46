"""Two counties through one address: what a flood of one costs the other, and what the line costs the flood.

`python -m bench.shares` prints both ratios; the goals are those of ADR 0015.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from multiprocessing import get_context

import httpx
import uvloop

from bench.stack import Bench, bench_stack
from bench.world import batches, seed, visits
from shared.security.dev_issuer import issue_token

CONNECTIONS = 60
BATCH = 100
SECONDS = 15.0
PAUSE = 0.05
P99_RATIO, P99_MS, FLOOD_RATIO = 3.0, 100.0, 0.6


@dataclass
class Told:
    """What a county was answered."""

    kept: int = 0
    refused: int = 0
    waits: list[float] = field(default_factory=list)

    @property
    def p99(self) -> float:
        return sorted(self.waits)[int(len(self.waits) * 0.99)] * 1000


def _token(bench: Bench, county: str) -> str:
    scopes = ("fieldwork:sync", "act-as")
    return issue_token(bench.keys.private_key_path, subject="backend", scopes=scopes, division=county)


def _client(port: int, token: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
    headers = {"authorization": f"Bearer {token}"}
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{port}", headers=headers, limits=limits, timeout=60, trust_env=False
    )


async def _flood(client: httpx.AsyncClient, number: int) -> Told:
    told, end = Told(), time.perf_counter() + SECONDS
    bodies = iter(batches(visits(BATCH * 1500, seed_number=number), BATCH))

    async def loop() -> None:
        while time.perf_counter() < end:
            items = next(bodies)
            answer = await client.post("/v1/sync", json={"items": items})
            if answer.status_code == 429:
                told.refused += 1
            elif answer.status_code in (200, 207) and time.perf_counter() < end:
                told.kept += len(items)

    await asyncio.gather(*(loop() for _ in range(CONNECTIONS)))
    return told


async def _quiet(client: httpx.AsyncClient, number: int) -> Told:
    told, end = Told(), time.perf_counter() + SECONDS
    for item in visits(10_000, seed_number=number):
        if time.perf_counter() >= end:
            break
        began = time.perf_counter()
        answer = await client.post("/v1/sync", json={"items": [item]})
        told.waits.append(time.perf_counter() - began)
        told.refused += answer.status_code == 429
        await asyncio.sleep(PAUSE)
    return told


@asynccontextmanager
async def _fieldwork(bench: Bench) -> AsyncIterator[int]:
    database = await bench.database("fieldwork")
    await seed(database, "fieldwork")
    environment = bench.environment("fieldwork", database.url)
    with bench.processes(("fieldwork", "api", environment)):
        yield int(environment["CUNJING_FIELDWORK_PORT"])
    await database.close()


def _quiet_process(port: int, token: str, number: int) -> Told:
    """The quiet county has a process of its own: what the flooder's client costs is not the service's delay."""

    async def ask() -> Told:
        async with _client(port, token) as client:
            return await _quiet(client, number)

    return uvloop.run(ask())


async def run() -> None:
    """Each county alone, then both."""
    loop = asyncio.get_running_loop()
    with bench_stack() as bench, ProcessPoolExecutor(1, get_context("spawn")) as other:
        token, quiet_token = _token(bench, "411622"), _token(bench, "411681")
        async with _fieldwork(bench) as port, _client(port, token) as flooder:
            calm = await loop.run_in_executor(other, _quiet_process, port, quiet_token, 1)
            alone = await _flood(flooder, 2)
            both = loop.run_in_executor(other, _quiet_process, port, quiet_token, 3), _flood(flooder, 4)
            beside, flood = await asyncio.gather(*both)
    _show(calm, beside, alone, flood)


def _show(calm: Told, beside: Told, alone: Told, flood: Told) -> None:
    print(
        f"quiet county, p99: {calm.p99:.0f} ms alone, {beside.p99:.0f} ms beside the flood, ratio "
        f"{beside.p99 / calm.p99:.1f} (goal ≤ {P99_RATIO}, ≤ {P99_MS:.0f} ms); refused {beside.refused}\n"
        f"flooder: {alone.kept / SECONDS:.0f} items/s alone, {flood.kept / SECONDS:.0f} beside the quiet one, ratio "
        f"{flood.kept / alone.kept:.2f} (goal ≥ {FLOOD_RATIO}); refused {alone.refused} and {flood.refused}"
    )


if __name__ == "__main__":
    uvloop.run(run())
