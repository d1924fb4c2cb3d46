"""Stations that are slow, busy or silent, and deliveries to them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.intel.repository.deliveries import Deliveries
from shared.ids import new_id
from tests.intel.support import Intel, station


@dataclass
class Held:
    """A station that answers only when the gate is open, and counts who is inside at once, by path."""

    gate: asyncio.Event = field(default_factory=asyncio.Event)
    inside: Counter[str] = field(default_factory=Counter)
    most: Counter[str] = field(default_factory=Counter)
    calls: Counter[str] = field(default_factory=Counter)

    async def take(self, request: Request) -> Response:
        path = request.url.path
        self.calls[path] += 1
        self.inside[path] += 1
        self.most[path] = max(self.most[path], self.inside[path])
        await self.gate.wait()
        self.inside[path] -= 1
        return Response(status_code=202)

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{rest:path}", self.take, methods=["POST"])])


@asynccontextmanager
async def dripping(pause: float = 60) -> AsyncIterator[str]:
    """A server that accepts every call and then sends a byte now and then, never an answer."""

    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                writer.write(b"H")
                await writer.drain()
                await asyncio.sleep(pause)
        except (ConnectionError, asyncio.CancelledError):
            writer.close()

    server = await asyncio.start_server(drip, "127.0.0.1", 0)
    yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    server.close()


async def stations(intel: Intel, url: str, count: int) -> list[UUID]:
    """So many stations of the county whose endpoints are set, each on a path of its own."""
    made = [new_id() for _ in range(count)]
    await intel.learn(*(station(org_id, f"第{n}所", "411622100000") for n, org_id in enumerate(made)))
    for org_id in made:
        assert (await intel.put_endpoint(f"{url}/{org_id}", org_id)).status_code == 200
    return made


async def send(intel: Intel, org_ids: Sequence[UUID], each: int = 1) -> None:
    """Deliveries that tell nothing of a report."""
    rows = [
        {"delivery_id": new_id(), "station": org_id, "event": "news.test", "order_id": None, "report_id": None}
        for org_id in org_ids
        for _ in range(each)
    ]
    async with intel.database.unit() as unit:
        await Deliveries(unit.connection).add(rows, unit.now)


async def proven(intel: Intel, *org_ids: UUID) -> None:
    """As if a call to each had gone well."""
    async with intel.database.engine.begin() as connection:
        for org_id in org_ids:
            await connection.exec_driver_sql(
                "UPDATE endpoint SET succeeded_at = now(), failures = 0 WHERE org_id = $1", (org_id,)
            )


async def waits(intel: Intel, org_id: UUID) -> list[float]:
    """For how many seconds from its last call on each delivery of a station rests."""
    rows = await intel.rows("SELECT next_at - called_at AS wait FROM delivery WHERE station = :org", org=org_id)
    return [row.wait.total_seconds() for row in rows]
