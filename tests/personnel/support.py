"""A running personnel API on a real database, and the county its tests speak of."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from fastapi import FastAPI
from sqlalchemy import text

from services.personnel.service.schemes import Schemes
from services.personnel.service.states import WholeStates
from shared.database.unit import Database
from shared.ids import new_id
from shared.security.dev_issuer import DevKeys, issue_token
from shared.security.principal import Principal

COUNTY = "411622"
VILLAGE = "411622101201"
OTHER_VILLAGE = "411622101202"
WHY = {"reason": "本人申请"}
ALWAYS = {"from": "2020-01-01"}
DEMO_DIVISIONS = Path(__file__).parents[2] / "deploy" / "demo" / "divisions"
FILES = ("provinces", "cities", "areas", "streets", "villages")

_BADGES = count(1)
Body = dict[str, Any]
SCOPES = ("personnel:read", "personnel:write", "personnel:bindings", "personnel:erase")


@dataclass
class Personnel:
    """The API, its database and the keys of its tokens."""

    app: FastAPI
    client: httpx.AsyncClient
    database: Database
    keys: DevKeys

    def token(self, division: str = "", scopes: Sequence[str] = SCOPES) -> str:
        return issue_token(self.keys.private_key_path, subject="test-client", scopes=scopes, division=division)

    async def call(
        self, method: str, path: str, *, caller: str = "", scopes: Sequence[str] | None = None, **sent: Any
    ) -> httpx.Response:
        token = self.token(caller) if scopes is None else self.token(caller, scopes)
        headers = {"Authorization": f"Bearer {token}"} | sent.pop("headers", {})
        return await self.client.request(method, path, headers=headers, **sent)

    async def get(self, path: str, *, caller: str = "", **params: Any) -> httpx.Response:
        return await self.call("GET", path, caller=caller, params=params)

    async def put(self, path: str, body: Body, *, caller: str = "") -> httpx.Response:
        return await self.call("PUT", path, caller=caller, json=body)

    async def put_all(self, plural: str, items: Sequence[Body], *, caller: str = "") -> list[Body]:
        answer = await self.put(f"/v1/{plural}", {"items": list(items)}, caller=caller)
        assert answer.status_code in (200, 207), answer.text
        outcomes: list[Body] = answer.json()["items"]
        return outcomes

    async def store(self, plural: str, *items: Body) -> None:
        """Put items that must all be accepted."""
        outcomes = await self.put_all(plural, items)
        assert {o["outcome"] for o in outcomes} <= {"created", "changed", "unchanged"}, outcomes

    async def import_csv(self, content: str | bytes, kind: str, *, caller: str = "") -> httpx.Response:
        return await self.call(
            "POST",
            "/v1/divisions/imports",
            caller=caller,
            params={"kind": kind, "valid_from": "2023-06-30"},
            content=content,
            headers={"Content-Type": "text/csv"},
        )

    @asynccontextmanager
    async def unit(self) -> AsyncIterator[WholeStates]:
        """The use cases in a transaction that the test holds open."""
        who = Principal("test-client", frozenset(), "", "internal", None)
        async with self.database.unit() as unit:
            yield WholeStates(unit, self.app.state.vault, who, Schemes(None))

    async def rows(self, sql: str, **values: Any) -> list[Mapping[str, Any]]:
        async with self.database.engine.connect() as connection:
            return [dict(row) for row in (await connection.execute(text(sql), values)).mappings()]

    async def until_blocked(self, request: asyncio.Task[Any]) -> None:
        """Wait until a request waits for a lock that the test holds; one that does not wait fails the test."""
        query = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        while not await self.rows(query):
            assert not request.done(), "the request waited for nothing"

    async def facts(self, topic: str, key: object | None = None) -> list[Body]:
        """Bodies of the published facts of a topic, of one stream or of all, in order."""
        found = await self.rows(
            "SELECT body FROM outbox WHERE topic = :topic AND stream_key LIKE :key ORDER BY id",
            topic=topic,
            key="%" if key is None else str(key),
        )
        return [json.loads(row["body"]) for row in found]

    async def count_facts(self) -> int:
        return int((await self.rows("SELECT count(*) AS n FROM outbox"))[0]["n"])


def organisation(**other: Any) -> Body:
    return {
        "org_id": str(new_id()),
        "name": "测试派出所",
        "kind": "station",
        "serves": ["411622101000"],
        "valid": ALWAYS,
    } | other


def area(station: Body, *villages: str, **other: Any) -> Body:
    return {
        "area_id": str(new_id()),
        "name": "测试责任区",
        "villages": list(villages),
        "station": station["org_id"],
        "rural": True,
        "valid": ALWAYS,
    } | other


def officer(station: Body, **other: Any) -> Body:
    return {
        "officer_id": str(new_id()),
        "kind": "auxiliary",
        "name": "测试辅警甲",
        "badge": f"F{next(_BADGES):04}",
        "employer": station["org_id"],
        "station": station["org_id"],
        "full_time": True,
        "status": "active",
        "account": "open",
        "valid": ALWAYS,
    } | other


def assignment(holder: Body, village: str, **other: Any) -> Body:
    return {
        "assignment_id": str(new_id()),
        "officer_id": holder["officer_id"],
        "post": "village_auxiliary",
        "role": "main",
        "where": {"type": "village", "id": village},
        "valid": ALWAYS,
    } | other
