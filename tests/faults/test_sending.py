"""Beside fifty stations that accept a call and then send a byte a minute, the healthy ones get their orders in time."""

from __future__ import annotations

import asyncio
import statistics
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from uuid import UUID

import httpx
import pytest

from services.intel.app import MIGRATIONS, create_app
from services.intel.service.sending import Sending
from services.intel.settings import IntelSettings
from shared.database.migrate import migrate
from shared.database.unit import Database
from shared.security.dev_issuer import ensure_dev_keys
from shared.security.vault import Vault
from tests.faults.conftest import Keep, pick
from tests.intel.sending import dripping, proven, send, stations
from tests.intel.support import BINDING, Intel, Receiver, running, serving, until
from tests.settings import without_broker

HEALTHY, SILENT, WORKERS = 10, 50, 2
GROWTH = 2.0


@pytest.fixture
async def intel(make_database: Callable[[], str], stack_folder: Path) -> AsyncIterator[Intel]:
    """The API of a county, and what its workers deliver for."""
    url, keys = make_database(), ensure_dev_keys(stack_folder / "intel-keys")
    await migrate(url, MIGRATIONS)
    settings = without_broker(IntelSettings, "intel", url, keys)
    app, database = create_app(settings), Database(url)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://intel") as client:
        intel = Intel(client, database, settings, keys)
        await intel.learn(BINDING)
        yield intel
    await database.close()
    await app.state.database.close()


@pytest.mark.parametrize("known", [False, True], ids=["new", "worked-before"])
async def test_silent_stations_delay_no_healthy_one(intel: Intel, keep: Keep, known: bool) -> None:
    rounds = pick(4, 60)
    server = Receiver()
    async with serving(server.app()) as well, dripping() as silent:
        healthy = await stations(intel, well, HEALTHY)
        databases = [Database(intel.database.url) for _ in range(WORKERS)]
        loops = [Sending(own, Vault.load(intel.settings.encryption_keys), intel.settings).run for own in databases]
        async with running(*loops):
            alone = await _seconds(intel, healthy, rounds)
            fifty = await stations(intel, silent, SILENT)
            if known:
                await proven(intel, *fifty)
            await send(intel, fifty, 10)
            await until(lambda: _called(intel, fifty))
            beside = await _seconds(intel, healthy, rounds)
        for own in databases:
            await own.close()
    was, grown = _p99(alone), _p99(beside) - _p99(alone)
    assert grown <= GROWTH, (was, grown)
    kind = "stations that worked before" if known else "new stations"
    figure = f"p99 {was * 1000:.0f} ms alone, {_p99(beside) * 1000:.0f} ms beside"
    keep(20, "a share for every endpoint", f"{SILENT} {kind} that drip, {len(beside)} orders to {HEALTHY}", figure)


async def _seconds(intel: Intel, healthy: Sequence[UUID], rounds: int) -> list[float]:
    """From the commit of a delivery to the answer of the station, for one at a time to every healthy station."""
    began = intel.database.clock()
    for _ in range(rounds):
        await send(intel, healthy)
        await asyncio.sleep(0.2)  # orders come now and then, not all in one heap
    await until(lambda: _all_delivered(intel, healthy), seconds=60)
    query = "SELECT delivered_at - created_at AS took FROM delivery WHERE station = ANY(:orgs) AND created_at >= :began"
    rows = await intel.rows(query, orgs=healthy, began=began)
    return [row.took.total_seconds() for row in rows]


def _p99(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=100, method="inclusive")[-1]


async def _all_delivered(intel: Intel, org_ids: Sequence[UUID]) -> bool:
    query = "SELECT 1 FROM delivery WHERE station = ANY(:orgs) AND state <> 'delivered'"
    return not await intel.rows(query, orgs=org_ids)


async def _called(intel: Intel, org_ids: Sequence[UUID]) -> bool:
    query = "SELECT count(DISTINCT station) AS n FROM delivery WHERE station = ANY(:orgs) AND lease_token IS NOT NULL"
    return bool((await intel.rows(query, orgs=org_ids))[0].n == len(org_ids))
