from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.fieldwork.repository import activities, changes
from services.fieldwork.repository.changes import Change
from shared.ids import county_id, new_id
from shared.security.principal import Principal
from tests.fieldwork.support import (
    ASSIGNMENT,
    AUXILIARY,
    COUNTY,
    FAR_VILLAGE,
    NEXT_VILLAGE,
    OFFICER,
    OTHER_COUNTY_VILLAGE,
    VILLAGE,
    Fieldwork,
    arrival,
    assignment,
    codes,
    departure,
    outcomes,
    person,
    rejection,
    visit,
)

DELIVERY = {"item": "id_card", "collected_on": "2026-10-18", "delivered_at": "2026-10-20T09:10:00+08:00"}
DELIVERED: dict[str, Any] = {"kind": "certificate_delivery", "unit": "item", "details": DELIVERY}


async def test_details_are_published_as_they_came(fieldwork: Fieldwork) -> None:
    await fieldwork.recorded(**DELIVERED)
    assert [fact["details"] for fact in await fieldwork.facts()] == [DELIVERY]


async def test_an_activity_is_kept_and_published_once(fieldwork: Fieldwork) -> None:
    item = visit(target_key="户-0001")
    answer = await fieldwork.sync(item)
    assert (answer.status_code, outcomes(answer)) == (200, ["created"])
    (fact,) = await fieldwork.facts()
    assert (fact["activity_id"], fact["author"], fact["done_by"]) == (item["id"], str(AUXILIARY), str(AUXILIARY))
    assert (fact["village"], fact["quantity"], fact["details"]) == (VILLAGE, "3", {"purposes": ["law"]})
    (stream,) = await fieldwork.rows("SELECT topic, stream_key, sequence FROM outbox")
    assert tuple(stream) == ("fieldwork.activity", str(AUXILIARY), 1)


async def test_a_target_leaves_only_as_a_keyed_hash(fieldwork: Fieldwork) -> None:
    await fieldwork.recorded(target_key="户-0001", note="家中老人独居")
    await fieldwork.recorded(target_key="户-0001")
    keys = [fact["target_key"] for fact in await fieldwork.facts()]
    assert keys[0] == keys[1]
    assert len(keys[0]) == 64
    (row, _) = await fieldwork.rows("SELECT CAST(activity AS text) AS said FROM activity ORDER BY recorded_at, note")
    assert "户-0001" not in row.said
    assert (
        "家中老人独居".encode() not in (await fieldwork.rows("SELECT note FROM activity WHERE note IS NOT NULL"))[0][0]
    )


