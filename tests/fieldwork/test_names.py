"""What other systems call things belongs to a county; the same thing is the same however it is called."""

from __future__ import annotations

from typing import Any

import pytest

from shared.ids import county_id, foreign_id, new_id
from tests.fieldwork.support import (
    AUXILIARY,
    BINDING,
    COUNTY,
    LEADER,
    OTHER_COUNTY_VILLAGE,
    VILLAGE,
    Fieldwork,
    arrival,
    certificate,
    codes,
    departure,
    organisation,
    outcomes,
    person,
    verdict,
    visit,
)

NAMED = {"system": "app", "id": "A-1"}
OTHER = "411623"
THEIR_STATION, THEIRS = foreign_id("test", "their station"), foreign_id("app", "theirs")


@pytest.fixture
async def counties(fieldwork: Fieldwork) -> Fieldwork:
    """The neighbouring county has a station, an officer and the scheme, too."""
    await fieldwork.learn(
        organisation(THEIR_STATION, "station", f"{OTHER}000000"),
        person(THEIRS, "T001", station=THEIR_STATION),
        BINDING.model_copy(update={"binding_id": new_id(), "jurisdiction": OTHER}),
    )
    return fieldwork


def theirs(**changes: Any) -> dict[str, Any]:
    return visit(officer={"id": str(THEIRS)}, village=OTHER_COUNTY_VILLAGE, **changes)


@pytest.mark.parametrize("first", ["theirs", "ours"])
async def test_a_name_that_another_county_uses_too_changes_nothing(counties: Fieldwork, first: str) -> None:
    ours = visit(id=NAMED)
    if first == "theirs":
        assert outcomes(await counties.sync(theirs(id=NAMED), division=OTHER)) == ["created"]
    told = await counties.sync(ours)
    if first == "ours":
        assert outcomes(await counties.sync(theirs(id=NAMED), division=OTHER)) == ["created"]
    assert outcomes(told) == ["created"]
    assert outcomes(await counties.sync(ours)) == ["duplicate"]
    assert told.json()["items"][0]["id"] == str(county_id(COUNTY, "app", "A-1"))
    assert outcomes(await counties.decide(verdict({"id": NAMED}))) == ["created"]


@pytest.mark.parametrize("first", ["theirs", "ours"])
async def test_a_matter_that_another_county_names_too_is_another_one(counties: Fieldwork, first: str) -> None:
    matter = str(new_id())
    items = [(visit(matter_id=matter), COUNTY), (theirs(matter_id=matter), OTHER)]
    for item, county in items if first == "ours" else items[::-1]:
        assert outcomes(await counties.sync(item, division=county)) == ["created"]
    matters = [fact["matter_id"] for fact in await counties.facts("recorded")]
    assert matters[0] == matter, "it is the first one's"
    assert matters[1] == str(county_id(OTHER if first == "ours" else COUNTY, "cunjing.matter", matter))


async def test_whose_token_covers_both_counties_goes_on_with_a_matter_across_the_border(counties: Fieldwork) -> None:
    matter = str(new_id())
    for item in (visit(matter_id=matter), theirs(matter_id=matter)):
        assert outcomes(await counties.sync(item, division="4116")) == ["created"]
    assert {fact["matter_id"] for fact in await counties.facts("recorded")} == {matter}


async def test_a_matter_named_by_another_system_is_its_countys(counties: Fieldwork) -> None:
    await counties.sync(visit(matter_id=NAMED), visit(matter_id=NAMED))
    await counties.sync(theirs(matter_id=NAMED), division=OTHER)
    matters = [fact["matter_id"] for fact in await counties.facts("recorded")]
    assert matters == [str(county_id(county, "app", "A-1")) for county in (COUNTY, COUNTY, OTHER)]


@pytest.mark.parametrize("first", ["theirs", "ours"])
async def test_the_id_that_a_named_matter_will_get_is_not_taken_by_another_county(
    counties: Fieldwork, first: str
) -> None:
    meant = str(county_id(COUNTY, "app", "M-1"))
    calls = [(visit(matter_id={"system": "app", "id": "M-1"}), COUNTY), (theirs(matter_id=meant), OTHER)]
    for item, county in calls if first == "ours" else calls[::-1]:
        assert outcomes(await counties.sync(item, division=county)) == ["created"]
    matters = {fact["village"]: fact["matter_id"] for fact in await counties.facts("recorded")}
    assert matters[VILLAGE] == meant
    assert matters[OTHER_COUNTY_VILLAGE] == str(county_id(OTHER, "cunjing.matter", meant))
    await counties.sync(visit(matter_id=meant))
    assert (await counties.facts("recorded"))[-1]["matter_id"] == meant, "our own clients may call it so"


