"""A county with two stations, intel's API on it, and things to ask of both."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID, uuid4

import httpx
import uvicorn
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from services.intel.handlers import handlers, report_of_activity
from services.intel.repository.rows import Row
from services.intel.rules.signature import sign
from services.intel.service.playbooks import Playbooks
from services.intel.service.routing_ticks import RoutingTicks
from services.intel.service.sending import Sending
from services.intel.settings import IntelSettings
from shared.contracts.base import FactData, Period
from shared.contracts.envelope import Fact
from shared.contracts.fieldwork import ActivityRecordedV1, ActivityRejectedV1
from shared.contracts.personnel import AreaV1, DivisionV1, OfficerV1, OrganisationV1, SchemeBindingV1
from shared.database.unit import Database
from shared.ids import foreign_id, new_id
from shared.messaging.handling import in_one
from shared.reference.handlers import REFERENCE
from shared.security.dev_issuer import DevKeys, issue_token

COUNTY = "411622"
VILLAGE = "411622100201"
LONELY_VILLAGE = "411622900201"  # in a township that no station serves
ALWAYS = Period(since=date(2020, 1, 1))
STATION, OTHER_STATION = foreign_id("test", "station"), foreign_id("test", "other station")
OFFICER, LEADER = foreign_id("app", "officer 7"), foreign_id("app", "leader")
SECRET = "whsec_" + b64encode(b"k" * 32).decode()
SUMMARY = "两家因宅基地争吵,一方扬言动手"
ALL = ("intel:report", "intel:read", "intel:operate", "act-as")


def station(org_id: UUID, name: str, *serves: str) -> OrganisationV1:
    return OrganisationV1(org_id=org_id, name=name, kind="station", serves=serves, valid=ALWAYS)


def officer(officer_id: UUID, name: str, badge: str) -> OfficerV1:
    return OfficerV1(
        officer_id=officer_id,
        kind="officer",
        name=name,
        badge=badge,
        employer=STATION,
        station=STATION,
        full_time=True,
        status="active",
        account="open",
        valid=ALWAYS,
    )


def village(code: str, name: str) -> DivisionV1:
    return DivisionV1(code=code, name=name, level="village", village_kind="village_committee", valid=ALWAYS)


BINDING = SchemeBindingV1(
    binding_id=uuid4(), jurisdiction=COUNTY, scheme="wenquan", version="0" * 64, posts=(), valid=ALWAYS
)
WORLD: tuple[FactData, ...] = (
    village(VILLAGE, "测试村"),
    village(LONELY_VILLAGE, "无所村"),
    station(STATION, "测试派出所", "411622100000"),
    station(OTHER_STATION, "另一派出所", "411622200000"),
    officer(OFFICER, "演示警员", "000007"),
    officer(LEADER, "演示所长", "000001"),
    BINDING,
)


def area_of_other_station() -> AreaV1:
    return AreaV1(
        area_id=uuid4(), name="责任区", villages=(LONELY_VILLAGE,), station=OTHER_STATION, rural=True, valid=ALWAYS
    )


def dispute_activity(**details: Any) -> ActivityRecordedV1:
    return ActivityRecordedV1.model_validate(
        {
            "activity_id": new_id(),
            "author": OFFICER,
            "done_by": OFFICER,
            "village": VILLAGE,
            "kind": "dispute",
            "from": datetime(2026, 10, 5, 2, tzinfo=UTC),
            "quantity": "1",
            "unit": "item",
            "matter_id": new_id(),
            "details": {"category": "neighbours"} | details,
        }
    )


def rejection(activity: ActivityRecordedV1, cause: str = "not_confirmed") -> ActivityRejectedV1:
    said = {
        "activity_id": activity.activity_id,
        "officer_id": OFFICER,
        "cause": cause,
        "reason": "x",
        "decided_by": LEADER,
    }
    return ActivityRejectedV1.model_validate(said)


def published(data: FactData) -> Fact[Any]:
    return Fact.of(data, time=datetime.now(UTC), actor="test", jurisdiction=COUNTY)


@dataclass
class Intel:
    """The service under test."""

    client: httpx.AsyncClient
    database: Database
    settings: IntelSettings
    keys: DevKeys

    async def learn(self, *facts: FactData) -> None:
        """Let the worker's handlers read these reference facts."""
        async with self.database.unit() as unit:
            for data in facts:
                assert not await in_one(REFERENCE)([published(data)], unit)

    async def read_activities(self, *facts: ActivityRecordedV1 | ActivityRejectedV1) -> None:
        """Let the worker read these facts as one batch, then let its routing timer tick."""
        playbooks = Playbooks(None)
        async with self.database.unit() as unit:
            assert not await in_one(handlers(playbooks))([published(data) for data in facts], unit)
        await self.tick()

    async def tick(self) -> None:
        async with self.database.unit() as unit:
            await RoutingTicks(Playbooks(None)).tick(unit)

    def headers(self, **claims: Any) -> dict[str, str]:
        given = {"subject": "backend", "scopes": ALL, "division": COUNTY, "clearance": "restricted"} | claims
        return {"authorization": f"Bearer {issue_token(self.keys.private_key_path, **given)}"}

    async def post(self, report: dict[str, Any], **claims: Any) -> httpx.Response:
        return await self.client.post("/v1/reports", json=report, headers=self.headers(**claims))

    async def get(self, path: str, **claims: Any) -> httpx.Response:
        return await self.client.get(path, headers=self.headers(**claims))

    async def activity_report(self, activity: ActivityRecordedV1) -> dict[str, Any]:
        """The report that was made of an activity."""
        return await self.report(str(report_of_activity(activity.village, activity.activity_id)))

    async def what_happened(self, **claims: Any) -> list[str]:
        """What the officer reads about his own reports, the newest first."""
        mine = {"officer_id": OFFICER, "scopes": ("intel:report",)} | claims
        items = (await self.get(f"/v1/me/reports?officer={OFFICER}", **mine)).json()["items"]
        return [str(own["what_happened"]) for own in items]

    async def ordered(self, **changes: Any) -> dict[str, Any]:
        """File a report that becomes an order; returns it as read back."""
        filed = await self.post(violent_dispute(**changes))
        assert filed.status_code == 201, filed.text
        read = await self.get(f"/v1/reports/{filed.json()['report_id']}")
        assert read.json()["state"] == "ordered"
        return dict(read.json())

    async def post_waiting(self) -> None:
        """File a report without a station; the station then appears and its next try is due."""
        await self.post(violent_dispute(village=LONELY_VILLAGE))
        await self.learn(area_of_other_station())
        await self.rows_changed("UPDATE report SET next_try_at = now() - interval '1 second'")

    async def order_to_other_station(self) -> None:
        """A report of the village that the other station's area holds."""
        await self.learn(area_of_other_station())
        await self.ordered(village=LONELY_VILLAGE)

    async def report(self, report_id: str) -> dict[str, Any]:
        return dict((await self.get(f"/v1/reports/{report_id}")).json())

    async def put_endpoint(self, url: str, org_id: UUID = STATION, **given: Any) -> httpx.Response:
        body = {"url": url, "secret": SECRET} | given
        return await self.client.put(f"/v1/endpoints/{org_id}", json=body, headers=self.headers())

    async def call_back(
        self, said: dict[str, Any], *, webhook_id: str = "", secret: str = SECRET, at: datetime | None = None
    ) -> httpx.Response:
        """A station's signed answer."""
        body = json.dumps({"at": datetime.now(UTC).isoformat()} | said)
        headers = sign(secret, webhook_id or str(uuid4()), at or datetime.now(UTC), body)
        return await self.client.post(f"/v1/station-callbacks/{STATION}", content=body, headers=headers)

    async def rows(self, query: str, **values: Any) -> list[Any]:
        async with self.database.engine.connect() as connection:
            return list(await connection.execute(text(query), values))

    async def rows_changed(self, statement: str) -> None:
        """Let time pass, or another hand have written."""
        async with self.database.engine.begin() as connection:
            await connection.execute(text(statement))

    async def facts(self) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
        """Everything published: name without version, data, envelope; in order."""
        rows = await self.rows("SELECT attributes, body FROM outbox ORDER BY id")
        return [(row.attributes["ce_type"].split(".")[1], json.loads(row.body), row.attributes) for row in rows]

    async def names(self) -> list[str]:
        return [name for name, _, _ in await self.facts()]


