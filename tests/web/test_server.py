"""What only a real server and a real socket show."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import uvicorn
from fastapi import APIRouter, Depends

from shared.security.dependencies import requires
from shared.web import server as server_module
from shared.web.heads import MOST_BYTES
from shared.web.server import BoundedHeads
from tests.web.apps import problem_of, tiny_app, token_for


@asynccontextmanager
async def served(tmp_path: Path) -> AsyncIterator[str]:
    router = APIRouter(dependencies=[Depends(requires("tiny"))])

    @router.post("/v1/things")
    async def take(things: list[int]) -> int:
        return len(things)

    config = uvicorn.Config(tiny_app(tmp_path, [router]), port=0, log_config=None, lifespan="on", http=BoundedHeads)
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.wait({running}, timeout=0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


@asynccontextmanager
async def known_client(tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": token_for(tmp_path, "tiny")}
    async with served(tmp_path) as address, httpx.AsyncClient(base_url=address, headers=headers, timeout=30) as client:
        yield client


@pytest.mark.parametrize("size", [6_000_000, 30_000_000])
async def test_a_client_that_sends_too_much_reads_the_answer(tmp_path: Path, size: int) -> None:
    async with known_client(tmp_path) as client:
        answer = await client.post("/v1/things", content=b" " * size)
        assert answer.status_code == 413
        assert problem_of(answer)["code"] == "body_too_large"
        assert (await client.post("/v1/things", json=[1])).json() == 1


async def test_a_client_whose_token_is_too_old_reads_so_although_it_is_still_sending(tmp_path: Path) -> None:
    async with known_client(tmp_path) as client:
        answer = await client.post("/v1/things", content=b" " * 800_000, headers={"authorization": "Bearer x.y.z"})
        assert problem_of(answer)["code"] == "token_invalid"


async def test_a_cut_off_gzip_body_is_answered_at_once(tmp_path: Path) -> None:
    async with known_client(tmp_path) as client:
        headers = {"content-encoding": "gzip", "content-type": "application/json"}
        answer = await client.post("/v1/things", content=gzip.compress(b"[1]")[:-4], headers=headers)
    assert problem_of(answer)["code"] == "malformed_encoding"


async def _raw(address: str, sent: bytes) -> bytes:
    """Everything that the server answers to these bytes until it closes, while the client sends nothing more."""
    url = httpx.URL(address)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(sent)
    answer = await reader.read()
    writer.close()
    return answer


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Content-Length: 6000000\r\nExpect: 100-continue\r\n\r\n", b"413"),
        (b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n", b"401"),
        (b"Transfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n", b"401"),
        (b"".join(b"X-%d: x\r\n" % n for n in range(101)) + b"Content-Length: 9\r\n\r\n", b"431"),
        (b"X-Endless: " + b"x" * MOST_BYTES, b"431"),
    ],
)
async def test_a_head_is_enough_to_be_refused(tmp_path: Path, head: bytes, status: bytes) -> None:
    async with served(tmp_path) as address:
        answer = await _raw(address, b"POST /v1/things HTTP/1.1\r\nHost: x\r\n" + head)
    assert answer.startswith(b"HTTP/1.1 " + status)
    assert b"connection: close" in answer.lower()


async def test_who_never_finishes_a_head_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "SECONDS_FOR_HEAD", 0.05)
    async with served(tmp_path) as address:
        assert await _raw(address, b"") == b""
        assert await _raw(address, b"GET / HTTP/1.1\r\nHost:") == b""
