"""Requests that are right in everything but one text, where personal data is planted: they get past the first check."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import httpx

from demo.county import COUNTY, xihua
from demo.result import Result
from services.intel.rules.signature import sign
from shared.ids import new_id
from tests.e2e.canary import CANARY, CITIZEN_NUMBER, each_text_replaced
from tests.e2e.conftest import County

PLAN = xihua()
# Nobody's sheet: a village without an auxiliary, and its community officer, whose post no scheme scores.
VILLAGE = PLAN.gaps[0].code
AREA = PLAN.area_of[VILLAGE]
STATION = str(AREA.station.org_id)
OFFICER = {"id": str(PLAN.officer_of[AREA.area_id].officer_id)}
HEAD = {"id": str(PLAN.head_of[AREA.station.org_id].officer_id)}

Body = dict[str, Any]

CSV = f"code,name,streetCode\n{VILLAGE},{CANARY},{VILLAGE[:9]}\n"


def _own(name: str) -> Body:
    return {"system": "e2e", "id": name}


_VISIT: Body = {
    **{"type": "activity", "id": _own("visit"), "officer": OFFICER, "village": VILLAGE, "kind": "household_visit"},
    **{"from": "2026-10-20T09:00:00+08:00", "quantity": "1", "unit": "household", "target_key": "household"},
    **{"details": {"purposes": ["law"]}, "matter_id": _own("matter"), "note": "示例"},
}
_ARRIVAL: Body = {"type": "arrival", "id": _own("arrival"), "officer": OFFICER, "village": VILLAGE}
_DEPARTURE: Body = {"type": "departure", "id": _own("departure"), "session": _own("arrival")}
_VERIFY: Body = {
    **{"verdict": "verify", "activity_id": _own("visit"), "verified_by": HEAD, "method": "desk", "effective": "yes"},
    **{"true_situation": True, "record_seen": True, "signature_seen": True, "reason": "seen"},
}
_REJECT: Body = {
    **{"verdict": "reject", "activity_id": _own("mistake"), "verified_by": HEAD},
    **{"cause": "withdrawn", "reason": "by_mistake"},
}
_CERTIFICATE: Body = {
    **{"id": _own("certificate"), "village": VILLAGE, "of": "dispute"},
    **{"month": "2026-10", "certified_by": HEAD},
}
_REPORT: Body = {
    **{"id": _own("report"), "kind": "dispute", "category": "neighbours", "village": VILLAGE, "reporter": OFFICER},
    **{"noticed_at": "2026-10-20T09:00:00+08:00", "signs": ["violence"], "summary": "示例"},
}

_WORK: tuple[tuple[str, str, Body], ...] = (
    ("foreign-villages", "items", {"system": "e2e", "id": "village", "village": VILLAGE}),
    ("sync", "items", _VISIT),
    ("sync", "items", _VISIT | {"id": _own("mistake")}),
    ("sync", "items", _ARRIVAL | {"at": "2026-10-20T08:00:00+08:00"}),
    ("sync", "items", _DEPARTURE | {"at": "2026-10-20T17:00:00+08:00"}),
    ("activities/verifications", "verdicts", _VERIFY),
    ("activities/verifications", "verdicts", _REJECT),
    ("certificates", "items", _CERTIFICATE),
    ("rosters", "items", {"officer": OFFICER, "day": "2026-10-20", "entered_by": HEAD, "reason": "late_entry"}),
)


def planted_requests(county: County, result: Result) -> Iterator[httpx.Response]:
    """What the services say to them."""
    with county.client("personnel") as personnel, county.client("fieldwork") as fieldwork:
        yield from _states(personnel)
        yield from _work(fieldwork)
    with county.client("intel") as intel:
        yield from _reports(intel, county)
        yield from _callbacks(intel, county.at.secret, result)


def _states(personnel: httpx.Client) -> Iterator[httpx.Response]:
    """Every thing personnel holds, as it is, with one text after the other replaced; and a division file."""
    for things in ("organisations", "areas", "officers", "assignments", "groups", "bindings"):
        found = personnel.get(f"/v1/{things}", params={"division": COUNTY, "limit": 1}).json()["items"]
        for planted in each_text_replaced(found[0]):
            yield personnel.put(f"/v1/{things}", json={"items": [planted]})
    asked = {"kind": "villages", "valid_from": "2026-10-01"}
    csv = {"Content-Type": "text/csv"}
    yield personnel.post("/v1/divisions/imports", params=asked, content=CSV.encode(), headers=csv)


def _work(fieldwork: httpx.Client) -> Iterator[httpx.Response]:
    """What phones send and leaders decide."""
    for path, name, body in _WORK:
        for planted in _variants(body):
            yield fieldwork.post(f"/v1/{path}", json={name: [planted]})
    yield fieldwork.post("/v1/sync", json={"items": [_VISIT | {"id": str(new_id()), "details": {CANARY: "law"}}]})


def _reports(intel: httpx.Client, county: County) -> Iterator[httpx.Response]:
    """While the station's address is planted, so that its orders go astray; afterwards it gets them."""
    kept = {"url": f"{county.at.stations}/orders/{STATION}", "secret": county.at.secret}
    for endpoint in (*each_text_replaced(kept), kept | {"url": f"https://127.0.0.1:1/{CITIZEN_NUMBER}"}):
        yield intel.put(f"/v1/endpoints/{STATION}", json=endpoint)
    for planted in _variants(_REPORT):
        yield intel.post("/v1/reports", json=planted)
    yield intel.put(f"/v1/endpoints/{STATION}", json=kept)


def _callbacks(intel: httpx.Client, secret: str, result: Result) -> Iterator[httpx.Response]:
    """A station's signed word on an order it was given."""
    report, now = result.content["reports"][0], datetime.now(UTC)
    said = {
        **{"order_id": report["order"]["order_id"], "event": "accepted", "at": now.isoformat()},
        **{"outcome": "resolved", "reason": "on_the_way", "handler_name": "示例"},
    }
    for planted in each_text_replaced(said):
        body = json.dumps(planted, ensure_ascii=False)
        headers = sign(secret, str(new_id()), now, body)
        yield intel.post(f"/v1/station-callbacks/{report['station']}", content=body.encode(), headers=headers)


def _variants(body: Body) -> Iterator[Body]:
    """As it is, and with one text after the other replaced, each under an id of its own."""
    yield body
    for planted in each_text_replaced(body):
        same = "id" in body and planted["id"] == body["id"]
        yield {**planted, "id": str(new_id())} if same else planted
