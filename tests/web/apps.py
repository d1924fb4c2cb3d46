"""A tiny service under the shared edge, and a client that calls it."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
from fastapi import APIRouter, FastAPI

from shared.database.unit import Database
from shared.security.dev_issuer import DEV_AUDIENCE, DEV_ISSUER, ensure_dev_keys, issue_token
from shared.settings import ServiceSettings
from shared.web.api import create_api
from shared.web.operations import Check


def settings_for(keys_folder: Path) -> ServiceSettings:
    return ServiceSettings.of(
        "tiny",
        database_url="postgresql+asyncpg://nowhere",
        kafka_bootstrap_servers="nowhere:1",
        jwt_issuer=DEV_ISSUER,
        jwt_audience=DEV_AUDIENCE,
        jwks=str(ensure_dev_keys(keys_folder).jwks_path),
    )


def token_for(keys_folder: Path, *scopes: str, subject: str = "someone", division: str = "411622") -> str:
    """The value of an Authorization header."""
    key = ensure_dev_keys(keys_folder).private_key_path
    return f"Bearer {issue_token(key, subject=subject, scopes=scopes, division=division)}"


def tiny_app(
    keys_folder: Path,
    routers: Sequence[APIRouter] = (),
    *,
    database: Database | None = None,
    readiness: Mapping[str, Check] | None = None,
) -> FastAPI:
    return create_api(
        service="tiny", routers=routers, settings=settings_for(keys_folder), database=database, readiness=readiness
    )


def client_of(app: FastAPI, **headers: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://tiny", headers=headers)


def problem_of(answer: httpx.Response) -> dict[str, Any]:
    """The problem in an answer, after checking that it is a complete one."""
    assert answer.headers["content-type"] == "application/problem+json", answer.text
    problem: dict[str, Any] = answer.json()
    assert problem["status"] == answer.status_code
    assert problem["type"] == f"urn:cunjing:problem:{problem['code']}"
    assert problem["request_id"] == answer.headers["x-request-id"]
    assert problem["title"]
    assert problem["detail"]
    return problem
