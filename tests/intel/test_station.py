"""The whole way over real HTTP: intel's API, its delivery loop, and the station simulator as a process of its own."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import httpx

from services.intel.app import create_app
from tests.intel.conftest import MakeLoop
from tests.intel.support import SECRET, STATION, Intel, running, serving, until

ROOT = Path(__file__).parents[2]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def test_an_order_is_delivered_accepted_and_closed_by_a_station_of_its_own(
    intel: Intel, make_loop: MakeLoop
) -> None:
    port = free_port()
    report = await intel.ordered()
    await intel.put_endpoint(f"http://127.0.0.1:{port}/orders/{STATION}")
    async with serving(create_app(intel.settings)) as api:
        arguments = ("--port", str(port), "--secret", SECRET, "--callback-url", f"{api}/v1/station-callbacks")
        station = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "demo.station", *arguments, "--fail-first", "2", "--think-seconds", "0.05", cwd=ROOT
        )
        try:
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", trust_env=False) as client:
                await until(lambda: _answers(client))
                async with running(make_loop().run):
                    await until(lambda: _is_closed(intel, report["report_id"]))
                seen = (await client.get("/seen")).json()
        finally:
            station.terminate()
            await station.wait()

    assert [order["answered"] for order in seen["orders"]] == [503, 503, 202]
    assert len({order["id"] for order in seen["orders"]}) == 1
    assert [(call["event"], call["status"]) for call in seen["calls"]] == [
        ("received", 200),
        ("accepted", 200),
        ("accepted", 200),  # the same call again, on purpose
        ("closed", 200),
    ]
    steps = [data.get("step") for name, data, _ in await intel.facts() if name == "report_acknowledged"]
    assert steps == ["received", "accepted"]
    assert (await intel.names())[-1] == "report_closed"
    timeline = (await intel.report(report["report_id"]))["timeline"]
    assert [m["code"] for m in timeline if m["what"] == "attempt"] == ["503", "503", "202"]


async def _answers(client: httpx.AsyncClient) -> bool:
    try:
        return (await client.get("/seen")).is_success
    except httpx.TransportError:
        return False


async def _is_closed(intel: Intel, report_id: str) -> bool:
    return bool((await intel.report(report_id))["state"] == "closed")
