from __future__ import annotations

import asyncio
from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared.clock import SHANGHAI
from shared.contracts.personnel import AssignmentV1
from shared.ids import new_id
from tests.fieldwork.support import (
    AREA,
    AUXILIARY,
    BINDING,
    COUNTY_LEADER,
    DEPUTY,
    LEADER,
    OFFICER,
    OTHER_COUNTY_VILLAGE,
    STATION,
    STRANGER,
    VILLAGE,
    WORLD,
    Fieldwork,
    certificate,
    codes,
    organisation,
    outcomes,
    person,
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


@pytest.mark.parametrize(
    ("day", "code"), [(25, "fieldwork.in_the_future"), (30, "fieldwork.in_the_future"), (31, None)]
)
async def test_a_month_is_certified_on_its_last_day_or_later(fieldwork: Fieldwork, day: int, code: str | None) -> None:
    fieldwork.time.now = datetime(2026, 10, day, 10, tzinfo=SHANGHAI)
    assert codes(await fieldwork.certify(certificate(month="2026-10"))) == [code]


async def test_the_last_day_is_the_last_day_in_shanghai(fieldwork: Fieldwork) -> None:
    fieldwork.time.now = datetime(2026, 10, 30, 15, 59, tzinfo=UTC)
    assert codes(await fieldwork.certify(certificate(month="2026-10"))) == ["fieldwork.in_the_future"]
    fieldwork.time.move(minutes=1)
    assert outcomes(await fieldwork.certify(certificate(month="2026-10"))) == ["created"]


async def test_an_auxiliary_certifies_nobodys_village_quiet(fieldwork: Fieldwork) -> None:
    other, of_deputy = new_id(), {"certified_by": {"id": str(DEPUTY)}}
    await fieldwork.learn(person(other, "F009", "auxiliary"))
    his_own = certificate(certified_by={"id": str(AUXILIARY)})
    told = await fieldwork.certify(his_own, certificate(certified_by={"id": str(other)}), certificate(**of_deputy))
    assert codes(told) == ["fieldwork.own_sheet", "fieldwork.post_may_not_act", None]
    assert [one.get("problem", {}).get("status") for one in told.json()["items"]] == [403, 403, None]
    assert len(await fieldwork.facts()) == 1


VILLAGE_OR_AREA = {
    "the village": ("village", VILLAGE),
    "its area": ("area", str(AREA)),
}


@pytest.mark.parametrize("where", VILLAGE_OR_AREA)
@pytest.mark.parametrize(
    ("first", "last", "refused"),
    [
        (date(2026, 9, 30), None, True),
        (date(2026, 10, 1), None, False),
        (date(2020, 1, 1), date(2026, 9, 1), True),
        (date(2020, 1, 1), date(2026, 8, 31), False),
    ],
)
async def test_nobody_certifies_a_month_that_feeds_his_own_sheet(
    fieldwork: Fieldwork, where: str, first: date, last: date | None, refused: bool
) -> None:
    kind, place = VILLAGE_OR_AREA[where]
    posted = {"officer_id": OFFICER, "post": "community_officer", "where": {"type": kind, "id": place}}
    valid = {"assignment_id": new_id(), "role": "main", "valid": {"from": first, "to": last}}
    await fieldwork.learn(AssignmentV1.model_validate(posted | valid))
    told = await fieldwork.certify(certificate(certified_by={"id": str(OFFICER)}))
    assert codes(told) == ["fieldwork.own_sheet" if refused else None]


async def test_without_a_scheme_nobody_has_said_who_certifies(blank: Fieldwork) -> None:
    await blank.learn(*(data for data in WORLD if data is not BINDING))
    told = await blank.certify(certificate())
    assert (outcomes(told), codes(told)) == (["retryable"], ["fieldwork.scheme_unknown_yet"])
    shadow = BINDING.model_copy(update={"use": "shadow"})
    await blank.learn(shadow)
    assert codes(await blank.certify(certificate())) == ["fieldwork.scheme_unknown_yet"]
    await blank.learn(BINDING)
    assert outcomes(await blank.certify(certificate())) == ["created"]


async def test_while_nobody_has_told_of_his_office_a_certificate_may_be_sent_again(fieldwork: Fieldwork) -> None:
    office, newcomer = new_id(), new_id()
    await fieldwork.learn(person(newcomer, "000078", station=office))
    item = certificate(certified_by={"id": str(newcomer)})
    assert codes(await fieldwork.certify(item)) == ["fieldwork.station_unknown_yet"]
    await fieldwork.learn(organisation(office, "station", "411622200000"))
    assert codes(await fieldwork.certify(item)) == ["fieldwork.not_the_station"]


async def test_a_revoked_certificate_makes_room_for_another(fieldwork: Fieldwork) -> None:
    item = certificate()
    await fieldwork.certify(item)
    assert (await revoke(fieldwork, item)).json()["state"] == "revoked"
    (audited,) = await fieldwork.rows("SELECT reason FROM audit WHERE action = 'fieldwork.revoke_certificate'")
    assert audited.reason == "dispute_found"
    assert (await revoke(fieldwork, item)).json()["code"] == "fieldwork.already_revoked"
    assert outcomes(await fieldwork.certify(certificate())) == ["created"]
    states = [(fact["certificate_id"], fact["state"]) for fact in await fieldwork.facts()]
    assert states[:2] == [(item["id"], "in_force"), (item["id"], "revoked")]


async def test_only_the_station_revokes_what_exists(fieldwork: Fieldwork) -> None:
    item = certificate()
    await fieldwork.certify(item)
    stranger = await revoke(fieldwork, item, revoked_by={"id": str(STRANGER)})
    assert (stranger.status_code, stranger.json()["code"]) == (403, "fieldwork.not_the_station")
    auxiliary = await revoke(fieldwork, item, revoked_by={"id": str(AUXILIARY)})
    assert (auxiliary.status_code, auxiliary.json()["code"]) == (403, "fieldwork.post_may_not_act")
    assert (await revoke(fieldwork, {"id": str(new_id())})).status_code == 404
    assert len(await fieldwork.facts()) == 1
