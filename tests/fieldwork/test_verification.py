from __future__ import annotations

import asyncio
from datetime import date
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.fieldwork.service.kinds import Kinds
from services.fieldwork.service.verification import Verification
from shared.contracts.base import Period
from shared.contracts.personnel import Where
from shared.ids import new_id
from shared.security.principal import Principal
from shared.security.vault import Vault
from tests.fieldwork.support import (
    AUXILIARY,
    COUNTY,
    COUNTY_LEADER,
    DEPUTY,
    FAR_STATION,
    FAR_VILLAGE,
    LEADER,
    NEXT_VILLAGE,
    OFFICER,
    STATION,
    STRANGER,
    VILLAGE,
    Fieldwork,
    certificate,
    codes,
    headship,
    organisation,
    outcomes,
    person,
    rejection,
    verdict,
    visit,
)


def verdict_id(answer: Any) -> str:
    return str(answer.json()["items"][0]["verdict_id"])


async def test_a_verified_activity_is_published_for_who_did_it(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded()
    answer = await fieldwork.decide(verdict(item, quantity="2"))
    assert (answer.status_code, outcomes(answer)) == (200, ["created"])
    (fact,) = await fieldwork.facts("verified")
    assert (fact["activity_id"], fact["officer_id"], fact["quantity"]) == (item["id"], str(AUXILIARY), "2")
    assert (fact["verified_by"], fact["verifier_org"]) == (str(LEADER), str(STATION))
    view = (await fieldwork.get(f"/v1/activities/{item['id']}")).json()
    assert (view["state"], view["verdict_id"]) == ("verified", verdict_id(answer))


async def test_a_verdict_without_a_quantity_counts_what_was_entered(fieldwork: Fieldwork) -> None:
    await fieldwork.decide(verdict(await fieldwork.recorded()))
    assert [fact["quantity"] for fact in await fieldwork.facts("verified")] == ["3"]


async def test_the_same_verdict_again_is_a_duplicate(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded()
    first = await fieldwork.decide(verdict(item))
    again = await fieldwork.decide(verdict(item))
    assert (again.status_code, outcomes(again), verdict_id(again)) == (200, ["duplicate"], verdict_id(first))
    assert len(await fieldwork.facts("verified")) == 1


async def test_nobody_verifies_his_own_work(fieldwork: Fieldwork) -> None:
    entered = await fieldwork.recorded(officer={"id": str(LEADER)}, done_by={"id": str(AUXILIARY)})
    done = await fieldwork.recorded(done_by={"id": str(LEADER)})
    answer = await fieldwork.decide(verdict(entered), verdict(done))
    assert codes(answer) == ["fieldwork.verifier_is_author"] * 2
    assert answer.json()["items"][0]["problem"]["status"] == 403


@pytest.mark.parametrize(
    ("by", "code"),
    [
        (LEADER, None),
        (DEPUTY, None),
        (COUNTY_LEADER, None),
        (STRANGER, "fieldwork.not_the_station"),
        (AUXILIARY, "fieldwork.post_may_not_act"),
    ],
)
async def test_the_villages_station_and_the_county_verify(fieldwork: Fieldwork, by: UUID, code: str | None) -> None:
    item = await fieldwork.recorded(officer={"id": str(OFFICER)})
    assert codes(await fieldwork.decide(verdict(item, by))) == [code]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"quantity": "4"}, "fieldwork.quantity_above_claimed"),
        ({"replaces": str(new_id())}, "fieldwork.nothing_to_replace"),
        ({"verified_by": {"badge": "nobody"}}, "fieldwork.officer_unknown_yet"),
        ({"activity_id": str(new_id())}, "fieldwork.activity_not_found"),
        ({"verdict": "maybe"}, "fieldwork.invalid_item"),
        ({"method": "guess"}, "fieldwork.invalid_item"),
        ({"reason": "电话13812345678"}, "fieldwork.invalid_item"),
    ],
)
async def test_a_bad_verdict_spoils_no_other(fieldwork: Fieldwork, changes: dict[str, Any], code: str) -> None:
    good, bad = await fieldwork.recorded(), await fieldwork.recorded()
    answer = await fieldwork.decide(verdict(bad) | changes, verdict(good))
    assert (answer.status_code, codes(answer)) == (207, [code, None])
    assert [fact["activity_id"] for fact in await fieldwork.facts("verified")] == [good["id"]]
    assert "13812345678" not in answer.text


