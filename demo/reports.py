"""The two reports that must reach a police station, and waiting until the station has dealt with them."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections.abc import Iterator
from typing import Any

from demo.clients import Api, Unexpected
from demo.county import SYSTEM
from demo.month import PETITION, Month
from shared.ids import foreign_id

PAUSE = 0.2
LONGEST_WAIT = 60.0

Report = dict[str, Any]


def new_secret() -> str:
    """What a station's system and the county sign with."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(32)).decode()}"


def reports(month: Month) -> Iterator[Report]:
    """A dispute that may turn violent, reported by the area's officer; a petition sign, by the auxiliary himself."""
    county, dispute, petition = month.county, month.unsettled, month.overruled
    officer = county.officer_of[county.area_of[dispute.village].area_id]
    yield {
        "id": str(foreign_id(SYSTEM, f"report/{dispute.item['id']}")),
        "matter_id": dispute.item.get("matter_id"),  # one matter's code through all hands
        "kind": "dispute",
        "category": "neighbours",
        "village": dispute.village,
        "reporter": {"id": str(officer.officer_id)},
        "noticed_at": "2026-10-29T16:40:00+08:00",
        "signs": ["violence"],
        "summary": "演示:两户因宅基地边界多次争吵,一方扬言动手。",
    }
    yield {
        "id": {"system": SYSTEM, "id": f"petition/{petition.village}"},
        "matter_id": str(PETITION),
        "kind": "instability",
        "category": "unpaid_wages",
        "village": petition.village,
        "reporter": {"badge": petition.officer.badge},
        "noticed_at": "2026-10-30T09:15:00+08:00",
        "signs": ["group_petition", "crowd"],
        "summary": "演示:十余名务工人员商议集体上访讨要工资。",
    }


async def register_stations(intel: Api, month: Month, stations: str, secret: str) -> None:
    """Tell intel where each station's system listens."""
    for station in month.county.stations:
        endpoint = {"url": f"{stations}/orders/{station.org_id}", "secret": secret}
        await intel.put(f"/v1/endpoints/{station.org_id}", endpoint)


async def file_reports(intel: Api, month: Month) -> list[str]:
    """File both; their ids."""
    return [(await intel.post("/v1/reports", report))["report_id"] for report in reports(month)]


async def until_closed(intel: Api, report_ids: list[str]) -> list[Report]:
    """The reports with their timelines, once their stations have dealt with them."""
    return [await _closed(intel, report_id) for report_id in report_ids]


async def _closed(intel: Api, report_id: str) -> Report:
    report: Report = {}
    try:
        async with asyncio.timeout(LONGEST_WAIT):
            while report.get("state") != "closed":
                report = await intel.get(f"/v1/reports/{report_id}")
                await asyncio.sleep(PAUSE)
    except TimeoutError:
        raise Unexpected(f"report {report_id} is still {report.get('state')} after {LONGEST_WAIT:.0f} s") from None
    return report