async def test_sent_again_it_is_a_duplicate_and_other_content_a_conflict(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded()
    again = await fieldwork.sync(item | {"from": "2026-10-20T01:00:00Z", "quantity": "3.0"})
    assert (again.status_code, outcomes(again)) == (200, ["duplicate"])
    other = await fieldwork.sync(item | {"quantity": "30"})
    assert (other.status_code, outcomes(other), codes(other)) == (207, ["conflict"], ["fieldwork.content_conflict"])
    assert [row.quantity for row in await fieldwork.rows("SELECT quantity FROM activity")] == [3]
    assert len(await fieldwork.facts()) == 1


async def test_of_two_items_with_one_id_the_first_wins(fieldwork: Fieldwork) -> None:
    item = visit()
    answer = await fieldwork.sync(item | {"quantity": "-1"}, item, item, item | {"quantity": "4"})
    assert outcomes(answer) == ["rejected", "created", "duplicate", "conflict"]
    assert [fact["quantity"] for fact in await fieldwork.facts()] == ["3"]


async def test_an_id_is_used_up_only_by_created(fieldwork: Fieldwork) -> None:
    item = visit(kind="unheard_of")
    assert codes(await fieldwork.sync(item)) == ["fieldwork.unknown_kind"]
    assert outcomes(await fieldwork.sync(item | {"kind": "household_visit"})) == ["created"]


async def test_foreign_ids_badges_and_long_codes_name_the_same_things(fieldwork: Fieldwork) -> None:
    names = {"items": [{"system": "provincial-app", "id": "V7", "village": VILLAGE}]}
    assert outcomes(await fieldwork.post("/v1/foreign-villages", names)) == ["created"]
    foreign = {"system": "provincial-app", "id": "A-1"}
    answer = await fieldwork.sync(
        visit(id=foreign, officer={"badge": "F001"}, village=f"{VILLAGE}000"),
        visit(officer={"system": "app", "id": "auxiliary"}, village={"system": "provincial-app", "id": "V7"}),
    )
    assert outcomes(answer) == ["created", "created"]
    first, second = await fieldwork.facts()
    assert first["activity_id"] == str(county_id(COUNTY, "provincial-app", "A-1"))
    assert first["author"] == second["author"] == str(AUXILIARY)
    assert first["village"] == second["village"] == VILLAGE


async def test_a_foreign_name_is_given_to_a_whole_code(fieldwork: Fieldwork) -> None:
    names = {"items": [{"system": "provincial-app", "id": "V7", "village": "4116221002011"}]}
    assert codes(await fieldwork.post("/v1/foreign-villages", names)) == ["fieldwork.invalid_item"]


async def test_a_badge_that_several_officers_have_names_none_of_them(fieldwork: Fieldwork) -> None:
    namesake = person(new_id(), "F001", "auxiliary")
    await fieldwork.learn(namesake)
    answer = await fieldwork.sync(visit(officer={"badge": "F001"}), visit())
    assert (outcomes(answer), codes(answer)) == (["rejected", "created"], ["fieldwork.badge_shared", None])
    await fieldwork.learn(namesake.model_copy(update={"status": "left"}))
    assert outcomes(await fieldwork.sync(visit(officer={"badge": "F001"}))) == ["created"]
    assert {fact["author"] for fact in await fieldwork.facts()} == {str(AUXILIARY)}


async def test_who_acts_for_himself_learns_of_no_other_badge(fieldwork: Fieldwork) -> None:
    own = {"scopes": ["fieldwork:sync"], "officer_id": AUXILIARY}
    answer = await fieldwork.sync(visit(officer={"badge": "000007"}), visit(officer={"badge": "nobody"}), **own)
    assert codes(answer) == ["act_as_required", "act_as_required"]


async def test_who_is_not_known_yet_may_be_sent_again(fieldwork: Fieldwork) -> None:
    newcomer = new_id()
    item = visit(officer={"id": str(newcomer)})
    answer = await fieldwork.sync(item)
    assert (outcomes(answer), codes(answer)) == (["retryable"], ["fieldwork.officer_unknown_yet"])
    await fieldwork.learn(person(newcomer, "F002", "auxiliary"))
    assert outcomes(await fieldwork.sync(item)) == ["created"]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"village": "411622100299"}, "fieldwork.village_unknown_yet"),
        ({"done_by": {"badge": "nobody"}}, "fieldwork.officer_unknown_yet"),
        ({"with_officer": {"badge": "nobody"}}, "fieldwork.officer_unknown_yet"),
        ({"from": "2019-01-01T09:00:00+08:00"}, "fieldwork.scheme_unknown_yet"),
    ],
)
async def test_what_is_not_known_yet_is_retryable(fieldwork: Fieldwork, changes: dict[str, Any], code: str) -> None:
    answer = await fieldwork.sync(visit(**changes))
    assert (outcomes(answer), codes(answer)) == (["retryable"], [code])


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"from": "2026-10-23T20:00:00+08:00"}, "fieldwork.in_the_future"),
        ({"to": "2026-10-23T20:00:00+08:00"}, "fieldwork.in_the_future"),
        ({"to": "2026-10-20T08:00:00+08:00"}, "fieldwork.ends_before_it_begins"),
        ({"from": "2026-10-20T09:00:00"}, "fieldwork.invalid_item"),
        ({"quantity": "0"}, "fieldwork.invalid_item"),
        ({"quantity": "NaN"}, "fieldwork.invalid_item"),
        ({"officer": {"name": "某人"}}, "fieldwork.invalid_item"),
        ({"village": "411622"}, "fieldwork.invalid_item"),
        ({"id": 7}, "fieldwork.invalid_item"),
        ({"misspelt": 1}, "fieldwork.invalid_item"),
        ({"evidence": [{"kind": "photo", "sha256": "x"}]}, "fieldwork.invalid_item"),
        ({"note": "字" * 1001}, "fieldwork.invalid_item"),
        ({"type": "party"}, "fieldwork.invalid_item"),
        ({"kind": "unheard_of"}, "fieldwork.unknown_kind"),
        ({"details": {"purposes": ["gossip"]}}, "fieldwork.details_invalid"),
        ({"details": {"purposes": ["law"] * 60_000}}, "fieldwork.details_invalid"),
        (
            DELIVERED | {"details": DELIVERY | {"delivered_at": "0001-01-01T00:00:00+08:00"}},
            "fieldwork.details_invalid",
        ),
        (DELIVERED | {"details": DELIVERY | {"collected_on": "1999-12-31"}}, "fieldwork.details_invalid"),
        ({"details": {"colour": 9**99}}, "fieldwork.invalid_item"),
        ({"unit": "item"}, "fieldwork.details_invalid"),
        ({"village": OTHER_COUNTY_VILLAGE}, "fieldwork.outside_jurisdiction"),
        ({"village": "000000000000"}, "fieldwork.outside_jurisdiction"),
    ],
)
async def test_a_bad_item_is_rejected_and_spoils_nothing(
    fieldwork: Fieldwork, changes: dict[str, Any], code: str
) -> None:
    answer = await fieldwork.sync(visit(), visit(**changes), visit())
    assert (answer.status_code, outcomes(answer)) == (207, ["created", "rejected", "created"])
    assert codes(answer)[1] == code
    assert len(await fieldwork.facts()) == 2


