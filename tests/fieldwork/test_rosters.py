from __future__ import annotations

import asyncio
from datetime import date
from typing import Any
from uuid import UUID

import pytest

from services.fieldwork.rules.rosters import Said, answer, lacks_reason, may_confirm, state
from services.fieldwork.service.days import mark_days_over
from shared.contracts.personnel import Where
from shared.ids import foreign_id
from tests.fieldwork.support import (
    AREA,
    AUXILIARY,
    COUNTY_LEADER,
    DEPUTY,
    LEADER,
    OFFICER,
    STRANGER,
    Fieldwork,
    arrival,
    assignment,
    codes,
    outcomes,
)

TOMORROW, TODAY, YESTERDAY = "2026-10-21", "2026-10-20", "2026-10-19"
ENTERED = {"officer": {"badge": "F001"}, "day": TOMORROW, "entered_by": {"badge": "000001"}}


async def attendance(fieldwork: Fieldwork) -> list[tuple[str, str, bool, int]]:
    await fieldwork.tick()
    facts = await fieldwork.facts("attendance")
    return [(fact["day"], fact["state"], fact["rostered"], fact["revision"]) for fact in facts]


async def feed(fieldwork: Fieldwork) -> list[tuple[str, str]]:
    items = (await fieldwork.get("/v1/changes")).json()["items"]
    return [(item["item_id"], item["what"]) for item in items if item["item_type"] == "roster"]


def states(told: Any) -> list[str | None]:
    return [item.get("state") for item in told.json()["items"]]


def ids(told: Any) -> list[str]:
    return [item["id"] for item in told.json()["items"]]


async def test_a_roster_entered_before_its_day_holds(fieldwork: Fieldwork) -> None:
    entered = await fieldwork.roster(TOMORROW)
    assert (entered.status_code, outcomes(entered), states(entered)) == (200, ["created"], ["holds"])
    fieldwork.time.move(days=2)
    assert await attendance(fieldwork) == [(TOMORROW, "absent", True, 1)]
    assert await feed(fieldwork) == [(*ids(entered), "recorded")]


@pytest.mark.parametrize("day", [TODAY, YESTERDAY])
async def test_a_day_that_has_come_counts_once_somebody_else_confirms_it(fieldwork: Fieldwork, day: str) -> None:
    assert codes(await fieldwork.roster(day)) == ["fieldwork.reason_required"]
    entered = await fieldwork.roster(day, reason="late_entry")
    assert (outcomes(entered), states(entered)) == (["created"], ["waiting"])
    fieldwork.time.move(days=1)
    assert await attendance(fieldwork) == []
    assert outcomes(await fieldwork.confirm(entered)) == ["created"]
    assert await attendance(fieldwork) == [(day, "absent", True, 1)]
    assert await feed(fieldwork) == [(*ids(entered), "to_confirm"), (*ids(entered), "confirmed")]


async def test_a_correction_that_is_refused_counts_for_nothing(fieldwork: Fieldwork) -> None:
    entered = await fieldwork.roster(YESTERDAY, reason="late_entry")
    assert codes(await fieldwork.confirm(entered, confirm=False)) == ["fieldwork.reason_required"]
    assert outcomes(await fieldwork.confirm(entered, confirm=False, reason="was_not_planned")) == ["created"]
    assert await attendance(fieldwork) == []
    assert await feed(fieldwork) == [(*ids(entered), "to_confirm"), (*ids(entered), "refused")]
    # Whoever knows better says it anew.
    assert states(await fieldwork.roster(YESTERDAY, reason="late_entry")) == ["waiting"]


async def test_a_day_is_taken_back_before_it_comes(fieldwork: Fieldwork) -> None:
    await fieldwork.roster(TOMORROW)
    withdrawn = await fieldwork.roster(TOMORROW, on_duty=False)
    assert (outcomes(withdrawn), states(withdrawn)) == (["created"], ["holds"])
    fieldwork.time.move(days=2)
    await fieldwork.sync(arrival(f"{TOMORROW}T09:00:00+08:00"))
    assert await attendance(fieldwork) == []
    assert [what for _, what in await feed(fieldwork)] == ["recorded", "withdrawn"]
    async with fieldwork.database.unit() as unit:
        await mark_days_over(unit)
    assert await fieldwork.rows("SELECT day FROM day_due") == []


async def test_a_day_taken_back_after_it_was_judged_asks_nothing_any_more(fieldwork: Fieldwork) -> None:
    await fieldwork.rostered(YESTERDAY)
    assert await attendance(fieldwork) == [(YESTERDAY, "absent", True, 1)]
    withdrawn = await fieldwork.roster(YESTERDAY, on_duty=False, reason="on_leave")
    assert len(await attendance(fieldwork)) == 1
    await fieldwork.confirm(withdrawn)
    assert (await attendance(fieldwork))[1:] == [(YESTERDAY, "excused", False, 2)]
    # An arrival told late changes nothing about a day that is not asked for; the next correction does.
    await fieldwork.sync(arrival(f"{YESTERDAY}T09:00:00+08:00"))
    assert len(await attendance(fieldwork)) == 2
    await fieldwork.rostered(YESTERDAY)
    assert (await attendance(fieldwork))[2:] == [(YESTERDAY, "present", True, 3)]
    kept = await fieldwork.rows("SELECT on_duty, state FROM roster_record ORDER BY recorded_at, id")
    assert [tuple(row) for row in kept] == [(True, "confirmed"), (False, "confirmed"), (True, "confirmed")]


