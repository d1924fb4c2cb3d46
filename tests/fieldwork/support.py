"""A county with two townships, fieldwork's API on it, and things to send to it."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import httpx
from sqlalchemy import text

from services.fieldwork.handlers import handlers
from services.fieldwork.service.days import mark_days_over, spread_marks, work_out_days
from shared.contracts.base import FactData, Period
from shared.contracts.envelope import Fact
from shared.contracts.personnel import (
    AreaV1,
    AssignmentV1,
    DivisionV1,
    OfficerV1,
    OrganisationV1,
    SchemeBindingV1,
    Where,
)
from shared.database.unit import Database
from shared.ids import foreign_id, new_id
from shared.messaging.handling import in_one
from shared.security.dev_issuer import DevKeys, issue_token

COUNTY = "411622"
VILLAGE, NEXT_VILLAGE, FAR_VILLAGE = "411622100201", "411622100202", "411622200201"
OTHER_COUNTY_VILLAGE = "411623100201"
ALWAYS = Period(since=date(2020, 1, 1))
STATION, FAR_STATION, BUREAU = (foreign_id("test", name) for name in ("station", "far station", "bureau"))
AREA = foreign_id("test", "area")
AUXILIARY, OFFICER, LEADER, DEPUTY, STRANGER, COUNTY_LEADER = (
    foreign_id("app", name) for name in ("auxiliary", "officer", "leader", "deputy", "stranger", "county leader")
)
ASSIGNMENT = foreign_id("test", "assignment")
HEADSHIP = foreign_id("test", "headship")
EVERYTHING = (
    *("fieldwork:sync", "fieldwork:verify", "fieldwork:read", "fieldwork:foreign-villages"),
    *("act-as", "act-as:verify"),
)


class Time:
    """The services' clock, stopped at a Tuesday noon until a test moves it."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        self.now = datetime(2026, 10, 20, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


def division(code: str) -> DivisionV1:
    return DivisionV1(code=code, name=f"村{code[-3:]}", level="village", village_kind="village_committee", valid=ALWAYS)


def organisation(org_id: UUID, kind: str, *serves: str) -> OrganisationV1:
    return OrganisationV1.model_validate(
        {"org_id": org_id, "name": "单位", "kind": kind, "serves": serves, "valid": ALWAYS}
    )


def person(officer_id: UUID, badge: str, kind: str = "officer", station: UUID | None = STATION) -> OfficerV1:
    return OfficerV1.model_validate(
        {
            "officer_id": officer_id,
            "kind": kind,
            "name": "演示人员",
            "badge": badge,
            "employer": BUREAU,
            "station": station,
            "full_time": True,
            "status": "active",
            "account": "open",
            "valid": ALWAYS,
        }
    )


def assignment(where: str = VILLAGE, *, id: UUID = ASSIGNMENT, since: date = ALWAYS.since) -> AssignmentV1:
    return AssignmentV1(
        assignment_id=id,
        officer_id=AUXILIARY,
        post="village_auxiliary",
        role="main",
        where=Where(type="village", id=where),
        valid=Period(since=since),
    )


def headship(officer_id: UUID = LEADER, *, valid: Period = ALWAYS) -> AssignmentV1:
    """He is the head of the station."""
    return AssignmentV1(
        assignment_id=HEADSHIP,
        officer_id=officer_id,
        post="station_head",
        role="main",
        where=Where(type="org", id=str(STATION)),
        valid=valid,
    )


BINDING = SchemeBindingV1(
    binding_id=uuid4(), jurisdiction=COUNTY, scheme="wenquan", version="0" * 64, posts=(), valid=ALWAYS
)
WORLD: tuple[FactData, ...] = (
    *(division(code) for code in (VILLAGE, NEXT_VILLAGE, FAR_VILLAGE, OTHER_COUNTY_VILLAGE)),
    organisation(STATION, "station", "411622100000"),
    organisation(FAR_STATION, "station", "411622200000"),
    organisation(BUREAU, "bureau", "411622000000"),
    AreaV1(
        area_id=AREA,
        name="一区",
        villages=(VILLAGE, NEXT_VILLAGE),
        station=STATION,
        rural=True,
        valid=ALWAYS,
    ),
    person(AUXILIARY, "F001", "auxiliary"),
    person(OFFICER, "000007"),
    person(LEADER, "000001"),
    person(DEPUTY, "000002"),
    person(STRANGER, "000009", station=FAR_STATION),
    person(COUNTY_LEADER, "000010", station=None),
    assignment(),
    headship(),
    BINDING,
)


def visit(**changes: Any) -> dict[str, Any]:
    """An auxiliary visited three households of his village."""
    return {
        "type": "activity",
        "id": str(new_id()),
        "officer": {"id": str(AUXILIARY)},
        "village": VILLAGE,
        "kind": "household_visit",
        "from": "2026-10-20T09:00:00+08:00",
        "quantity": "3",
        "unit": "household",
        "details": {"purposes": ["law"]},
    } | changes


def arrival(at: str, **changes: Any) -> dict[str, Any]:
    return {
        "type": "arrival",
        "id": str(new_id()),
        "officer": {"id": str(AUXILIARY)},
        "village": VILLAGE,
        "at": at,
    } | changes


def departure(session: dict[str, Any], at: str, **changes: Any) -> dict[str, Any]:
    return {"type": "departure", "id": str(new_id()), "session": session["id"], "at": at} | changes