@pytest.mark.parametrize("item", [None, 7, "text", [], {}, {"type": []}, {"type": "activity"}, {"type": "arrival"}])
async def test_what_is_no_item_is_rejected(fieldwork: Fieldwork, item: Any) -> None:
    assert codes(await fieldwork.sync(item)) == ["fieldwork.invalid_item"]


async def test_a_phone_three_minutes_fast_is_fine(fieldwork: Fieldwork) -> None:
    assert outcomes(await fieldwork.sync(visit(**{"from": "2026-10-20T20:03:00+08:00"}))) == ["created"]


async def test_restricted_work_of_an_auxiliary_needs_the_officer_present(fieldwork: Fieldwork) -> None:
    item = visit(kind="key_person_visit", unit="person", details={})
    alone = await fieldwork.sync(item, item | {"id": str(new_id()), "with_officer": {"id": str(AUXILIARY)}})
    assert codes(alone) == ["fieldwork.officer_presence_required"] * 2
    assert outcomes(await fieldwork.sync(item | {"with_officer": {"id": str(OFFICER)}})) == ["created"]
    (row,) = await fieldwork.rows("SELECT attributes FROM outbox")
    assert row.attributes["ce_classification"] == "restricted"


async def test_personal_numbers_in_details_are_refused(fieldwork: Fieldwork) -> None:
    details = {"mode": "foot", "night": True, "people": 13812345678}
    answer = await fieldwork.sync(visit(kind="patrol", unit="time", details=details))
    assert codes(answer) == ["fieldwork.personal_data"]
    assert "13812345678" not in answer.text


async def test_details_hold_codes_and_no_free_text(fieldwork: Fieldwork) -> None:
    def patrol(hot_spot: str) -> dict[str, Any]:
        return visit(kind="patrol", unit="time", details={"mode": "foot", "night": True, "hot_spot": hot_spot})

    answer = await fieldwork.sync(patrol("school_gate"), patrol("张三家门口"), patrol("zhang san"))
    assert codes(answer) == [None, "fieldwork.details_invalid", "fieldwork.details_invalid"]


async def test_501_items_are_too_many_and_none_too_few(fieldwork: Fieldwork) -> None:
    assert (await fieldwork.sync(*(visit() for _ in range(501)))).status_code == 422
    assert (await fieldwork.sync()).status_code == 422
    assert await fieldwork.rows("SELECT id FROM activity") == []


async def test_500_items_are_kept_in_one_call(fieldwork: Fieldwork) -> None:
    answer = await fieldwork.sync(*(visit() for _ in range(500)))
    assert (answer.status_code, set(outcomes(answer))) == (200, {"created"})
    assert len(await fieldwork.facts()) == 500


async def test_acting_for_others_needs_the_scope(fieldwork: Fieldwork) -> None:
    own = {"scopes": ["fieldwork:sync"], "officer_id": AUXILIARY}
    answer = await fieldwork.sync(visit(), visit(officer={"badge": "F001"}), visit(officer={"id": str(OFFICER)}), **own)
    assert (outcomes(answer), codes(answer)[2]) == (["created", "created", "rejected"], "act_as_required")