async def test_the_same_again_is_a_duplicate_also_when_its_day_has_come(fieldwork: Fieldwork) -> None:
    first = await fieldwork.roster(TOMORROW, TOMORROW)
    assert (outcomes(first), states(first)) == (["created", "duplicate"], ["holds", "holds"])
    fieldwork.time.move(days=3)
    assert outcomes(await fieldwork.roster(TOMORROW)) == ["duplicate"]
    assert outcomes(await fieldwork.roster(TODAY, on_duty=False)) == ["duplicate"]
    entered = await fieldwork.roster(YESTERDAY, reason="late_entry")
    again = await fieldwork.roster(YESTERDAY, reason="late_entry")
    assert (outcomes(again), states(again), ids(again)) == (["duplicate"], ["waiting"], ids(entered))


async def test_the_opposite_of_what_waits_is_a_conflict(fieldwork: Fieldwork) -> None:
    await fieldwork.roster(YESTERDAY, reason="late_entry")
    against = await fieldwork.roster(YESTERDAY, on_duty=False, reason="on_leave")
    assert (outcomes(against), codes(against)) == (["conflict"], ["fieldwork.roster_contradicted"])
    both = [ENTERED, ENTERED | {"on_duty": False}]
    assert outcomes(await fieldwork.post("/v1/rosters", {"items": both})) == ["created", "conflict"]


async def test_of_two_who_correct_a_day_at_once_one_is_told_of_the_other(fieldwork: Fieldwork) -> None:
    answers = await asyncio.gather(
        *(fieldwork.roster(YESTERDAY, by=by, reason="late_entry") for by in (LEADER, DEPUTY, OFFICER))
    )
    assert sorted(outcome for told in answers for outcome in outcomes(told)) == ["created", "duplicate", "duplicate"]
    assert len({id for told in answers for id in ids(told)}) == 1


@pytest.mark.parametrize(
    ("by", "code"),
    [
        (LEADER, "fieldwork.own_roster"),  # he entered it
        (AUXILIARY, "fieldwork.own_roster"),  # it is about him
        (STRANGER, "fieldwork.not_the_station"),
        (DEPUTY, None),
        (COUNTY_LEADER, None),
    ],
)
async def test_who_confirms_a_correction(fieldwork: Fieldwork, by: UUID, code: str | None) -> None:
    entered = await fieldwork.roster(YESTERDAY, reason="late_entry")
    assert codes(await fieldwork.confirm(entered, by)) == [code]
    assert len(await attendance(fieldwork)) == (0 if code else 1)


async def test_a_correction_is_decided_once(fieldwork: Fieldwork) -> None:
    entered = await fieldwork.roster(YESTERDAY, reason="late_entry")
    first, again = await fieldwork.confirm(entered), await fieldwork.confirm(entered)
    assert (outcomes(first), outcomes(again)) == (["created"], ["duplicate"])
    other = await fieldwork.confirm(entered, OFFICER, confirm=False, reason="was_not_planned")
    assert (outcomes(other), codes(other)) == (["conflict"], ["fieldwork.roster_decided"])


async def test_what_held_from_the_beginning_is_not_confirmed(fieldwork: Fieldwork) -> None:
    assert codes(await fieldwork.confirm(await fieldwork.roster(TOMORROW))) == ["fieldwork.roster_decided"]


async def test_corrections_that_wait_are_listed_in_the_jurisdiction(fieldwork: Fieldwork) -> None:
    entered = await fieldwork.roster("2026-10-18", YESTERDAY, reason="late_entry")
    first = (await fieldwork.get("/v1/rosters/waiting?limit=1")).json()
    (second,) = (await fieldwork.get(f"/v1/rosters/waiting?after={first['next']}")).json()["items"]
    assert sorted([first["items"][0]["id"], second["id"]]) == sorted(ids(entered))
    assert (second["officer"], second["entered_by"], second["reason"]) == (str(AUXILIARY), str(LEADER), "late_entry")
    assert (await fieldwork.get("/v1/rosters/waiting", division="411623")).json()["items"] == []
    body = {"items": [{"id": second["id"], "confirmed_by": {"id": str(DEPUTY)}, "confirm": True}]}
    elsewhere = await fieldwork.post("/v1/rosters/confirmations", body, division="411623", officer_id=DEPUTY)
    assert codes(elsewhere) == ["fieldwork.roster_not_found"]
    await fieldwork.confirm(entered)
    assert (await fieldwork.get("/v1/rosters/waiting")).json()["items"] == []


