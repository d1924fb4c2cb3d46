"""One badge for one officer in service, one governing scheme for one post; and what a binding names is here."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from services.personnel.service import states
from shared.ids import new_id
from tests.personnel.support import COUNTY, OTHER_VILLAGE, VILLAGE, Body, Personnel, assignment, officer, organisation


@pytest.fixture
async def station(personnel: Personnel) -> Body:
    body = organisation()
    await personnel.store("organisations", body)
    return body


def binding(**other: Any) -> Body:
    return {
        "binding_id": str(new_id()),
        "jurisdiction": COUNTY,
        "scheme": "wenquan",
        "version": "0" * 64,
        "posts": ["village_auxiliary"],
        "valid": {"from": "2026-01-01"},
    } | other


def outcome(answer: Body) -> str:
    return str(answer.get("problem", {}).get("code") or answer["outcome"])


@pytest.mark.parametrize("written", ["xhf0001", "ＸＨＦ０００１", " XHF0001 "])
async def test_a_badge_in_use_is_refused_however_it_is_written(
    personnel: Personnel, station: Body, written: str
) -> None:
    first, second = officer(station, badge="XHF0001"), officer(station, badge=written)
    await personnel.store("officers", first)
    answer = await personnel.put(f"/v1/officers/{second['officer_id']}", second)
    assert (answer.status_code, answer.json()["code"]) == (409, "personnel.badge_taken")
    assert first["officer_id"] not in answer.text
    await personnel.store("officers", first)


async def test_a_badge_is_stored_and_published_in_one_form(personnel: Personnel, station: Body) -> None:
    body = officer(station, badge=" ｘhf0002")
    await personnel.store("officers", body)
    (fact,) = await personnel.facts("personnel.officer", body["officer_id"])
    assert fact["badge"] == "XHF0002"


async def test_a_badge_is_handed_on(personnel: Personnel, station: Body) -> None:
    first = officer(station, badge="A1")
    await personnel.store("officers", first, first | {"officer_id": str(new_id()), "badge": "A2"})
    gone = first | {"valid": {"from": "2020-01-01", "to": "2026-09-30"}}
    await personnel.store("officers", gone)
    await personnel.store("officers", officer(station, badge="A1", valid={"from": "2026-10-01"}))
    early = officer(station, badge="A1", valid={"from": "2026-09-30", "to": "2026-09-30"})
    assert outcome((await personnel.put_all("officers", [early]))[0]) == "personnel.badge_taken"
    left = officer(station, badge="A3", status="left")
    assert [outcome(o) for o in await personnel.put_all("officers", [left, officer(station, badge="A3")])] == [
        "created",
        "created",
    ]


async def test_within_a_batch_and_of_two_at_once_the_first_has_the_badge(personnel: Personnel, station: Body) -> None:
    batch = [officer(station, badge="B1") for _ in range(2)]
    assert [outcome(o) for o in await personnel.put_all("officers", batch)] == ["created", "personnel.badge_taken"]
    both = [officer(station, badge="B2") for _ in range(2)]
    answers = await asyncio.gather(*(personnel.put(f"/v1/officers/{body['officer_id']}", body) for body in both))
    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_two_that_have_one_badge_since_long_are_put_right_one_after_the_other(
    personnel: Personnel, station: Body
) -> None:
    first, second = officer(station, badge="C1"), officer(station, badge="C2")
    await personnel.store("officers", first, second)
    async with personnel.database.engine.begin() as connection:
        await connection.exec_driver_sql("UPDATE officer SET badge = 'c1' WHERE badge = 'C2'")
    assert outcome((await personnel.put_all("officers", [second | {"badge": "C1"}]))[0]) == "personnel.badge_taken"
    await personnel.store("officers", second | {"badge": "C3"})


@pytest.mark.parametrize(
    ("wrong", "code", "named"),
    [
        ({"scheme": "nosuch"}, "personnel.unknown_scheme", "wenquan"),
        ({"posts": ["village_auxiliary", "postman"]}, "personnel.unknown_post", "village_auxiliary(驻村辅警)"),
    ],
)
async def test_a_binding_names_a_scheme_that_is_here_and_posts_that_it_has(
    personnel: Personnel, wrong: Body, code: str, named: str
) -> None:
    body = binding() | wrong
    answer = await personnel.put(f"/v1/bindings/{body['binding_id']}", body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert named in answer.json()["detail"]


async def test_one_scheme_governs_a_post_on_a_day(personnel: Personnel) -> None:
    first = binding()
    await personnel.store("bindings", first)
    both = binding(posts=["village_officer", "village_auxiliary"])
    answer = await personnel.put(f"/v1/bindings/{both['binding_id']}", both)
    assert (answer.status_code, answer.json()["code"]) == (409, "personnel.binding_overlaps")
    assert answer.json()["binding_id"] == first["binding_id"]
    fine = [
        binding(posts=["village_officer"]),
        binding(use="shadow"),
        binding(jurisdiction="411622101"),
        binding(valid={"from": "2025-01-01", "to": "2025-12-31"}),
        first | {"valid": {"from": "2026-01-01", "to": "2026-11-30"}},
        binding(valid={"from": "2026-12-01"}),
    ]
    assert {outcome(o) for o in await personnel.put_all("bindings", fine)} == {"created", "changed"}


async def test_bindings_and_erasure_have_scopes_of_their_own(personnel: Personnel, station: Body) -> None:
    body, person = binding(), officer(station)
    await personnel.store("officers", person)
    clerk = ("personnel:read", "personnel:write")
    refused = [
        await personnel.call("PUT", f"/v1/bindings/{body['binding_id']}", json=body, scopes=clerk),
        await personnel.call("PUT", "/v1/bindings", json={"items": [body]}, scopes=clerk),
        await personnel.call(
            "POST", f"/v1/officers/{person['officer_id']}/erasure", json={"reason": "x"}, scopes=clerk
        ),
    ]
    assert {answer.status_code for answer in refused} == {403}
    eraser = ("personnel:erase",)
    path = f"/v1/officers/{person['officer_id']}/erasure"
    assert (await personnel.call("POST", path, json={}, scopes=eraser)).status_code == 422
    assert (await personnel.call("POST", path, json={"reason": "本人申请"}, scopes=eraser)).status_code == 200
    (row,) = await personnel.rows("SELECT reason FROM audit WHERE action = 'personnel.officer.erase'")
    assert row["reason"] == "本人申请"


@pytest.mark.parametrize("day", [86400, "86400", "2026-1-1", "2026-01-01T00:00:00Z", "２０２６-01-01"])
async def test_a_day_has_one_form(personnel: Personnel, station: Body, day: Any) -> None:
    body = officer(station, valid={"from": day})
    assert (await personnel.put(f"/v1/officers/{body['officer_id']}", body)).status_code == 422


async def test_a_badge_has_forty_characters_at_most(personnel: Personnel, station: Body) -> None:
    codes = [
        outcome(o) for o in await personnel.put_all("officers", [officer(station, badge="X" * n) for n in (40, 41)])
    ]
    assert codes == ["created", "invalid_request"]


@pytest.mark.parametrize(
    ("number", "is_one"),
    [
        ("11010519491231002X", True),
        ("110105194912310021", False),  # the check digit
        ("110105189912310023", False),  # born before 1900
        ("911101087003000014", False),  # a social credit code
    ],
)
async def test_eighteen_characters_are_a_citizen_number_only_if_they_can_be_one(
    personnel: Personnel, number: str, is_one: bool
) -> None:
    body = organisation(official_code=number)
    answer = await personnel.put(f"/v1/organisations/{body['org_id']}", body)
    assert answer.status_code == (422 if is_one else 201), answer.text


async def test_a_post_at_a_place_is_held_once_on_a_day(personnel: Personnel, station: Body) -> None:
    """Of each assignment a day's presence is published: the same one again would count the same minutes again."""
    one, other = officer(station), officer(station)
    await personnel.store("officers", one, other)
    october = {"from": "2026-10-01", "to": "2026-10-31"}
    held = assignment(one, VILLAGE, valid=october)
    await personnel.store("assignments", held)
    again = assignment(one, VILLAGE, title="治安主任", valid={"from": "2026-10-31"})
    answer = await personnel.put(f"/v1/assignments/{again['assignment_id']}", again)
    assert (answer.status_code, answer.json()["code"]) == (409, "personnel.assignment_overlaps")
    assert answer.json()["assignment_id"] == held["assignment_id"]
    fine = [
        assignment(one, VILLAGE, valid={"from": "2026-11-01"}),
        assignment(one, VILLAGE, valid=october, role="concurrent"),
        assignment(one, VILLAGE, valid=october, post="village_officer"),
        assignment(one, OTHER_VILLAGE, valid=october),
        assignment(other, VILLAGE, valid=october),
        held | {"valid": {"from": "2026-10-01", "to": "2026-10-15"}},
        assignment(one, VILLAGE, valid={"from": "2026-10-16", "to": "2026-10-31"}),
    ]
    assert [outcome(o) for o in await personnel.put_all("assignments", fine)] == [
        *("created", "created", "created", "created", "created", "changed", "created")
    ]


async def test_of_two_that_post_somebody_at_once_one_is_refused(personnel: Personnel, station: Body) -> None:
    one = officer(station)
    await personnel.store("officers", one)
    both = [assignment(one, VILLAGE) for _ in range(2)]
    answers = await asyncio.gather(*(personnel.put(f"/v1/assignments/{b['assignment_id']}", b) for b in both))
    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_an_officer_has_no_more_assignments_than_can_be_read_at_once(
    personnel: Personnel, station: Body, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(states, "MOST_ASSIGNMENTS", 3)
    one, other = officer(station), officer(station)
    await personnel.store("officers", one, other)
    days = [{"from": f"2026-10-{day:02}", "to": f"2026-10-{day:02}"} for day in range(1, 6)]
    held = [assignment(one, VILLAGE, valid=day) for day in days]
    assert [outcome(o) for o in await personnel.put_all("assignments", held)] == [
        *("created", "created", "created", "personnel.too_many_assignments", "personnel.too_many_assignments")
    ]
    still = [held[0] | {"title": "治安主任"}, held[3], assignment(other, VILLAGE)]
    assert [outcome(o) for o in await personnel.put_all("assignments", still)] == [
        *("changed", "personnel.too_many_assignments", "created")
    ]
