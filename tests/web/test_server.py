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

from shared.security.dependencies import public
from tests.web.apps import problem_of, tiny_app


@asynccontextmanager
async def served(tmp_path: Path) -> AsyncIterator[str]:
    router = APIRouter(dependencies=[Depends(public)])

    @router.post("/v1/things")
    async def take(things: list[int]) -> int:
        return len(things)

    config = uvicorn.Config(tiny_app(tmp_path, [router]), port=0, log_config=None, lifespan="on")
    server = uvicorn.Server(config)
    running = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.wait({running}, timeout=0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        await running


@pytest.mark.parametrize("size", [6_000_000, 30_000_000])
async def test_a_client_that_sends_too_much_reads_the_answer(tmp_path: Path, size: int) -> None:
    async with served(tmp_path) as address, httpx.AsyncClient(timeout=30) as client:
        answer = await client.post(f"{address}/v1/things", content=b" " * size)
        assert answer.status_code == 413
        assert problem_of(answer)["code"] == "body_too_large"
        assert (await client.post(f"{address}/v1/things", json=[1])).json() == 1


async def test_a_cut_off_gzip_body_is_answered_at_once(tmp_path: Path) -> None:
    async with served(tmp_path) as address, httpx.AsyncClient(timeout=3) as client:
        headers = {"content-encoding": "gzip", "content-type": "application/json"}
        answer = await client.post(f"{address}/v1/things", content=gzip.compress(b"[1]")[:-4], headers=headers)
    assert problem_of(answer)["code"] == "malformed_encoding"
