from __future__ import annotations

import asyncio
from typing import Any

import pytest

from shared.ids import new_id
from tests.fieldwork.support import (
    COUNTY_LEADER,
    DEPUTY,
    LEADER,
    OTHER_COUNTY_VILLAGE,
    STATION,
    STRANGER,
    VILLAGE,
    Fieldwork,
    certificate,
    codes,
    outcomes,
)


async def revoke(fieldwork: Fieldwork, item: dict[str, Any], **changes: Any) -> Any:
    body = {"revoked_by": {"id": str(DEPUTY)}, "reason": "dispute_found"} | changes
    return await fieldwork.post(f"/v1/certificates/{item['id']}/revocation", body)


async def test_the_station_certifies_a_quiet_month(fieldwork: Fieldwork) -> None:
    item = certificate()
    answer = await fieldwork.certify(item)
    assert (answer.status_code, outcomes(answer)) == (200, ["created"])
    (fact,) = await fieldwork.facts("nothing_certified")
    assert (fact["certificate_id"], fact["village"], fact["of"]) == (item["id"], VILLAGE, "dispute")
    assert fact["month"] == {"from": "2026-09-01", "to": "2026-09-30"}
    assert (fact["certified_by"], fact["certifier_org"], fact["state"]) == (str(LEADER), str(STATION), "in_force")


async def test_sent_again_it_is_a_duplicate_and_other_content_a_conflict(fieldwork: Fieldwork) -> None:
    item = certificate()
    answer = await fieldwork.certify(item, item, item | {"of": "instability"})
    assert outcomes(answer) == ["created", "duplicate", "conflict"]
    assert len(await fieldwork.facts()) == 1


async def test_a_month_is_certified_once(fieldwork: Fieldwork) -> None:
    first = certificate()
    answers = await asyncio.gather(fieldwork.certify(first), fieldwork.certify(certificate()))
    told = [item for answer in answers for item in answer.json()["items"]]
    assert sorted(item["outcome"] for item in told) == ["conflict", "created"]
    (created,) = (item["id"] for item in told if item["outcome"] == "created")
    (problem,) = (item["problem"] for item in told if item["outcome"] == "conflict")
    assert (problem["code"], problem["certificate_id"]) == ("fieldwork.already_certified", created)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"certified_by": {"id": str(STRANGER)}}, "fieldwork.not_the_station"),
        ({"certified_by": {"id": str(COUNTY_LEADER)}}, "fieldwork.not_the_station"),
        ({"certified_by": {"badge": "nobody"}}, "fieldwork.officer_unknown_yet"),
        ({"village": "411622100299"}, "fieldwork.village_unknown_yet"),
        ({"village": OTHER_COUNTY_VILLAGE}, "fieldwork.outside_jurisdiction"),
        ({"month": "2026-11"}, "fieldwork.in_the_future"),
        ({"month": "2026-13"}, "fieldwork.invalid_item"),
        ({"month": "20２6-09"}, "fieldwork.invalid_item"),
        ({"of": "noise"}, "fieldwork.invalid_item"),
    ],
)
async def test_a_bad_certificate_spoils_no_other(fieldwork: Fieldwork, changes: dict[str, Any], code: str) -> None:
    answer = await fieldwork.certify(certificate() | changes, certificate(of="instability"))
    assert codes(answer) == [code, None]
    assert len(await fieldwork.facts()) == 1


async def test_a_revoked_certificate_makes_room_for_another(fieldwork: Fieldwork) -> None:
    item = certificate()
    await fieldwork.certify(item)
    assert (await revoke(fieldwork, item)).json()["state"] == "revoked"
    assert (await revoke(fieldwork, item)).json()["code"] == "fieldwork.already_revoked"
    assert outcomes(await fieldwork.certify(certificate())) == ["created"]
    states = [(fact["certificate_id"], fact["state"]) for fact in await fieldwork.facts()]
    assert states[:2] == [(item["id"], "in_force"), (item["id"], "revoked")]


async def test_only_the_station_revokes_what_exists(fieldwork: Fieldwork) -> None:
    item = certificate()
    await fieldwork.certify(item)
    stranger = await revoke(fieldwork, item, revoked_by={"id": str(STRANGER)})
    assert (stranger.status_code, stranger.json()["code"]) == (403, "fieldwork.not_the_station")
    assert (await revoke(fieldwork, {"id": str(new_id())})).status_code == 404
    assert len(await fieldwork.facts()) == 1
