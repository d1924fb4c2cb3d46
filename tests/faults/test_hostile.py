"""Whatever one township sends, no process ends, no answer is our own mistake, and everybody else is served."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from itertools import cycle
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest

from demo.county import xihua
from demo.loader import load_county
from demo.month import Month, plan_month
from shared.security.dev_issuer import issue_token
from tests.e2e.conftest import EVERY_SCOPE, County, running_county
from tests.faults.conftest import Keep
from tests.faults.hostile import Hostile, calm_people, visit

AT_ONCE = 3
GOAL = 1.0
PATIENCE = 60.0
NO_REUSE = httpx.Limits(max_keepalive_connections=0)
"""A connection that idles is closed by the server, perhaps just as we send."""
THINGS = ("organisations", "areas", "officers", "assignments", "groups")


@pytest.fixture(scope="module")
def county(stack_folder: Path) -> Iterator[County]:
    stack_folder.chmod(0o755)
    with running_county(stack_folder / "hostile") as running:
        yield running


async def test_no_input_ends_a_process_or_keeps_others_waiting(county: County, keep: Keep) -> None:
    month = await _settled_in(county)
    hostile = Hostile("hostile", month, await _states(county, month.county.stations[0].township.code), county.at.secret)
    before = await _start_times(county)
    seconds = 600
    answers, waits = await _through(county, hostile, month, seconds)
    await asyncio.to_thread(county.settle)
    assert await _start_times(county) == before, "a process was started again"
    assert {status: n for status, n in answers.items() if status in (500, 502)} == {}
    assert waits[-1] < PATIENCE
    p99 = waits[int(len(waits) * 0.99) - 1]
    assert p99 <= GOAL
    keep(
        21,
        "bad and huge input",
        f"{answers.total():,} requests in {seconds} s, {sum(n for s, n in answers.items() if s >= 400):,} refused",
        f"processes ended 0, answers 500 0; others' sheets p50 {waits[len(waits) // 2]:.2f} s, p99 {p99:.2f} s "
        f"(goal {GOAL:.0f}) of {len(waits)}",
    )


async def _settled_in(county: County) -> Month:
    """A county with its people, and nothing done yet; the calm ones' sheets are there."""
    month = plan_month(xihua(), 0.02)
    async with county.api("personnel") as personnel:
        await load_county(personnel, month.county)
    await asyncio.to_thread(county.settle)
    return month


async def _states(county: County, township: str) -> Mapping[str, Any]:
    async with county.api("personnel") as personnel:
        found = {name: (await personnel.get(f"/v1/{name}", division=township, limit=50))["items"] for name in THINGS}
    return {name: states for name, states in found.items() if states}


async def _through(county: County, hostile: Hostile, month: Month, seconds: float) -> tuple[Counter[int], list[float]]:
    """Answers to the hostile by status, and how long each calm officer's visit took to his sheet, sorted."""
    answers: Counter[int] = Counter()
    waits: list[float] = []
    requests = iter(hostile)
    until = time.monotonic() + seconds
    async with (
        _clients(county, hostile.township) as theirs,
        _clients(county, "") as ours,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(AT_ONCE):
            group.create_task(_flood(theirs, requests, answers, until))
        group.create_task(_probe(ours, month, hostile.township, waits, until))
    return answers, sorted(waits)


async def _flood(
    clients: Mapping[str, httpx.AsyncClient], requests: Iterator[Any], answers: Counter[int], until: float
) -> None:
    while time.monotonic() < until:
        sent = next(requests)
        answer = await clients[sent.service].request(sent.method, sent.path, content=sent.body, headers=sent.headers)
        answers[answer.status_code] += 1
        assert answer.status_code != 500, (sent.method, sent.path, sent.body[:2000], answer.text)


async def _probe(
    clients: Mapping[str, httpx.AsyncClient], month: Month, township: str, waits: list[float], until: float
) -> None:
    random = Random("calm")
    for person in cycle(calm_people(month.county, township)):
        if time.monotonic() > until:
            return
        item = visit(person, random)
        sent = await clients["fieldwork"].post("/v1/sync", json={"items": [item]})
        assert sent.json()["items"][0]["outcome"] == "created", sent.text
        began = time.monotonic()
        await _on_the_sheet(clients["scoring"], str(person.officer_id), item["id"])
        waits.append(time.monotonic() - began)


async def _on_the_sheet(scoring: httpx.AsyncClient, officer: str, activity: str) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            asked = {"period": "2026-10", "detail": "facts"}
            sheet = await scoring.get(f"/v1/officers/{officer}/sheet", params=asked)
            if activity in sheet.text:
                return
            await asyncio.sleep(0.05)


async def _start_times(county: County) -> dict[str, str]:
    """When each process began, by its own word."""
    found = {}
    async with httpx.AsyncClient(timeout=PATIENCE, trust_env=False) as client:
        for name, address in county.stack.plan.addresses().items():
            lines = (await client.get(f"{address}/metrics")).text.splitlines()
            found[name] = next(line for line in lines if line.startswith("process_start_time_seconds "))
    return found


@asynccontextmanager
async def _clients(county: County, division: str) -> AsyncIterator[Mapping[str, httpx.AsyncClient]]:
    token = issue_token(county.at.issuer_key, subject=f"test {division}", scopes=EVERY_SCOPE, division=division)
    headers = {"Authorization": f"Bearer {token}"}
    clients = {
        name: httpx.AsyncClient(base_url=address, headers=headers, limits=NO_REUSE, timeout=PATIENCE, trust_env=False)
        for name, address in county.at.services.items()
    }
    yield clients
    for client in clients.values():
        await client.aclose()
