"""What the edge asks before it reads a body, and how much of one it reads."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any

import pytest
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from pydantic import BaseModel

from shared.security.dependencies import public, requires, signature_protected
from shared.web import body as body_module
from shared.web import holding
from shared.web.body import MEBIBYTE
from shared.web.divisions import DivisionFilter
from tests.web.apps import client_of, problem_of, tiny_app, token_for

LARGEST_OF_STRANGERS = 262_144


@pytest.fixture
def app(tmp_path: Path) -> FastAPI:
    router = APIRouter(prefix="/v1")

    async def size(request: Request) -> int:
        return len(await request.body())

    protections: dict[str, Callable[..., Any]]
    protections = {"own": requires("tiny"), "signed": signature_protected, "open": public}
    for name, protection in protections.items():
        router.add_api_route(f"/{name}", size, methods=["POST"], dependencies=[Depends(protection)])
    page = Depends(requires("tiny"))
    router.add_api_route("/page", lambda limit=100, narrowed=Depends(narrowed): limit, dependencies=[page])
    return tiny_app(tmp_path, [router])


class Filters(BaseModel):
    state: str | None = None
    since: Annotated[str | None, Query(alias="from")] = None


async def narrowed(division: DivisionFilter, filters: Annotated[Filters, Query()]) -> str:
    return division


class Asked:
    """One request to the edge itself; tells whether its body was asked for before the answer."""

    def __init__(self, path: str, headers: dict[str, str], body: Iterator[bytes]) -> None:
        self._path, self._headers, self._body = path, headers, body
        self.read_before_answer = 0
        self.status = 0

    async def of(self, app: FastAPI) -> Asked:
        headers = [(name.lower().encode(), value.encode()) for name, value in self._headers.items()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "POST",
            "path": self._path,
            "raw_path": self._path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": headers,
            "client": None,
            "server": ("tiny", 80),
        }
        await app(scope, self._receive, self._send)
        return self

    async def _receive(self) -> dict[str, Any]:
        self.read_before_answer += self.status == 0
        chunk = next(self._body, None)
        return {"type": "http.request", "body": chunk or b"", "more_body": chunk is not None}

    async def _send(self, message: Any) -> None:
        self.status = self.status or message["status"]


ONE_BYTE = {"content-length": "1"}
CHUNKED = {"transfer-encoding": "chunked"}


@pytest.mark.parametrize("announced", [ONE_BYTE, CHUNKED, ONE_BYTE | {"content-encoding": "gzip"}])
@pytest.mark.parametrize("token", [None, "Bearer x.y.z", "Basic eDp5"])
async def test_without_a_good_token_nothing_is_read(app: FastAPI, announced: dict[str, str], token: str | None) -> None:
    headers = announced | ({"authorization": token} if token else {})
    asked = await Asked("/v1/own", headers, iter([b"x"])).of(app)
    assert (asked.status, asked.read_before_answer) == (401, 0)


async def test_without_the_routes_scope_nothing_is_read(app: FastAPI, tmp_path: Path) -> None:
    headers = ONE_BYTE | {"authorization": token_for(tmp_path, "another")}
    asked = await Asked("/v1/own", headers, iter([b"x"])).of(app)
    assert (asked.status, asked.read_before_answer) == (403, 0)


@pytest.mark.parametrize(
    ("path", "length"), [("/v1/own", 5 * MEBIBYTE + 1), ("/v1/signed", LARGEST_OF_STRANGERS + 1), ("/v1/open", 10**9)]
)
async def test_what_says_that_it_is_too_large_is_refused_unread(app: FastAPI, path: str, length: int) -> None:
    asked = await Asked(path, {"content-length": str(length)}, iter([b"x"])).of(app)
    assert (asked.status, asked.read_before_answer) == (413, 0)


async def test_nobody_reads_what_is_sent_to_an_address_that_there_is_not(app: FastAPI) -> None:
    asked = await Asked("/v1/nothing", CHUNKED, iter([b"x"])).of(app)
    assert (asked.status, asked.read_before_answer) == (404, 0)


@pytest.mark.parametrize("path", ["/v1/signed", "/v1/open"])
async def test_of_strangers_little_is_read(app: FastAPI, path: str) -> None:
    whole = await Asked(path, CHUNKED, iter([b"x" * LARGEST_OF_STRANGERS])).of(app)
    assert whole.status == 200
    endless = iter(lambda: b"x" * 65_536, b"")
    asked = await Asked(path, CHUNKED, endless).of(app)
    assert (asked.status, asked.read_before_answer) == (413, 5)


async def test_of_strangers_little_is_unpacked(app: FastAPI) -> None:
    async with client_of(app) as client:
        bomb = gzip.compress(b" " * (LARGEST_OF_STRANGERS + 1))
        answer = await client.post("/v1/signed", content=bomb, headers={"content-encoding": "gzip"})
    assert problem_of(answer)["limit_bytes"] == LARGEST_OF_STRANGERS


async def test_a_body_that_does_not_arrive_is_not_waited_for(
    app: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(body_module, "SECONDS_TO_ARRIVE", 0.05)
    monkeypatch.setattr(body_module, "WITH_KNOWN", body_module.Patience(0, 0))

    async def never() -> Any:
        yield b"{"
        await asyncio.Event().wait()

    async with client_of(app, authorization=token_for(tmp_path, "tiny")) as client:
        answer = await client.post("/v1/own", content=never())
    assert (answer.status_code, answer.headers["connection"]) == (408, "close")
    assert problem_of(answer)["code"] == "body_too_slow"


async def test_more_bodies_than_a_process_may_hold_are_told_to_come_back(
    app: FastAPI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(holding, "MOST_OF_ONE", 1000)
    hold, held = asyncio.Event(), asyncio.Event()

    async def slowly() -> Any:
        yield b"x" * 800
        held.set()
        await hold.wait()

    async with client_of(app, authorization=token_for(tmp_path, "tiny")) as client:
        first = asyncio.create_task(client.post("/v1/own", content=slowly()))
        await held.wait()
        full = await client.post("/v1/own", content=b"x" * 201)
        assert (full.status_code, full.headers["retry-after"]) == (503, "2")
        assert problem_of(full)["code"] == "too_many_bodies"
        other = {"authorization": token_for(tmp_path, "tiny", division="411681")}
        assert (await client.post("/v1/own", content=b"x" * 201, headers=other)).status_code == 200
        hold.set()
        assert (await first).json() == 800
        assert (await client.post("/v1/own", content=b"x" * 1000)).json() == 1000


async def test_a_parameter_that_the_route_does_not_have_is_named_beside_those_it_has(
    app: FastAPI, tmp_path: Path
) -> None:
    async with client_of(app, authorization=token_for(tmp_path, "tiny")) as client:
        assert (await client.get("/v1/page?limit=3&state=x&from=y&division=4116")).status_code == 200
        problem = problem_of(await client.get("/v1/page?stat=x&limit=3&11010519491231002X="))
        has = "没有这个参数,可用的有 limit、state、from、division"
        assert problem["status"] == 422
        assert problem["errors"] == [
            {"pointer": "query:stat", "message": has},
            {"pointer": "query:*", "message": has},
        ]
        problem = problem_of(await client.post("/v1/own?limit=3", content=b"x"))
        assert problem["errors"] == [{"pointer": "query:limit", "message": "没有这个参数,这个地址不带参数,请删去"}]
        assert (await client.get("/healthz?probe=1")).status_code == 200


@pytest.mark.parametrize(("division", "status"), [("999999", 404), ("411681", 404), ("41", 200), ("411622100", 200)])
async def test_a_division_outside_ones_own_is_as_one_that_there_is_not(
    app: FastAPI, tmp_path: Path, division: str, status: int
) -> None:
    async with client_of(app, authorization=token_for(tmp_path, "tiny")) as client:
        assert (await client.get("/v1/page", params={"division": division})).status_code == status
