"""Whom and where items may name: the day of the act, the token's own officer or `act-as`, the token's jurisdiction."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from shared.contracts.base import Period
from shared.contracts.personnel import OfficerV1
from shared.ids import foreign_id, new_id
from tests.fieldwork.support import (
    ALWAYS,
    AUXILIARY,
    COUNTY,
    COUNTY_LEADER,
    DEPUTY,
    FAR_VILLAGE,
    LEADER,
    NEXT_VILLAGE,
    OFFICER,
    OTHER_COUNTY_VILLAGE,
    STATION,
    VILLAGE,
    Fieldwork,
    arrival,
    assignment,
    certificate,
    codes,
    departure,
    division,
    organisation,
    outcomes,
    person,
    verdict,
    visit,
)

THEIRS, THEIR_STATION = foreign_id("test", "theirs"), foreign_id("test", "their station")
PHONE: dict[str, Any] = {"scopes": ["fieldwork:sync"], "officer_id": AUXILIARY}
LEFT_ON = date(2026, 10, 15)


def ended(person: OfficerV1, **changes: Any) -> OfficerV1:
    return person.model_copy(update={"valid": Period(since=ALWAYS.since, until=LEFT_ON)} | changes)


STATES: dict[str, dict[str, Any]] = {
    "left": {"status": "left"},
    "account closed": {"account": "closed"},
    "erased": {"name": "", "badge": None},
}


@pytest.mark.parametrize("state", STATES)
async def test_who_is_gone_writes_nothing(fieldwork: Fieldwork, state: str) -> None:
    item, came = await fieldwork.recorded(), arrival("2026-10-20T09:00:00+08:00")
    await fieldwork.sync(came)
    entered = await fieldwork.roster("2026-10-18", by=DEPUTY, reason="late_entry")
    certified = certificate(of="instability")
    await fieldwork.certify(certified)
    await fieldwork.learn(*(who.model_copy(update=STATES[state]) for who in (AUX, HEAD)))
    told = [
        await fieldwork.sync(visit()),
        await fieldwork.sync(arrival("2026-10-20T09:00:00+08:00")),
        await fieldwork.sync(departure(came, "2026-10-20T12:00:00+08:00")),
        await fieldwork.sync(visit(officer={"id": str(OFFICER)}, done_by={"id": str(AUXILIARY)})),
        await fieldwork.sync(visit(with_officer={"id": str(LEADER)})),
        await fieldwork.decide(verdict(item)),
        await fieldwork.certify(certificate()),
        await fieldwork.roster("2026-10-25", by=LEADER, officer=OFFICER),
        await fieldwork.roster("2026-10-25", by=DEPUTY),
        await fieldwork.confirm(entered, LEADER),
    ]
    assert [codes(one) for one in told] == [["fieldwork.not_in_service"]] * len(told)
    own = await fieldwork.sync(visit(), **PHONE)
    assert codes(own) == ["fieldwork.not_in_service"]
    body = {"revoked_by": {"id": str(LEADER)}, "reason": "dispute_found"}
    revoked = await fieldwork.post(f"/v1/certificates/{certified['id']}/revocation", body)
    assert (revoked.status_code, revoked.json()["code"]) == (422, "fieldwork.not_in_service")


AUX, HEAD = person(AUXILIARY, "F001", "auxiliary"), person(LEADER, "000001")


async def test_the_day_of_the_act_decides_not_the_day_it_is_told(fieldwork: Fieldwork) -> None:
    came = arrival("2026-10-15T22:00:00+08:00")
    await fieldwork.sync(came)
    await fieldwork.learn(ended(AUX, status="left", account="closed"), ended(HEAD))
    last, after = {"from": "2026-10-15T23:59:00+08:00"}, {"from": "2026-10-16T00:00:00+08:00"}
    told = await fieldwork.sync(
        visit(**last),
        visit(**after),
        departure(came, "2026-10-15T23:00:00+08:00"),
        arrival("2026-10-16T09:00:00+08:00"),
    )
    assert codes(told) == [None, "fieldwork.not_in_service", None, "fieldwork.not_in_service"]
    # He decides today, whenever the work was done.
    item = await fieldwork.recorded(officer={"id": str(OFFICER)})
    assert codes(await fieldwork.decide(verdict(item, LEADER))) == ["fieldwork.not_in_service"]


async def test_an_item_kept_before_he_left_is_still_a_duplicate(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded()
    await fieldwork.learn(AUX.model_copy(update={"status": "left"}))
    assert outcomes(await fieldwork.sync(item)) == ["duplicate"]


async def test_who_left_decides_nothing_with_his_own_token_either(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded()
    own: dict[str, Any] = {"scopes": ["fieldwork:verify"], "officer_id": LEADER}
    await fieldwork.learn(HEAD.model_copy(update={"account": "closed"}))
    assert codes(await fieldwork.decide(verdict(item), **own)) == ["fieldwork.not_in_service"]


async def test_who_has_not_begun_decides_about_nothing(fieldwork: Fieldwork) -> None:
    await fieldwork.learn(HEAD.model_copy(update={"valid": Period(since=date(2026, 10, 21))}))
    assert codes(await fieldwork.certify(certificate())) == ["fieldwork.not_in_service"]


async def test_a_post_or_an_office_that_ended_decides_no_more(fieldwork: Fieldwork) -> None:
    over = Period(since=ALWAYS.since, until=LEFT_ON)
    closed = organisation(STATION, "station", "411622100000").model_copy(update={"valid": over})
    item = await fieldwork.recorded()
    await fieldwork.learn(closed)
    assert codes(await fieldwork.decide(verdict(item))) == ["fieldwork.not_the_station"]
    assert codes(await fieldwork.certify(certificate())) == ["fieldwork.not_the_station"]
    # Public security above it goes on.
    assert outcomes(await fieldwork.decide(verdict(item, COUNTY_LEADER))) == ["created"]


async def test_work_in_a_village_after_it_ended_is_refused(fieldwork: Fieldwork) -> None:
    over = Period(since=ALWAYS.since, until=date(2026, 9, 30))
    await fieldwork.learn(division(VILLAGE).model_copy(update={"valid": over}))
    named = {"items": [{"system": "app", "id": "V1", "village": VILLAGE}]}
    told = [
        await fieldwork.sync(visit()),
        await fieldwork.sync(arrival("2026-10-01T00:00:00+08:00")),
        await fieldwork.certify(certificate(month="2026-10")),
        await fieldwork.post("/v1/foreign-villages", named),
    ]
    assert [codes(one) for one in told] == [["fieldwork.village_ended"]] * len(told)
    late = {"from": "2026-09-30T23:00:00+08:00"}
    assert outcomes(await fieldwork.sync(visit(**late))) == ["created"]
    assert outcomes(await fieldwork.certify(certificate(month="2026-09"))) == ["created"]


async def test_a_badge_means_who_had_it_that_day(fieldwork: Fieldwork) -> None:
    heir = new_id()
    begun = Period(since=date(2026, 10, 16))
    await fieldwork.learn(
        ended(AUX, status="left"), person(heir, "F001", "auxiliary").model_copy(update={"valid": begun})
    )
    days = ({"from": f"2026-10-{day}T09:00:00+08:00"} for day in (15, 16))
    await fieldwork.sync(*(visit(officer={"badge": "F001"}, **day) for day in days))
    assert {fact["from"][:10]: fact["author"] for fact in await fieldwork.facts()} == {
        "2026-10-15": str(AUXILIARY),
        "2026-10-16": str(heir),
    }


# Another county with an officer of its own, whom no token of ours may name.
THEM = (
    organisation(THEIR_STATION, "station", "411623100000"),
    person(THEIRS, "B001", station=THEIR_STATION).model_copy(update={"employer": THEIR_STATION}),
)


async def test_a_phone_names_nobody_else_as_who_did_it(fieldwork: Fieldwork) -> None:
    await fieldwork.learn(*THEM)
    refs = ({"id": str(THEIRS)}, {"badge": "B001"}, {"id": str(OFFICER)}, {"badge": "000007"}, {"badge": "nobody"})
    told = await fieldwork.sync(*(visit(done_by=ref) for ref in refs), visit(done_by={"badge": "F001"}), **PHONE)
    problems = [item.get("problem") for item in told.json()["items"]]
    assert [problem and (problem["status"], problem["code"]) for problem in problems] == [
        *[(403, "act_as_required")] * 5,
        None,
    ]
    assert all(problem == problems[0] for problem in problems[:5])
    assert [fact["done_by"] for fact in await fieldwork.facts()] == [str(AUXILIARY)]


@pytest.mark.parametrize("field", ["officer", "done_by", "with_officer"])
async def test_with_act_as_an_officer_of_another_county_is_unknown(fieldwork: Fieldwork, field: str) -> None:
    await fieldwork.learn(*THEM)
    refs = [{"badge": "B001"}, {"badge": "nobody"}, {"id": str(THEIRS)}, {"id": str(new_id())}]
    item = visit()
    told = [await fieldwork.sync(item | {field: ref}) for ref in refs]
    assert codes(told[0]) == ["fieldwork.officer_unknown_yet"]
    assert len({one.content for one in told}) == 1
    assert await fieldwork.facts() == []


async def test_a_badge_of_another_county_does_not_hide_ours(fieldwork: Fieldwork) -> None:
    await fieldwork.learn(*THEM, person(new_id(), "B001"))
    assert outcomes(await fieldwork.sync(visit(officer={"badge": "B001"}))) == ["created"]


async def test_who_is_assigned_here_from_elsewhere_is_named_on_the_days_of_his_assignment(
    fieldwork: Fieldwork,
) -> None:
    posted = assignment(id=new_id()).model_copy(
        update={"officer_id": THEIRS, "valid": Period(since=ALWAYS.since, until=LEFT_ON)}
    )
    await fieldwork.learn(*THEM, posted)
    days = ({"from": f"2026-10-{day}T09:00:00+08:00"} for day in (15, 16))
    told = await fieldwork.sync(*(visit(officer={"badge": "B001"}, **day) for day in days))
    assert codes(told) == [None, "fieldwork.officer_unknown_yet"]


async def test_the_officer_present_is_a_statement_about_ones_own_station(fieldwork: Fieldwork) -> None:
    await fieldwork.learn(*THEM)
    item = visit(kind="key_person_visit", unit="person", details={})
    of_village = PHONE | {"division": VILLAGE}
    refs = ({"badge": "000007"}, {"badge": "000010"}, {"badge": "B001"}, {"badge": "nobody"}, {"badge": "000009"})
    told = await fieldwork.sync(*(item | {"id": str(new_id()), "with_officer": ref} for ref in refs), **of_village)
    unknown = "fieldwork.officer_unknown_yet"
    assert codes(told) == [None, None, unknown, unknown, unknown]
    problems = [one.get("problem") for one in told.json()["items"]]
    assert problems[2] == problems[3] == problems[4]


async def test_a_phone_leaves_for_nobody_else(fieldwork: Fieldwork) -> None:
    came = arrival("2026-10-20T09:00:00+08:00")
    await fieldwork.sync(came)
    other = {"scopes": ["fieldwork:sync"], "officer_id": OFFICER}
    assert codes(await fieldwork.sync(departure(came, "2026-10-20T11:00:00+08:00"), **other)) == ["act_as_required"]


@pytest.mark.parametrize("act", ["verify", "certify", "roster", "confirm", "revoke"])
async def test_act_as_alone_decides_about_nothing(fieldwork: Fieldwork, act: str) -> None:
    scopes = ["fieldwork:sync", "fieldwork:verify", "fieldwork:read", "act-as"]
    item, certified = await fieldwork.recorded(), certificate()
    await fieldwork.certify(certified)
    by, deputy = {"id": str(LEADER)}, {"id": str(DEPUTY)}
    entered = (await fieldwork.roster("2026-10-18", reason="late_entry")).json()["items"][0]
    rostered = {"officer": {"badge": "F001"}, "day": "2026-10-25", "entered_by": by}
    requests: dict[str, tuple[str, dict[str, Any]]] = {
        "verify": ("/v1/activities/verifications", {"verdicts": [verdict(item)]}),
        "certify": ("/v1/certificates", {"items": [certificate(of="instability")]}),
        "roster": ("/v1/rosters", {"items": [rostered]}),
        "confirm": (
            "/v1/rosters/confirmations",
            {"items": [{"id": entered["id"], "confirmed_by": deputy, "confirm": True}]},
        ),
        "revoke": (f"/v1/certificates/{certified['id']}/revocation", {"revoked_by": by, "reason": "dispute_found"}),
    }
    path, body = requests[act]
    refused = await fieldwork.post(path, body, scopes=scopes)
    told = refused.json() if act == "revoke" else refused.json()["items"][0]["problem"]
    assert (told["status"], told["code"]) == (403, "act_as_required")
    own = DEPUTY if act == "confirm" else LEADER
    assert (await fieldwork.post(path, body, scopes=["fieldwork:verify"], officer_id=own)).status_code == 200


async def test_a_decider_of_another_county_is_unknown(fieldwork: Fieldwork) -> None:
    await fieldwork.learn(*THEM)
    item = await fieldwork.recorded()
    told = [
        await fieldwork.decide(verdict(item) | {"verified_by": ref}) for ref in ({"badge": "B001"}, {"badge": "nobody"})
    ]
    assert codes(told[0]) == ["fieldwork.officer_unknown_yet"]
    assert told[0].content == told[1].content


def naming(village: str, name: str = "V7") -> dict[str, Any]:
    return {"items": [{"system": "provincial-app", "id": name, "village": village}]}


V7 = {"system": "provincial-app", "id": "V7"}


async def known_names(fieldwork: Fieldwork) -> list[tuple[str, str]]:
    rows = await fieldwork.rows("SELECT county, village FROM foreign_village ORDER BY county")
    return [(row.county, row.village) for row in rows]


async def test_naming_villages_needs_a_scope_of_its_own(fieldwork: Fieldwork) -> None:
    for scopes in (["fieldwork:sync"], ["fieldwork:sync", "act-as"], ["fieldwork:verify"]):
        refused = await fieldwork.post("/v1/foreign-villages", naming(VILLAGE), scopes=scopes, officer_id=AUXILIARY)
        assert (refused.status_code, refused.json()["code"]) == (403, "scope_missing")
    assert await known_names(fieldwork) == []


async def test_two_counties_call_their_own_villages_the_same(fieldwork: Fieldwork) -> None:
    await fieldwork.post("/v1/foreign-villages", naming(VILLAGE))
    theirs = await fieldwork.post("/v1/foreign-villages", naming(OTHER_COUNTY_VILLAGE), division="411623")
    assert outcomes(theirs) == ["created"]
    assert await known_names(fieldwork) == [(COUNTY, VILLAGE), ("411623", OTHER_COUNTY_VILLAGE)]
    assert outcomes(await fieldwork.sync(visit(village=V7))) == ["created"]
    assert [fact["village"] for fact in await fieldwork.facts()] == [VILLAGE]
    # Above the counties the name is not one village's; a code is.
    above = await fieldwork.sync(visit(village=V7), division="4116")
    assert codes(above) == ["fieldwork.foreign_name_shared"]


async def test_a_name_of_another_county_is_none_here(fieldwork: Fieldwork) -> None:
    await fieldwork.post("/v1/foreign-villages", naming(OTHER_COUNTY_VILLAGE), division="411623")
    assert codes(await fieldwork.sync(visit(village=V7))) == ["fieldwork.village_unknown_yet"]


async def test_the_later_word_for_a_name_counts_within_ones_own_part_of_the_county(fieldwork: Fieldwork) -> None:
    await fieldwork.post("/v1/foreign-villages", naming(VILLAGE))
    assert outcomes(await fieldwork.post("/v1/foreign-villages", naming(NEXT_VILLAGE))) == ["created"]
    assert await known_names(fieldwork) == [(COUNTY, NEXT_VILLAGE)]
    taken = await fieldwork.post("/v1/foreign-villages", naming(FAR_VILLAGE), division="411622200")
    assert codes(taken) == ["fieldwork.foreign_name_taken"]
    assert await known_names(fieldwork) == [(COUNTY, NEXT_VILLAGE)]