def stay(begin: str, end: str, **changes: Any) -> list[dict[str, Any]]:
    """An arrival and its departure, times of day on 19 October, or whole instants."""
    begin, end = (t if "T" in t else f"2026-10-19T{t}:00+08:00" for t in (begin, end))
    came = arrival(begin, **changes)
    return [came, departure(came, end)]


def verdict(activity: dict[str, Any], by: UUID = LEADER, **changes: Any) -> dict[str, Any]:
    return {
        "verdict": "verify",
        "activity_id": activity["id"],
        "verified_by": {"id": str(by)},
        "method": "desk",
        "true_situation": True,
        "record_seen": True,
        "signature_seen": False,
        "effective": "yes",
    } | changes


def rejection(activity: dict[str, Any], by: UUID = LEADER, **changes: Any) -> dict[str, Any]:
    return {
        "verdict": "reject",
        "activity_id": activity["id"],
        "verified_by": {"id": str(by)},
        "cause": "not_confirmed",
        "reason": "no_record",
    } | changes


def certificate(**changes: Any) -> dict[str, Any]:
    return {
        "id": str(new_id()),
        "village": VILLAGE,
        "of": "dispute",
        "month": "2026-09",
        "certified_by": {"id": str(LEADER)},
    } | changes


def outcomes(answer: httpx.Response) -> list[str]:
    assert answer.status_code in (200, 207), answer.text
    return [item["outcome"] for item in answer.json()["items"]]


def codes(answer: httpx.Response) -> list[str | None]:
    return [item.get("problem", {}).get("code") for item in answer.json()["items"]]


@dataclass
class Fieldwork:
    """The service under test."""

    client: httpx.AsyncClient
    database: Database
    keys: DevKeys
    time: Time

    async def learn(self, *facts: FactData) -> None:
        """Let the worker's handlers read these reference facts."""
        known = in_one(handlers())
        async with self.database.unit() as unit:
            for data in facts:
                fact: Fact[Any] = Fact.of(data, time=self.time(), actor="test", jurisdiction=COUNTY)
                assert not await known([fact], unit)

    async def tick(self) -> None:
        """Let the worker's timers run until they have nothing left to do."""
        for job in (mark_days_over, spread_marks, work_out_days):
            more = True
            while more:
                async with self.database.unit() as unit:
                    more = await job(unit)

    def headers(self, **claims: Any) -> dict[str, str]:
        given = {"subject": "backend", "scopes": EVERYTHING, "division": COUNTY} | claims
        return {"authorization": f"Bearer {issue_token(self.keys.private_key_path, **given)}"}

    async def post(self, path: str, body: Any, **claims: Any) -> httpx.Response:
        return await self.client.post(path, json=body, headers=self.headers(**claims))

    async def get(self, path: str, **claims: Any) -> httpx.Response:
        return await self.client.get(path, headers=self.headers(**claims))

    async def sync(self, *items: Any, **claims: Any) -> httpx.Response:
        return await self.post("/v1/sync", {"items": list(items)}, **claims)

    async def recorded(self, **changes: Any) -> dict[str, Any]:
        """An activity that is kept."""
        item = visit(**changes)
        assert outcomes(await self.sync(item)) == ["created"]
        return item

    async def decide(self, *verdicts: Any, **claims: Any) -> httpx.Response:
        return await self.post("/v1/activities/verifications", {"verdicts": list(verdicts)}, **claims)

    async def certify(self, *items: Any, **claims: Any) -> httpx.Response:
        return await self.post("/v1/certificates", {"items": list(items)}, **claims)

    async def roster(self, *days: str, by: UUID = LEADER, officer: UUID = AUXILIARY, **changes: Any) -> httpx.Response:
        """Put an officer on duty, or with `on_duty=False` take him off it."""
        said = {"officer": {"id": str(officer)}, "entered_by": {"id": str(by)}} | changes
        return await self.post("/v1/rosters", {"items": [said | {"day": day} for day in days]})

    async def confirm(self, entered: httpx.Response, by: UUID = DEPUTY, **changes: Any) -> httpx.Response:
        """Let somebody decide about the corrections of an answer."""
        said = {"confirmed_by": {"id": str(by)}, "confirm": True} | changes
        items = [said | {"id": item["id"]} for item in entered.json()["items"]]
        return await self.post("/v1/rosters/confirmations", {"items": items})

    async def rostered(self, *days: str, **changes: Any) -> None:
        """Days that have come, put on the roster by the head and confirmed by his deputy."""
        entered = await self.roster(*days, reason="late_entry", **changes)
        assert outcomes(await self.confirm(entered)) == ["created"] * len(days)

    async def until_blocked(self, *requests: asyncio.Task[httpx.Response]) -> None:
        """Wait until requests wait for a lock that the test holds; one that does not wait fails the test."""
        query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        while len(await self.rows(query)) < len(requests):
            assert not any(request.done() for request in requests), "a request waited for nothing"

    async def rows(self, query: str, **values: Any) -> list[Any]:
        async with self.database.engine.connect() as connection:
            return list(await connection.execute(text(query), values))

    async def rows_changed(self, statement: str) -> None:
        """Let time pass, or another hand have written."""
        async with self.database.engine.begin() as connection:
            await connection.execute(text(statement))

    async def facts(self, name: str = "") -> list[dict[str, Any]]:
        """The data of everything published, in order; with a name only of that fact."""
        rows = await self.rows("SELECT attributes, body FROM outbox ORDER BY id")
        return [json.loads(row.body) for row in rows if name in row.attributes["ce_type"]]

    async def names(self) -> list[str]:
        rows = await self.rows("SELECT attributes FROM outbox ORDER BY id")
        return [row.attributes["ce_type"].split(".")[1] for row in rows]