async def test_what_was_kept_when_names_had_no_county_is_found(counties: Fieldwork) -> None:
    former = foreign_id("app", "A-1")
    item = visit(id=NAMED, matter_id=NAMED)
    await counties.sync(item)
    await counties.rows_changed(f"UPDATE activity SET id = '{former}', system = NULL, meaning_hash = NULL")
    await counties.rows_changed(f"INSERT INTO matter (id, county) VALUES ('{former}', '{COUNTY}')")

    again = await counties.sync(item)
    assert (outcomes(again), again.json()["items"][0]["id"]) == (["duplicate"], str(former))
    assert outcomes(await counties.decide(verdict({"id": NAMED}))) == ["created"]
    assert outcomes(await counties.sync(theirs(id=NAMED), division=OTHER)) == ["created"], "there it is another one"
    await counties.sync(visit(matter_id=NAMED))
    assert (await counties.facts("recorded"))[-1]["matter_id"] == str(former)


async def test_a_session_a_correction_and_a_certificate_are_named_so_too(counties: Fieldwork) -> None:
    came = arrival("2026-10-20T09:00:00+08:00", id=NAMED)
    left = departure(came, "2026-10-20T10:00:00+08:00", id={"system": "app", "id": "D-1"})
    quiet = certificate(id=NAMED)
    assert outcomes(await counties.sync(came, left)) == ["created", "created"]
    assert outcomes(await counties.sync(came, left)) == ["duplicate", "duplicate"]
    assert outcomes(await counties.certify(quiet)) == ["created"]
    assert outcomes(await counties.certify(quiet)) == ["duplicate"]
    older, newer = visit(id=NAMED), visit(supersedes=NAMED)
    await counties.sync(older, newer)
    assert [fact["cause"] for fact in await counties.facts("rejected")] == ["superseded"]


@pytest.mark.parametrize("id", [str(county_id(COUNTY, "app", "A-1")), {"system": "fieldwork.activity", "id": "x"}])
async def test_nobody_brings_along_an_id_that_only_we_derive(fieldwork: Fieldwork, id: Any) -> None:
    answer = await fieldwork.sync(visit(id=id))
    assert (outcomes(answer), codes(answer)) == (["rejected"], ["fieldwork.invalid_item"])


@pytest.mark.parametrize(
    "named", [{"badge": "F001"}, {"badge": "f001"}, {"badge": "Ｆ００１ "}, {"system": "app", "id": "auxiliary"}]
)
async def test_the_same_item_is_the_same_however_its_officer_is_called(
    fieldwork: Fieldwork, named: dict[str, str]
) -> None:
    items = [visit(), arrival("2026-10-20T09:00:00+08:00")]
    assert outcomes(await fieldwork.sync(*items)) == ["created", "created"]
    assert outcomes(await fieldwork.sync(*(item | {"officer": named} for item in items))) == ["duplicate", "duplicate"]
    said = items[0] | {"officer": named, "done_by": {"id": str(AUXILIARY)}, "village": f"{VILLAGE}000"}
    assert outcomes(await fieldwork.sync(said)) == ["duplicate"], "and so is its doer, and its village"
    assert outcomes(await fieldwork.sync(items[0] | {"done_by": {"id": str(LEADER)}})) == ["conflict"]


async def test_the_same_verdict_and_certificate_are_the_same_however_their_officer_is_called(
    fieldwork: Fieldwork,
) -> None:
    item, quiet, by_badge = await fieldwork.recorded(), certificate(), {"badge": "000001"}
    decided = verdict(item)
    assert outcomes(await fieldwork.decide(decided)) == ["created"]
    assert outcomes(await fieldwork.decide(decided | {"verified_by": by_badge})) == ["duplicate"]
    assert outcomes(await fieldwork.certify(quiet)) == ["created"]
    assert outcomes(await fieldwork.certify(quiet | {"certified_by": by_badge})) == ["duplicate"]


async def test_an_item_kept_before_meanings_were_hashed_is_a_duplicate_as_it_was_sent(fieldwork: Fieldwork) -> None:
    item = await fieldwork.recorded()
    await fieldwork.rows_changed("UPDATE activity SET meaning_hash = NULL")
    assert outcomes(await fieldwork.sync(item)) == ["duplicate"]