async def test_the_scope_of_the_route_is_required(fieldwork: Fieldwork) -> None:
    assert (await fieldwork.sync(visit(), scopes=["fieldwork:read"])).status_code == 403
    assert (await fieldwork.client.post("/v1/sync", json={"items": [visit()]})).status_code == 401


async def test_another_countys_token_reaches_nothing(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded()
    answer = await fieldwork.sync(item, arrival("2026-10-20T09:00:00+08:00"), division="411623")
    assert codes(answer) == ["fieldwork.outside_jurisdiction"] * 2
    assert (await fieldwork.get(f"/v1/activities/{item['id']}", division="411623")).status_code == 404


async def test_work_outside_is_kept_and_marked_when_read(fieldwork: Fieldwork) -> None:
    inside, outside = visit(), visit(village=FAR_VILLAGE)
    answer = await fieldwork.sync(inside, outside)
    assert [item["outside_assignment"] for item in answer.json()["items"]] == [False, True]
    assert (await fieldwork.get(f"/v1/activities/{outside['id']}")).json()["outside_assignment"] is True
    await fieldwork.learn(assignment(FAR_VILLAGE, id=ASSIGNMENT))
    assert (await fieldwork.get(f"/v1/activities/{outside['id']}")).json()["outside_assignment"] is False


async def test_work_counts_for_who_did_it(fieldwork: Fieldwork) -> None:
    await fieldwork.recorded(officer={"id": str(OFFICER)}, done_by={"id": str(AUXILIARY)})
    (stream,) = await fieldwork.rows("SELECT stream_key, attributes FROM outbox")
    assert (stream.stream_key, stream.attributes["ce_actor"]) == (str(AUXILIARY), str(OFFICER))


async def test_the_same_batch_posted_ten_times_at_once_creates_once(fieldwork: Fieldwork) -> None:
    batch = [visit() for _ in range(50)] + [arrival("2026-10-20T09:00:00+08:00")]
    answers = await asyncio.gather(
        *(fieldwork.sync(*reversed(batch)) for _ in range(5)), *(fieldwork.sync(*batch) for _ in range(5))
    )
    told = [outcome for answer in answers for outcome in outcomes(answer)]
    assert (told.count("created"), told.count("duplicate")) == (51, 9 * 51)
    assert len(await fieldwork.facts("activity_recorded")) == 50


async def test_a_newer_entry_takes_the_place_of_the_older_in_any_order(fieldwork: Fieldwork) -> None:
    older = visit()
    newer = visit(quantity="2", supersedes=older["id"])
    await fieldwork.sync(newer)
    await fieldwork.sync(older)
    assert await fieldwork.names() == ["activity_recorded", "activity_recorded", "activity_rejected"]
    (rejected,) = await fieldwork.facts("rejected")
    assert (rejected["activity_id"], rejected["cause"]) == (older["id"], "superseded")
    assert (await fieldwork.get(f"/v1/activities/{older['id']}")).json()["state"] == "superseded"


async def test_of_two_writers_at_once_that_bring_the_older_and_the_newer_one_sees_both(fieldwork: Fieldwork) -> None:
    older = visit()
    async with fieldwork.database.unit() as unit:
        await changes.append(unit.connection, [Change(VILLAGE, "activity", new_id(), "recorded")], unit.now)
        writers = [asyncio.create_task(fieldwork.sync(item)) for item in (visit(supersedes=older["id"]), older)]
        await fieldwork.until_blocked(*writers)
    assert [outcomes(await writer) for writer in writers] == [["created"], ["created"]]
    assert [fact["activity_id"] for fact in await fieldwork.facts("rejected")] == [older["id"]]


async def test_who_supersedes_waits_for_a_verdict_before_the_county_waits_for_him(fieldwork: Fieldwork) -> None:
    older = await fieldwork.recorded()
    async with fieldwork.database.unit() as unit:
        deciding = Principal("backend", frozenset(), COUNTY, "internal", None)
        await activities.lock(unit.connection, [UUID(older["id"])], deciding)
        newer = asyncio.create_task(fieldwork.sync(visit(supersedes=older["id"])))
        await fieldwork.until_blocked(newer)
        await unit.connection.execute(text("SET LOCAL lock_timeout = '300ms'"))
        await changes.append(unit.connection, [Change(VILLAGE, "activity", new_id(), "verified")], unit.now)
    assert outcomes(await newer) == ["created"]
    assert [fact["activity_id"] for fact in await fieldwork.facts("rejected")] == [older["id"]]


async def test_what_the_station_rejected_is_not_superseded(fieldwork: Fieldwork) -> None:
    older = await fieldwork.recorded()
    await fieldwork.decide(rejection(older, cause="fraud", reason="made_up"))
    newer = await fieldwork.recorded(supersedes=older["id"])
    states = {id: (await fieldwork.get(f"/v1/activities/{id}")).json()["state"] for id in (older["id"], newer["id"])}
    assert states == {older["id"]: "rejected", newer["id"]: "waiting"}
    assert [fact["cause"] for fact in await fieldwork.facts("rejected")] == ["fraud"]


async def test_nobody_supersedes_anothers_entry(fieldwork: Fieldwork) -> None:
    older = await fieldwork.recorded()
    answer = await fieldwork.sync(visit(officer={"id": str(OFFICER)}, supersedes=older["id"]))
    assert (outcomes(answer), codes(answer)) == (["rejected"], ["fieldwork.corrects_anothers"])
    assert await fieldwork.facts("rejected") == []


async def test_a_departure_needs_its_arrival_and_closes_it_once(fieldwork: Fieldwork) -> None:
    came = arrival("2026-10-20T09:00:00+08:00")
    left = departure(came, "2026-10-20T11:00:00+08:00")
    assert codes(await fieldwork.sync(left)) == ["fieldwork.session_unknown_yet"]
    assert outcomes(await fieldwork.sync(left, came, left)) == ["created", "created", "duplicate"]
    again = await fieldwork.sync(departure(came, "2026-10-20T12:00:00+08:00"))
    assert (outcomes(again), codes(again)) == (["conflict"], ["fieldwork.session_closed"])
    assert outcomes(await fieldwork.sync(came | {"village": NEXT_VILLAGE})) == ["conflict"]


@pytest.mark.parametrize(
    ("at", "code"),
    [
        ("2026-10-20T08:00:00+08:00", "fieldwork.ends_before_it_begins"),
        ("2026-10-23T08:00:00+08:00", "fieldwork.in_the_future"),
    ],
)
async def test_an_impossible_departure_is_rejected(fieldwork: Fieldwork, at: str, code: str) -> None:
    came = arrival("2026-10-20T09:00:00+08:00")
    await fieldwork.sync(came)
    assert codes(await fieldwork.sync(departure(came, at))) == [code]


async def test_who_sent_for_whom_is_audited(fieldwork: Fieldwork) -> None:
    await fieldwork.sync(visit(), visit(), visit(officer={"id": str(OFFICER)}), visit(quantity="0"))
    rows = await fieldwork.rows("SELECT subject, on_behalf_of, action, result FROM audit")
    assert {(row.subject, row.action) for row in rows} == {("backend", "fieldwork.sync")}
    told: dict[UUID | None, str] = {row.on_behalf_of: row.result for row in rows}
    assert told == {AUXILIARY: "2 created", OFFICER: "1 created", None: "1 rejected"}


async def test_a_detail_that_does_not_fit_is_named_with_what_belongs_there(fieldwork: Fieldwork) -> None:
    details = {"purposes": ["gossip"], "porpoises": "x", "11010519491231002X": "x"}
    [item] = (await fieldwork.sync(visit(details=details))).json()["items"]
    told = {fault["pointer"]: fault["message"] for fault in item["problem"]["errors"]}
    assert told.keys() == {"/details/purposes", "/details/porpoises", "/details/*"}
    assert told["/details/purposes"].startswith("应为数组,每项各不相同,只能是 law(")
    assert told["/details/porpoises"].startswith("没有这个字段,可用的有 purposes")
    assert told["/details/*"] == told["/details/porpoises"]


async def test_a_kind_that_no_scheme_has_is_told_with_those_there_are(fieldwork: Fieldwork) -> None:
    answer = await fieldwork.sync(visit(kind="fishing"))
    (error,) = answer.json()["items"][0]["problem"]["errors"]
    assert error["pointer"] == "/kind"
    assert "household_visit(入户走访)" in error["message"]
    assert "fishing" not in answer.text
