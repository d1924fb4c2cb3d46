"""How routes are protected, and how one that is not is found."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi import APIRouter, Depends

from shared.security.dependencies import protections, public, requires, signature_protected, unprotected_routes
from shared.security.dev_issuer import DevKeys
from shared.security.principal import Principal, acting_for
from shared.security.problems import ActAsRequired
from tests.security.tokens import signed
from tests.web.apps import client_of, problem_of, tiny_app

AN_OFFICER = UUID("018f3b1c-0000-7000-8000-000000000001")


async def current_reader(who: Annotated[Principal, Depends(requires("fieldwork:read"))]) -> str:
    return who.subject


Reader = Annotated[Principal, Depends(requires("fieldwork:read"))]


def _router() -> APIRouter:
    router = APIRouter(prefix="/v1")

    @router.get("/things")
    async def read(who: Reader) -> str:
        return who.subject

    @router.get("/things/{number}")
    async def read_one(number: int, reader: Annotated[str, Depends(current_reader)]) -> str:
        return reader

    @router.post("/callbacks", dependencies=[Depends(signature_protected)])
    async def callback() -> None: ...

    return router


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(tiny_app(tmp_path, [_router()])) as client:
        yield client


async def test_a_route_answers_who_may_call_it(client: httpx.AsyncClient, dev_keys: DevKeys) -> None:
    answer = await client.get("/v1/things", headers={"authorization": f"Bearer {signed(dev_keys)}"})
    assert (answer.status_code, answer.json()) == (200, "someone")


@pytest.mark.parametrize(
    ("header", "status", "code"),
    [
        (None, 401, "token_missing"),
        ("Basic eDp5", 401, "token_missing"),
        ("Bearer", 401, "token_missing"),
        ("Bearer x.y.z", 401, "token_invalid"),
    ],
)
async def test_a_route_refuses_others(client: httpx.AsyncClient, header: str | None, status: int, code: str) -> None:
    answer = await client.get("/v1/things", headers={"authorization": header} if header else {})
    assert answer.status_code == status
    assert problem_of(answer)["code"] == code
    assert answer.headers["www-authenticate"] == "Bearer"


async def test_an_expired_token_is_told_apart(client: httpx.AsyncClient, dev_keys: DevKeys) -> None:
    token = signed(dev_keys, exp=datetime.now(UTC) - timedelta(days=1))
    answer = await client.get("/v1/things", headers={"authorization": f"Bearer {token}"})
    assert problem_of(answer)["code"] == "token_expired"


async def test_a_missing_scope_is_named(client: httpx.AsyncClient, dev_keys: DevKeys) -> None:
    token = signed(dev_keys, scope="fieldwork:reader personnel:read")
    answer = await client.get("/v1/things", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 403
    assert problem_of(answer)["code"] == "scope_missing"
    assert answer.json()["scope"] == "fieldwork:read"


def test_every_route_tells_its_protection(tmp_path: Path) -> None:
    app = tiny_app(tmp_path, [_router()])
    assert unprotected_routes(app) == []
    declared = protections(app)
    assert declared["GET /v1/things"] == declared["GET /v1/things/{number}"] == "fieldwork:read"
    assert declared["POST /v1/callbacks"] == "signature_protected"
    assert declared["GET /healthz"] == "public"
    assert declared["GET /docs-assets/"] == "public"


def test_a_forgotten_protection_is_found_wherever_it_hides(tmp_path: Path) -> None:
    inner, outer, marked = APIRouter(), APIRouter(prefix="/v1"), APIRouter(dependencies=[Depends(public)])
    for router in (inner, marked):
        router.add_api_route(f"/{id(router)}", lambda: None, methods=["GET", "DELETE"])
    outer.include_router(inner, prefix="/inner")
    app = tiny_app(tmp_path, [outer, marked])
    app.add_route("/plain", lambda _: None, methods=["GET"])  # type: ignore[arg-type,return-value]
    path = f"/v1/inner/{id(inner)}"
    assert sorted(unprotected_routes(app)) == [f"DELETE {path}", "GET /plain", f"GET {path}", "HEAD /plain"]


def _principal(*scopes: str) -> Principal:
    return Principal("x", frozenset(scopes), "", "internal", AN_OFFICER)


def test_everybody_may_act_for_himself() -> None:
    assert acting_for(_principal(), AN_OFFICER) == AN_OFFICER


def test_acting_for_another_needs_the_scope() -> None:
    another = uuid4()
    assert acting_for(_principal("act-as"), another) == another
    with pytest.raises(ActAsRequired):
        acting_for(_principal("fieldwork:sync"), another)
