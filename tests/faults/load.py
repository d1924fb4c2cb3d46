"""Writes that go on while something is broken, and how long the processes behind them live meanwhile."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from tests.faults.crew import Crew
from tests.faults.ledger import Lane, officers, until


@dataclass
class Load:
    """What was written: the ids whose COMMIT was seen, and how many writes failed."""

    accepted: set[UUID] = field(default_factory=set)
    refused: int = 0


@asynccontextmanager
async def writing(lane: Lane, facts: int = 20, pause: float = 0.05) -> AsyncIterator[Load]:
    """Transactions of that many facts for random officers, one after the other, for as long as the block runs."""
    load, stop = Load(), asyncio.Event()

    async def write() -> None:
        while not stop.is_set():
            try:
                load.accepted |= {fact.id for fact in await lane.publish(*random.choices(officers(), k=facts))}
            except Exception:
                load.refused += 1
            await asyncio.sleep(pause)

    task = asyncio.create_task(write())
    try:
        yield load
    finally:
        stop.set()  # and no more: a write that is cancelled may be committed and not known to be
        await task


async def longest_life(people: Crew, name: str, seconds: float) -> float:
    """How long, of that many seconds, the same process of this name was there at most."""
    began = since = time.monotonic()
    pid, longest = people.pid(name), 0.0
    while time.monotonic() < began + seconds:
        if people.pid(name) != pid:
            pid, since = people.pid(name), time.monotonic()
        longest = max(longest, time.monotonic() - since)
        await asyncio.sleep(0.02)
    return longest


async def applied_anew(lane: Lane, seconds: float) -> float:
    """Seconds until a fact written now is applied for each officer; fails when it takes longer than that."""
    began = time.monotonic()
    ids = [fact.id for fact in await lane.publish(*officers())]

    async def there() -> bool:
        [row] = await lane.read_rows("SELECT count(*) AS n FROM ledger WHERE fact_id = ANY(:ids)", ids=ids)
        return bool(row.n == len(ids))

    await until(there, seconds)
    return time.monotonic() - began
