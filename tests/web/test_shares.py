"""Requests take turns by county and subject: the rules, then the edge that keeps them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated

import httpx
import pytest
from fastapi import APIRouter, Depends
from prometheus_client import REGISTRY

from shared.security.dependencies import requires
from shared.security.principal import Principal
from shared.web import edge, turns
from shared.web.shares import Bounds, FairLine, Share
from tests.web.apps import client_of, problem_of, tiny_app, token_for

A, B, C = (Share(county, "backend") for county in ("411622", "411681", "411602"))
PHONES = [Share(A.county, f"phone-{number}") for number in range(200)]
OF_ONE = turns.BOUNDS.at_once - turns.BOUNDS.spare
BOUNDS = Bounds(at_once=4, spare=1, line=3, longest=6)


def line_of(*shares: Share, bounds: Bounds = BOUNDS) -> FairLine[Share]:
    line: FairLine[Share] = FairLine(bounds)
    for share in shares:
        line.arrive(share, share)
    return line


def running(line: FairLine[Share]) -> list[Share]:
    """Everybody who may run now."""
    return list(iter(line.next, None))


def served(line: FairLine[Share]) -> list[Share]:
    """Everybody in their order, one leaving after the other."""
    order, now = [], running(line)
    while now:
        order.append(now.pop(0))
        line.leave(order[-1])
        now += running(line)
    return order


def test_one_county_leaves_the_spare_places_to_others() -> None:
    line = line_of(*[A] * 10)
    assert running(line) == [A] * 3
    line.arrive(B, B)
    assert running(line) == [B]
    line.arrive(C, C)
    assert running(line) == []
    line.leave(A)
    assert running(line) == [C]


def test_counties_take_turns_whatever_their_number_of_requests() -> None:
    order = served(line_of(*[A] * 20, *[B] * 3, C, bounds=Bounds(at_once=1, spare=0, line=99, longest=99)))
    assert order[:7] == [A, B, C, A, B, A, B]
    assert Counter(order) == {A: 20, B: 3, C: 1}


def test_within_a_county_subjects_take_turns() -> None:
    order = served(line_of(*[A] * 5, PHONES[0], B, PHONES[1], bounds=Bounds(1, 0, 99, 99)))
    assert order == [A, B, PHONES[0], PHONES[1], A, A, A, A]


def test_nobody_is_limited_while_nobody_else_waits() -> None:
    line = line_of()
    for _ in range(BOUNDS.longest):
        assert line.has_room(A)
        line.arrive(A, A)
    assert not line.has_room(A)  # so many hold memory that the others need
    assert line.has_room(B)


def test_while_others_wait_a_share_that_is_used_up_takes_no_more() -> None:
    line = line_of(*[A] * 3, B)
    assert not line.has_room(A)
    assert line.has_room(B)
    assert line.has_room(PHONES[0])
    line.withdraw(B, B)
    assert line.has_room(A)
    line.arrive(PHONES[0], PHONES[0])
    assert not line.has_room(A)
    assert not line.has_room(PHONES[0])
    assert line.has_room(PHONES[1])


def test_a_county_of_many_subjects_has_an_end_too() -> None:
    line = line_of(*PHONES[:6])
    assert not line.has_room(PHONES[7])


def test_a_process_keeps_places_for_counties_that_have_none_running() -> None:
    line = line_of(*[A] * 60, bounds=turns.BOUNDS)
    assert len(running(line)) == OF_ONE
    line.arrive(B, B)
    assert running(line) == [B]


class Desk:
    """Answers once it is let go; remembers whom it took, in order."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.go = asyncio.Semaphore(0)
        self.somebody_came = asyncio.Event()

    async def until_taken(self, number: int) -> None:
        async with asyncio.timeout(30):
            while len(self.taken) < number:
                self.somebody_came.clear()
                await self.somebody_came.wait()


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's turn comes too late because the machine is slow."""
    monkeypatch.setattr(turns, "MOST_SECONDS", 600)


Flood = list[asyncio.Task[httpx.Response]]


@asynccontextmanager
async def flooded(tmp_path: Path, requests: int) -> AsyncIterator[tuple[httpx.AsyncClient, Desk, Flood]]:
    """An API that county A floods: as many requests run as may, the others wait."""
    desk, router = Desk(), APIRouter(prefix="/v1")

    @router.post("/desk")
    async def work(who: Annotated[Principal, Depends(requires("tiny"))]) -> None:
        desk.taken.append(who.division)
        desk.somebody_came.set()
        await desk.go.acquire()

    async with client_of(tiny_app(tmp_path, [router])) as client:
        flood = [asyncio.create_task(ask(client, tmp_path, A)) for _ in range(requests)]
        await desk.until_taken(OF_ONE)
        await until_waiting(requests - OF_ONE)
        yield client, desk, flood
        for _ in range(1000):
            desk.go.release()
        await asyncio.gather(*flood)


async def ask(client: httpx.AsyncClient, tmp_path: Path, share: Share) -> httpx.Response:
    token = token_for(tmp_path, "tiny", subject=share.subject, division=share.county)
    return await client.post("/v1/desk", headers={"authorization": token})


async def until_waiting(number: int) -> None:
    async with asyncio.timeout(30):
        while metric("cunjing_http_requests_waiting") != number:
            await asyncio.sleep(0)


def metric(name: str) -> float:
    return REGISTRY.get_sample_value(name, {"service": "tiny"}) or 0


async def test_a_quiet_county_is_taken_while_another_floods(tmp_path: Path) -> None:
    async with flooded(tmp_path, 60) as (client, desk, flood):
        quiet = asyncio.create_task(ask(client, tmp_path, B))
        await desk.until_taken(OF_ONE + 1)
        assert desk.taken[-1] == B.county
        assert not any(task.done() for task in flood)
        assert (await client.get("/healthz")).status_code == 200
    assert (await quiet).status_code == 200
    assert {task.result().status_code for task in flood} == {200}


async def test_who_floods_while_others_wait_is_told_to_come_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "DELAY_SECONDS", 0)
    waiting = turns.BOUNDS.line
    async with flooded(tmp_path, OF_ONE + waiting) as (client, _, flood):
        others = [asyncio.create_task(ask(client, tmp_path, share)) for share in (B, C, B)]
        await until_waiting(waiting + 1)
        told = metric("cunjing_http_requests_over_share_total")
        refused = await ask(client, tmp_path, A)
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "2")
        assert problem_of(refused)["code"] == "over_share"
        assert metric("cunjing_http_requests_over_share_total") == told + 1
        assert not any(task.done() for task in (*flood, *others))
    assert {(await other).status_code for other in others} == {200}


async def test_who_waits_too_long_is_told_and_leaves_the_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(edge, "DELAY_SECONDS", 0)
    async with flooded(tmp_path, OF_ONE) as (client, desk, _):
        monkeypatch.setattr(turns, "MOST_SECONDS", 0.01)
        assert (await ask(client, tmp_path, A)).status_code == 429
        monkeypatch.setattr(turns, "MOST_SECONDS", 600)
        waits = asyncio.create_task(ask(client, tmp_path, A))
        desk.go.release()
        await desk.until_taken(OF_ONE + 1)
        desk.go.release()
    assert (await waits).status_code == 200