@pytest.mark.parametrize(
    ("item", "code"),
    [
        (ENTERED | {"officer": {"badge": "nobody"}}, "fieldwork.officer_unknown_yet"),
        (ENTERED | {"entered_by": {"badge": "nobody"}}, "fieldwork.officer_unknown_yet"),
        (ENTERED | {"day": "soon"}, "fieldwork.invalid_item"),
        (ENTERED | {"on_duty": "maybe"}, "fieldwork.invalid_item"),
        ({"officer": {"badge": "F001"}, "day": TOMORROW}, "fieldwork.invalid_item"),
        (None, "fieldwork.invalid_item"),
    ],
)
async def test_a_bad_roster_item_is_told(fieldwork: Fieldwork, item: Any, code: str) -> None:
    assert codes(await fieldwork.post("/v1/rosters", {"items": [item]})) == [code]


@pytest.mark.parametrize(
    ("by", "code"),
    [
        (LEADER, None),
        (OFFICER, None),
        (COUNTY_LEADER, None),
        (STRANGER, "fieldwork.not_the_station"),
        (AUXILIARY, "fieldwork.own_roster"),
    ],
)
async def test_the_station_and_the_county_put_officers_on_duty(
    fieldwork: Fieldwork, by: UUID, code: str | None
) -> None:
    entered = await fieldwork.roster(TOMORROW, by=by)
    assert codes(entered) == [code]
    kept = await fieldwork.rows("SELECT entered_by FROM roster")
    assert [row.entered_by for row in kept] == ([] if code else [by])
    (audited,) = await fieldwork.rows("SELECT on_behalf_of, result FROM audit WHERE action = 'fieldwork.roster'")
    assert tuple(audited) == (by, "1 rejected" if code else "1 created")


async def test_no_auxiliary_puts_anybody_on_duty_and_nobody_himself(fieldwork: Fieldwork) -> None:
    assert codes(await fieldwork.roster(TOMORROW, by=AUXILIARY, officer=OFFICER)) == ["fieldwork.post_may_not_act"]
    assert codes(await fieldwork.roster(TOMORROW, by=LEADER, officer=LEADER)) == ["fieldwork.own_roster"]


async def test_an_officer_of_an_area_is_put_on_duty_by_its_station_on_days_he_is_posted_there(
    fieldwork: Fieldwork,
) -> None:
    posted = assignment(id=foreign_id("test", "area assignment"), since=date(2026, 10, 22)).model_copy(
        update={"officer_id": COUNTY_LEADER, "where": Where(type="area", id=str(AREA))}
    )
    assert codes(await fieldwork.roster("2026-10-22", officer=COUNTY_LEADER)) == ["fieldwork.not_the_station"]
    await fieldwork.learn(posted)
    told = await fieldwork.roster(TOMORROW, "2026-10-22", officer=COUNTY_LEADER)
    assert codes(told) == ["fieldwork.not_the_station", None]


async def test_rostering_needs_ones_own_token_or_act_as_verify(fieldwork: Fieldwork) -> None:
    own: dict[str, Any] = {"scopes": ["fieldwork:verify", "act-as"], "officer_id": DEPUTY}
    body = {"items": [ENTERED]}
    assert codes(await fieldwork.post("/v1/rosters", body, **own)) == ["act_as_required"]
    mine = {"items": [ENTERED | {"entered_by": {"id": str(DEPUTY)}}]}
    assert outcomes(await fieldwork.post("/v1/rosters", mine, **own)) == ["created"]


async def test_another_countys_token_knows_none_of_our_officers(fieldwork: Fieldwork) -> None:
    ours = await fieldwork.post("/v1/rosters", {"items": [ENTERED]}, division="411623")
    unknown = ENTERED | {"officer": {"badge": "nobody"}, "entered_by": {"badge": "nobody too"}}
    assert ours.content == (await fieldwork.post("/v1/rosters", {"items": [unknown]}, division="411623")).content


DAY = date(2026, 10, 20)


def said(day: date = DAY, *, on_duty: bool = True, reason: str | None = None) -> Said:
    return Said(AUXILIARY, day, on_duty, LEADER, reason)


def test_only_what_is_said_before_the_day_holds_by_itself() -> None:
    assert [state(said(date(2026, 10, day)), DAY) for day in (19, 20, 21)] == ["waiting", "waiting", "holds"]
    assert [lacks_reason(said(date(2026, 10, day)), DAY) for day in (20, 21)] == [True, False]
    assert not lacks_reason(said(reason="late_entry"), DAY)


@pytest.mark.parametrize(
    ("on_duty", "holds", "waiting", "expected"),
    [
        (True, False, None, None),
        (True, True, None, "duplicate"),
        (False, True, None, None),
        (False, False, None, "duplicate"),
        (True, False, True, "duplicate"),
        (True, True, False, "contradicted"),
        (False, False, True, "contradicted"),
    ],
)
def test_what_a_word_about_a_day_meets(on_duty: bool, holds: bool, waiting: bool | None, expected: str | None) -> None:
    assert answer(said(on_duty=on_duty), holds, waiting) == expected


def test_a_third_person_confirms() -> None:
    assert [may_confirm(AUXILIARY, LEADER, who) for who in (AUXILIARY, LEADER, DEPUTY)] == [False, False, True]
