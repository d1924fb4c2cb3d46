"""The simulated stations: one process serves any number of them, one path each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from standardwebhooks import Webhook
from standardwebhooks.webhooks import WebhookVerificationError

from demo.station.clients import County

RETRY_SECONDS = 1.0
GIVE_UP_AFTER = 120


@dataclass
class Station:
    """What the stations do and have seen; order bodies are not kept, they hold what only a station may know."""

    secret: str
    callback_url: str
    fail_first: int = 0
    think_seconds: float = 0.2
    orders: list[dict[str, Any]] = field(default_factory=list)
    calls: list[dict[str, Any]] = field(default_factory=list)
    _handled: set[str] = field(default_factory=set)
    _at_work: set[asyncio.Task[None]] = field(default_factory=set)

    def take(self, org_id: str, headers: dict[str, str], body: bytes) -> int:
        """Verify an order and begin to handle it, once however often it is sent; the status to answer."""
        seen = {name: headers.get(f"webhook-{name}") for name in ("id", "timestamp", "signature")} | {"org_id": org_id}
        try:
            order = Webhook(self.secret).verify(body, headers)
        except (WebhookVerificationError, ValueError):
            self.orders.append(seen | {"answered": 401})
            return 401
        failing = len(self.orders) < self.fail_first
        self.orders.append(seen | {"answered": 503 if failing else 202, "order_id": order["order_id"]})
        if failing:
            return 503
        if order["order_id"] not in self._handled:
            self._handled.add(order["order_id"])
            task = asyncio.create_task(self._handle(org_id, order))
            self._at_work.add(task)
            task.add_done_callback(self._at_work.discard)
        return 202

    async def _handle(self, org_id: str, order: dict[str, Any]) -> None:
        """Received, accepted (sent twice, as a station with a bad line would), closed."""
        county = County(self.callback_url, self.secret)
        accepted = {"event": "accepted", "handler_name": "演示民警"}
        closed = {
            "event": "closed",
            "outcome": "resolved" if order["kind"] == "dispute" else "controlled",
            "truth": "true",
            "record_seen": True,
            "cooperated": [order["reporter"]],
        }
        try:
            for said, times in (({"event": "received"}, 1), (accepted, 2), (closed, 1)):
                await asyncio.sleep(self.think_seconds)
                await self._tell(county, org_id, {"order_id": order["order_id"], **said}, times)
        finally:
            await county.close()

    async def _tell(self, county: County, org_id: str, said: dict[str, Any], times: int) -> None:
        webhook_id, body = str(uuid4()), json.dumps(said | {"at": datetime.now(UTC).isoformat()})
        for _ in range(times):
            status = await self._until_answered(county, org_id, webhook_id, body)
            call = {"order_id": said["order_id"], "event": said["event"], "webhook_id": webhook_id, "status": status}
            self.calls.append(call)

    async def _until_answered(self, county: County, org_id: str, webhook_id: str, body: str) -> int | None:
        """The county may be starting again: 5xx and no answer are tried until it takes the call."""
        for _ in range(GIVE_UP_AFTER):
            status = await county.tell(org_id, webhook_id, body)
            if status is not None and status < 500:
                return status
            await asyncio.sleep(RETRY_SECONDS)
        return None


def create_station(station: Station) -> FastAPI:
    """`POST /orders/{org_id}` takes an order, `GET /seen` tells what came and what was answered."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        for task in list(station._at_work):
            task.cancel()

    app = FastAPI(title="派出所系统(模拟)", openapi_url=None, lifespan=lifespan)

    @app.post("/orders/{org_id}")
    async def take_order(org_id: str, request: Request) -> Response:
        return Response(status_code=station.take(org_id, dict(request.headers), await request.body()))

    @app.get("/seen")
    async def seen() -> dict[str, Any]:
        return {"orders": station.orders, "calls": station.calls}

    return app
