"""Load the county, work its month, report: the demonstration from the first request to the result."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from demo.backend import Backend
from demo.clients import Api
from demo.county import COUNTY, xihua
from demo.flow import until_quiet
from demo.loader import load_county
from demo.month import Month, plan_month
from demo.reports import file_reports, register_stations, until_closed
from demo.result import Json, Result, collect
from shared.security.dev_issuer import issue_token

Progress = Callable[[str, Literal["running", "done", "failed"], str], None]

STEPS = ("county", "phones", "leaders", "reports", "quiet", "result")

_OPERATOR = (
    "personnel:write",
    "personnel:bindings",
    "personnel:read",
    "intel:operate",
    "intel:read",
    "scoring:read",
    "ops",
)
_BACKEND = ("fieldwork:sync", "fieldwork:verify", "fieldwork:read", "intel:report", "act-as", "act-as:verify")


@dataclass(frozen=True)
class Addresses:
    """Where everything is: the four APIs by name, the stations' systems and the secret shared with them."""

    services: dict[str, str]
    stations: str
    secret: str
    issuer_key: Path


@dataclass
class Steps:
    """Tells of each step as it begins and ends; why one failed is told by whoever catches the error."""

    progress: Progress

    @asynccontextmanager
    async def step(self, name: str) -> AsyncIterator[Callable[[str], None]]:
        """The work of one step; what it yields takes news while it runs."""
        said = [""]

        def tell(detail: str) -> None:
            said[0] = detail

        self.progress(name, "running", "")
        try:
            yield tell
        except Exception:
            self.progress(name, "failed", "")
            raise
        self.progress(name, "done", said[0])


def work_county(at: Addresses, progress: Progress) -> Result:
    """Everything from loading to the result. Run again on the same data it changes nothing and reports the same."""
    return asyncio.run(run(at, progress))


async def run(at: Addresses, progress: Progress, scale: float = 1.0) -> Result:
    """As `work_county`, inside an event loop; `scale` is the share of the county's published work."""
    steps = Steps(progress)
    async with AsyncExitStack() as stack:
        operator = {name: await stack.enter_async_context(api) for name, api in _apis(at, "operator", "", _OPERATOR)}
        backend = {name: await stack.enter_async_context(api) for name, api in _apis(at, "app", COUNTY, _BACKEND)}
        month = await _load(steps, operator["personnel"], scale)
        worker = Backend(backend["fieldwork"], month)
        async with asyncio.TaskGroup() as side_by_side:
            side_by_side.create_task(_work(steps, worker))
            reporting = side_by_side.create_task(_reports(steps, operator["intel"], backend["intel"], month, at))
        async with steps.step("quiet") as tell:
            check = await until_quiet(operator)
            tell(str(check))
        async with steps.step("result"):
            return await collect(operator, worker, month, reporting.result(), check, scale)


async def _load(steps: Steps, personnel: Api, scale: float) -> Month:
    async with steps.step("county") as tell:
        county = xihua()
        planning = asyncio.create_task(asyncio.to_thread(plan_month, county, scale))
        await load_county(personnel, county)
        tell(f"{len(county.villages)} villages, {len(list(county.people))} people")
        return await planning


async def _work(steps: Steps, worker: Backend) -> None:
    if await worker.is_done():
        for name in ("phones", "leaders"):
            steps.progress(name, "done", "the whole month is in already")
        return
    async with steps.step("phones") as tell:
        await worker.send()
        tell(f"{worker.phones.batches} batches, {worker.phones.outcomes['created']:,} items created")
    async with steps.step("leaders") as tell:
        await worker.certify()
        await worker.decide()
        tell(f"{worker.leaders.outcomes['created']:,} verdicts, certificates and rostered days")


async def _reports(steps: Steps, operator: Api, backend: Api, month: Month, at: Addresses) -> list[Json]:
    async with steps.step("reports") as tell:
        await register_stations(operator, month, at.stations, at.secret)
        closed = await until_closed(operator, await file_reports(backend, month))
        tell(", ".join(f"{report['kind']} {report['state']}" for report in closed))
        return closed


def _apis(at: Addresses, subject: str, division: str, scopes: tuple[str, ...]) -> list[tuple[str, Api]]:
    token = issue_token(at.issuer_key, subject=f"demo-{subject}", scopes=scopes, division=division)
    return [(name, Api(address, token)) for name, address in at.services.items()]