def violent_dispute(**changes: Any) -> dict[str, Any]:
    """A report that the scheme escalates."""
    return {
        "id": str(new_id()),
        "kind": "dispute",
        "category": "neighbours",
        "village": VILLAGE,
        "reporter": {"id": str(OFFICER)},
        "noticed_at": "2026-10-05T10:00:00+08:00",
        "signs": ["violence"],
        "summary": SUMMARY,
    } | changes


@dataclass
class Receiver:
    """A station's HTTP server that answers what it is told, the last answer for ever."""

    answers: list[Response] = field(default_factory=lambda: [Response(status_code=202)])
    calls: list[dict[str, Any]] = field(default_factory=list)

    async def take(self, request: Request) -> Response:
        self.calls.append({"path": request.url.path, "headers": dict(request.headers), "body": await request.body()})
        return self.answers[min(len(self.calls), len(self.answers)) - 1]

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{rest:path}", self.take, methods=["GET", "POST"])])


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """The app on a free port of 127.0.0.1; yields its address."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
    task = asyncio.create_task(server.serve())
    try:
        await until(lambda: _started(server))
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await task


async def _started(server: uvicorn.Server) -> bool:
    return server.started


@asynccontextmanager
async def running(*loops: Callable[[], Awaitable[None]]) -> AsyncIterator[None]:
    """Workers' loops at work side by side."""
    tasks: Sequence[asyncio.Future[None]] = [asyncio.ensure_future(loop()) for loop in loops]
    try:
        yield
        assert not [task for task in tasks if task.done()], "a loop ended"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def lease(loop: Sending) -> Row | None:
    """The next delivery of either lane."""
    taken = [row for lane in loop.lanes for row in await lane.take()]
    return taken[0] if taken else None


async def until(condition: Callable[[], Awaitable[bool]], seconds: float = 15) -> None:
    """Wait for a condition; fails when it does not come."""
    async with asyncio.timeout(seconds):
        while not await condition():
            await asyncio.sleep(0.02)
