"""What one entered in one's county stands, whatever a colleague or another county calls by its name."""

from __future__ import annotations

from typing import Any

import pytest

from shared.contracts.personnel import AssignmentV1, Where
from shared.ids import new_id
from tests.fieldwork.support import (
    ALWAYS,
    AUXILIARY,
    BINDING,
    OFFICER,
    OTHER_COUNTY_VILLAGE,
    Fieldwork,
    arrival,
    codes,
    departure,
    outcomes,
    stay,
    visit,
)
from tests.fieldwork.test_corrections import feed, minutes

OTHER = OTHER_COUNTY_VILLAGE[:6]
COLLEAGUE = {"officer": {"id": str(OFFICER)}}
NAMED = {"system": "app", "id": "D-9"}


@pytest.fixture
async def abroad(fieldwork: Fieldwork) -> Fieldwork:
    """The auxiliary is posted to a village of the neighbouring county, too."""
    await fieldwork.learn(
        AssignmentV1(
            assignment_id=new_id(),
            officer_id=AUXILIARY,
            post="village_auxiliary",
            role="main",
            where=Where(type="village", id=OTHER_COUNTY_VILLAGE),
            valid=ALWAYS,
        ),
        BINDING.model_copy(update={"binding_id": new_id(), "jurisdiction": OTHER}),
    )
    return fieldwork


async def test_a_colleagues_claim_to_a_departure_changes_nothing_when_it_comes(fieldwork: Fieldwork) -> None:
    came, left = stay("09:00", "11:00")
    left["id"] = NAMED
    theirs = arrival("2026-10-19T08:00:00+08:00", **COLLEAGUE)
    claim = departure(theirs, "2026-10-19T08:30:00+08:00", supersedes=NAMED)
    assert outcomes(await fieldwork.sync(theirs, claim)) == ["created"] * 2
    right = departure(came, "2026-10-19T12:00:00+08:00", supersedes=NAMED)
    assert outcomes(await fieldwork.sync(came, right)) == ["created"] * 2, "nor is its own correction refused"
    assert outcomes(await fieldwork.sync(left)) == ["created"]
    assert await minutes(fieldwork) == 180


@pytest.mark.parametrize("make", [visit, lambda **given: arrival("2026-10-19T09:00:00+08:00", **given)])
async def test_a_colleagues_claim_stands_in_nobodys_way(fieldwork: Fieldwork, make: Any) -> None:
    claim, right = make(supersedes=NAMED, **COLLEAGUE), make(supersedes=NAMED)
    assert outcomes(await fieldwork.sync(claim)) == ["created"]
    assert outcomes(await fieldwork.sync(right)) == ["created"]
    older = make(id=NAMED)
    assert outcomes(await fieldwork.sync(older)) == ["created"]
    kept = (await fieldwork.sync(older)).json()["items"][0]["id"]
    assert (older["type"], kept, "superseded") in await feed(fieldwork)


async def test_no_session_is_changed_from_another_county(abroad: Fieldwork) -> None:
    came, left = stay("09:00", "11:00")
    await abroad.sync(came, left)
    there = arrival("2026-10-19T12:00:00+08:00", village=OTHER_COUNTY_VILLAGE, supersedes=came["id"])
    gone = departure(there, "2026-10-19T13:00:00+08:00", supersedes=left["id"])
    told = await abroad.sync(there, gone, division=OTHER)
    assert outcomes(told) == ["created"] * 2, "nobody learns of another county's records"
    assert await minutes(abroad) == 120
    assert not [what for *_, what in await feed(abroad) if what == "superseded"]
    right = arrival("2026-10-19T08:00:00+08:00", supersedes=came["id"])
    assert outcomes(await abroad.sync(right)) == ["created"], "nor is the correction at home refused"
    assert await minutes(abroad) == 180


async def test_an_original_that_comes_later_is_its_own_countys_too(abroad: Fieldwork) -> None:
    came, left = stay("09:00", "11:00")
    there = arrival("2026-10-19T12:00:00+08:00", village=OTHER_COUNTY_VILLAGE, supersedes=came["id"])
    gone = departure(there, "2026-10-19T13:00:00+08:00", supersedes=left["id"])
    older = visit()
    elsewhere = visit(village=OTHER_COUNTY_VILLAGE, supersedes=older["id"])
    assert outcomes(await abroad.sync(there, gone, elsewhere, division=OTHER)) == ["created"] * 3
    assert outcomes(await abroad.sync(came, left, older)) == ["created"] * 3
    assert outcomes(await abroad.sync(visit(supersedes=older["id"]))) == ["created"]
    assert await minutes(abroad) == 120
    assert [fact["activity_id"] for fact in await abroad.facts("rejected")] == [older["id"]], "once, at home"


async def test_whose_token_covers_both_counties_is_told_that_corrections_stay_in_theirs(abroad: Fieldwork) -> None:
    older, (came, left) = await abroad.recorded(), stay("09:00", "11:00")
    await abroad.sync(came, left)
    there = {"village": OTHER_COUNTY_VILLAGE}
    other = arrival("2026-10-19T12:00:00+08:00", **there)
    told = await abroad.sync(
        visit(supersedes=older["id"], **there),
        arrival("2026-10-19T09:00:00+08:00", supersedes=came["id"], **there),
        other,
        departure(other, "2026-10-19T13:00:00+08:00", supersedes=left["id"]),
        division="4116",
    )
    elsewhere = "fieldwork.corrects_elsewhere"
    assert codes(told) == [elsewhere, elsewhere, None, elsewhere]
    assert await minutes(abroad) == 120