async def test_a_verdict_is_replaced_from_above_with_a_reason(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded()
    first = verdict_id(await fieldwork.decide(verdict(item, DEPUTY)))
    assert codes(await fieldwork.decide(rejection(item, LEADER))) == ["fieldwork.already_decided"]
    equal = rejection(item, OFFICER, replaces=first, cause="recheck_failed")
    assert codes(await fieldwork.decide(equal)) == ["fieldwork.replacer_not_above"]
    second = await fieldwork.decide(rejection(item, LEADER, replaces=first, cause="recheck_failed"))
    assert outcomes(second) == ["created"]
    back = verdict(item, DEPUTY, replaces=verdict_id(second), reason="record_found")
    assert codes(await fieldwork.decide(back)) == ["fieldwork.replacer_not_above"]
    third = verdict(item, COUNTY_LEADER, replaces=verdict_id(second))
    assert codes(await fieldwork.decide(third)) == ["fieldwork.reason_required"]
    assert outcomes(await fieldwork.decide(third | {"reason": "record_found"})) == ["created"]
    assert (await fieldwork.names())[1:] == ["activity_verified", "activity_rejected", "activity_verified"]
    history = (await fieldwork.get(f"/v1/activities/{item['id']}")).json()["history"]
    assert [(row["verdict"], row["decided_by"]) for row in history] == [
        ("verify", str(DEPUTY)),
        ("reject", str(LEADER)),
        ("verify", str(COUNTY_LEADER)),
    ]


async def test_whoever_gave_a_verdict_replaces_it_with_a_reason(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded()
    first = verdict_id(await fieldwork.decide(verdict(item, DEPUTY)))
    assert outcomes(await fieldwork.decide(rejection(item, DEPUTY, replaces=first))) == ["created"]


async def test_a_verdict_keeps_the_rank_of_the_day_it_was_given(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded()
    first = verdict_id(await fieldwork.decide(verdict(item, LEADER)))
    fieldwork.time.move(days=2)
    # The head moves on; whoever follows him is his equal, not above him.
    await fieldwork.learn(headship(DEPUTY, valid=Period(since=date(2026, 10, 21))))
    before = Period(since=date(2020, 1, 1), until=date(2026, 10, 20))
    await fieldwork.learn(headship(LEADER, valid=before).model_copy(update={"assignment_id": new_id()}))
    overruled = rejection(item, DEPUTY, replaces=first)
    assert codes(await fieldwork.decide(overruled)) == ["fieldwork.replacer_not_above"]


async def test_a_head_of_another_station_is_none_here(fieldwork: Fieldwork) -> None:
    elsewhere = headship().model_copy(update={"where": Where(type="org", id=str(FAR_STATION))})
    await fieldwork.learn(elsewhere)
    item = await fieldwork.recorded()
    first = verdict_id(await fieldwork.decide(verdict(item, DEPUTY)))
    told = await fieldwork.decide(rejection(item, LEADER, replaces=first))
    assert codes(told) == ["fieldwork.replacer_not_above"]


async def test_what_an_auxiliary_once_verified_the_station_replaces(fieldwork: Fieldwork) -> None:
    """Kept from the time when anybody of the station could verify: no post acts below it."""
    item = await fieldwork.recorded(officer={"id": str(OFFICER)})
    first = verdict_id(await fieldwork.decide(verdict(item, DEPUTY)))
    async with fieldwork.database.unit() as unit:
        await unit.connection.execute(text("UPDATE verdict SET decided_by = :by"), {"by": AUXILIARY})
    assert outcomes(await fieldwork.decide(rejection(item, DEPUTY, replaces=first))) == ["created"]


async def test_who_was_present_as_the_officer_does_not_verify(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded(
        kind="key_person_visit", unit="person", details={}, with_officer={"id": str(OFFICER)}
    )
    present = await fieldwork.decide(verdict(item, OFFICER), clearance="restricted")
    assert codes(present) == ["fieldwork.verifier_was_present"]
    assert present.json()["items"][0]["problem"]["status"] == 403
    assert outcomes(await fieldwork.decide(verdict(item, DEPUTY), clearance="restricted")) == ["created"]


@pytest.mark.parametrize("kind", ["auxiliary", "volunteer"])
async def test_neither_auxiliaries_nor_volunteers_decide_about_anything(fieldwork: Fieldwork, kind: str) -> None:
    helper = new_id()
    await fieldwork.learn(person(helper, "Z009", kind))
    item = await fieldwork.recorded()
    first = verdict_id(await fieldwork.decide(verdict(other := await fieldwork.recorded(), LEADER)))
    replaced = rejection(other, helper, cause="recheck_failed", replaces=first)
    told = await fieldwork.decide(verdict(item, helper), replaced)
    assert codes(told) == ["fieldwork.post_may_not_act"] * 2
    assert [one["problem"]["status"] for one in told.json()["items"]] == [403, 403]
    certified = await fieldwork.certify(certificate(certified_by={"id": str(helper)}))
    assert codes(certified) == ["fieldwork.post_may_not_act"]
    assert codes(await fieldwork.roster("2026-10-25", by=helper)) == ["fieldwork.post_may_not_act"]


async def test_of_two_verdicts_at_once_the_second_is_told_of_the_first(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded()
    who = Principal("backend", frozenset(("act-as:verify",)), COUNTY, "internal", None)
    async with fieldwork.database.unit() as unit:
        vault = Vault.load(fieldwork.keys.encryption_keys_path)
        (first,) = await Verification(unit, who, Kinds(None), vault).decide([verdict(item)])
        second = asyncio.create_task(fieldwork.decide(rejection(item, DEPUTY)))
        await fieldwork.until_blocked(second)
    answer = await second
    assert (first["outcome"], outcomes(answer)) == ("created", ["conflict"])
    problem = answer.json()["items"][0]["problem"]
    assert (problem["status"], problem["code"]) == (409, "fieldwork.already_decided")
    assert problem["verdict_id"] == first["verdict_id"]
    assert problem["decided_at"].startswith("2026-10-20T12:00:00")
    assert len(await fieldwork.names()) == 2


async def test_two_verdicts_on_one_activity_in_one_batch_are_not_both_kept(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded()
    answer = await fieldwork.decide(verdict(item, LEADER), verdict(item, LEADER), rejection(item, DEPUTY))
    assert outcomes(answer) == ["created", "duplicate", "conflict"]


async def test_a_superseded_activity_gets_no_verdict(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded()
    await fieldwork.decide(verdict(item))
    await fieldwork.recorded(supersedes=item["id"])
    assert (await fieldwork.names())[2:] == ["activity_recorded", "activity_rejected"]
    assert codes(await fieldwork.decide(verdict(item, DEPUTY))) == ["fieldwork.superseded"]


async def test_a_verdict_sent_again_after_its_activity_was_superseded_is_a_duplicate(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded()
    first = await fieldwork.decide(verdict(item))
    await fieldwork.recorded(supersedes=item["id"])
    again = await fieldwork.decide(verdict(item))
    assert (outcomes(again), verdict_id(again)) == (["duplicate"], verdict_id(first))


ORGANS = {
    "village_committee": (VILLAGE, False),
    "court": ("411622000000", False),
    "station": ("411622100000", False),  # the area's own station comes first
    "branch": ("411622100000", True),
    "bureau": ("411600000000", False),  # the city's does not decide about single visits
}


@pytest.mark.parametrize("kind", ORGANS)
async def test_only_the_responsible_station_and_public_security_above_it_decide(
    fieldwork: Fieldwork, kind: str
) -> None:
    (serves, allowed), org, member = ORGANS[kind], new_id(), new_id()
    await fieldwork.learn(organisation(org, kind, serves), person(member, "000077", station=org))
    answer = await fieldwork.decide(verdict(await fieldwork.recorded(), member))
    assert codes(answer) == [None if allowed else "fieldwork.not_the_station"]


@pytest.mark.parametrize("kind", ["village_committee", "court"])
async def test_only_the_responsible_stations_work_list_has_the_work(fieldwork: Fieldwork, kind: str) -> None:
    org = new_id()
    await fieldwork.learn(organisation(org, kind, FAR_VILLAGE))
    item = await fieldwork.recorded(village=FAR_VILLAGE)
    assert (await fieldwork.get(f"/v1/stations/{org}/waiting")).json()["items"] == []
    (waiting,) = (await fieldwork.get(f"/v1/stations/{FAR_STATION}/waiting")).json()["items"]
    assert waiting["id"] == item["id"]


async def test_verifying_for_others_needs_a_scope_of_its_own(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded()
    own = {"scopes": ["fieldwork:verify", "act-as"], "officer_id": LEADER}
    assert codes(await fieldwork.decide(verdict(item, DEPUTY), **own)) == ["act_as_required"]
    assert outcomes(await fieldwork.decide(verdict(item, LEADER), **own)) == ["created"]


async def test_restricted_work_exists_only_for_the_cleared(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded(
        kind="key_person_visit", unit="person", details={}, with_officer={"id": str(OFFICER)}, note="重点对象情况"
    )
    address = f"/v1/activities/{item['id']}"
    assert (await fieldwork.get(address)).status_code == 404
    assert codes(await fieldwork.decide(verdict(item))) == ["fieldwork.activity_not_found"]
    waiting = f"/v1/stations/{STATION}/waiting"
    assert (await fieldwork.get(waiting)).json()["items"] == []
    assert (await fieldwork.get(address, clearance="restricted")).json()["note"] == "重点对象情况"
    assert len((await fieldwork.get(waiting, clearance="restricted")).json()["items"]) == 1


async def test_each_request_that_shows_restricted_work_is_audited(fieldwork: Fieldwork) -> None:
    secret = {"kind": "key_person_visit", "unit": "person", "details": {}, "with_officer": {"id": str(OFFICER)}}
    one, other = await fieldwork.recorded(**secret), await fieldwork.recorded(**secret)
    await fieldwork.recorded()
    shown = {
        f"/v1/activities/{one['id']}": {one["id"]},
        f"/v1/stations/{STATION}/waiting": {one["id"], other["id"]},
        f"/v1/stations/{STATION}/waiting?limit=1": {one["id"]},
        "/v1/changes": {one["id"], other["id"]},
    }
    for address in shown:
        for clearance in ("restricted", "internal"):
            await fieldwork.get(address, clearance=clearance)
    read = await fieldwork.rows("SELECT object FROM audit WHERE action = 'fieldwork.read_restricted' ORDER BY id")
    assert [set(row.object.split()) for row in read] == list(shown.values())


async def test_a_reason_that_was_given_is_in_the_audit(fieldwork: Fieldwork) -> None:
    first, second, third = [await fieldwork.recorded() for _ in range(3)]
    wrong = [rejection(first, reason="no_record"), rejection(second, reason="not_seen")]
    await fieldwork.decide(*wrong, verdict(third))
    (row,) = await fieldwork.rows("SELECT result, reason FROM audit WHERE action = 'fieldwork.verify'")
    assert tuple(row) == ("3 created", "no_record, not_seen")


async def test_a_note_is_shown_to_who_needs_to_know(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded(note="邻里情况")
    address = f"/v1/activities/{item['id']}"
    assert (await fieldwork.get(address, scopes=["fieldwork:read"])).json()["note"] is None
    assert (await fieldwork.get(address, scopes=["fieldwork:read"], officer_id=AUXILIARY)).json()["note"] == "邻里情况"
    assert (await fieldwork.get(address)).json()["note"] == "邻里情况"
    assert all("note" not in fact for fact in await fieldwork.facts())


async def test_a_station_sees_what_waits_for_it_page_by_page(fieldwork: Fieldwork) -> None:
    items = [visit(**{"from": f"2026-10-20T0{hour}:00:00+08:00"}) for hour in (3, 1, 2)]
    elsewhere = visit(village=FAR_VILLAGE)
    await fieldwork.sync(*items, visit(village=NEXT_VILLAGE), elsewhere)
    await fieldwork.decide(verdict(items[2]))
    first = (await fieldwork.get(f"/v1/stations/{STATION}/waiting?limit=2")).json()
    second = (await fieldwork.get(f"/v1/stations/{STATION}/waiting?limit=2&after={first['next']}")).json()
    assert [item["id"] for item in first["items"]] == [items[1]["id"], items[0]["id"]]
    assert [item["village"] for item in second["items"]] == [NEXT_VILLAGE]
    assert second["next"] is None
    # A station without areas answers for the villages of the township it serves.
    far = (await fieldwork.get(f"/v1/stations/{FAR_STATION}/waiting")).json()["items"]
    assert [(item["id"], item["outside_assignment"]) for item in far] == [(elsewhere["id"], True)]


async def test_a_station_elsewhere_does_not_exist(fieldwork: Fieldwork) -> None:
    assert (await fieldwork.get(f"/v1/stations/{STATION}/waiting", division="411623")).status_code == 404
    assert (await fieldwork.get(f"/v1/stations/{STATION}/waiting?after=junk")).status_code == 400
