"""The API of scoring over ASGI, and tokens for it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx

from services.scoring.app import create_app
from shared.database.unit import Database
from shared.security.dev_issuer import DevKeys, issue_token
from shared.security.vault import Vault
from shared.settings import ServiceSettings
from tests.scoring.facts import OFFICER, VILLAGE
from tests.settings import without_broker

OCTOBER = {"period": "2026-10"}
BOARD = {**OCTOBER, "division": "411622", "scheme": "wenquan"}


@dataclass
class Api:
    """The API of scoring, and tokens for it."""

    client: httpx.AsyncClient
    keys: DevKeys
    routes: Any
    vault: Vault = field(init=False)

    def __post_init__(self) -> None:
        self.vault = Vault.load(self.keys.encryption_keys_path)

    def token(self, *scopes: str, division: str = "411622", officer: UUID | None = None) -> dict[str, str]:
        key = self.keys.private_key_path
        token = issue_token(key, subject="test", scopes=scopes, division=division, officer_id=officer)
        return {"Authorization": f"Bearer {token}"}

    async def mine(self, path: str = "/v1/me/sheet", **query: str) -> httpx.Response:
        me = self.token("scoring:own", division=VILLAGE, officer=OFFICER)
        return await self.client.get(path, params={**OCTOBER, **query}, headers=me)

    async def leader(self, path: str, reader: str = "411622", **query: str) -> httpx.Response:
        return await self.client.get(path, params=query, headers=self.token("scoring:read", division=reader))

    async def link(self) -> dict[str, str]:
        me = self.token("scoring:own", division=VILLAGE, officer=OFFICER)
        answer = await self.client.post("/v1/me/page-links", json=OCTOBER, headers=me)
        assert answer.status_code == 201, answer.text
        found: dict[str, str] = answer.json()
        return found


async def serving(database: Database, keys: DevKeys, schemes: Path | None) -> AsyncIterator[Api]:
    settings = without_broker(ServiceSettings, "scoring", database.url, keys, schemes_dir=schemes)
    app = create_app(settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://scoring") as client:
        yield Api(client, keys, app)
    await app.state.database.close()
