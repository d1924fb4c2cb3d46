from __future__ import annotations

import pytest

from tests.personnel.support import (
    COUNTY,
    OTHER_VILLAGE,
    VILLAGE,
    WHY,
    Body,
    Personnel,
    area,
    assignment,
    officer,
    organisation,
)

DAY = "2026-10-15"


@pytest.fixture
async def villages(personnel: Personnel) -> list[str]:
    rows = await personnel.rows("SELECT code FROM division WHERE level = 'village' ORDER BY code")
    return [row["code"] for row in rows]


@pytest.fixture
async def station(personnel: Personnel) -> Body:
    body = organisation(serves=["411622000000"])
    await personnel.store("organisations", body)
    return body


async def report(personnel: Personnel, **asked: object) -> Body:
    question = {"division": COUNTY, "on": DAY, "post": "village_auxiliary", "limit": 500}
    answer = await personnel.get("/v1/coverage", caller=COUNTY, **(question | asked))
    assert answer.status_code == 200, answer.text
    found: Body = answer.json()
    return found


async def cover(personnel: Personnel, station: Body, villages: list[str], **other: object) -> list[Body]:
    """One auxiliary for each village."""
    people = [officer(station, badge=f"F{n:04}") for n, _ in enumerate(villages)]
    posts = [assignment(person, village, **other) for person, village in zip(people, villages, strict=True)]
    await personnel.store("officers", *people)
    await personnel.store("assignments", *posts)
    return posts


async def test_the_county_with_452_auxiliaries_has_28_gaps(
    personnel: Personnel, station: Body, villages: list[str]
) -> None:
    await cover(personnel, station, villages[:452])

    found = await report(personnel)

    assert (found["villages"], found["covered"], found["gaps_total"], found["double_total"]) == (480, 452, 28, 0)
    assert [gap["code"] for gap in found["gaps"]] == villages[452:]
    assert found["gaps"][-1]["township"]["name"] == "五二农场"
    assert found["gaps"][-1].keys() == {"code", "name", "village_kind", "township"}
    assert found["next"] is None


async def test_pages_show_each_gap_once(personnel: Personnel, station: Body, villages: list[str]) -> None:
    await cover(personnel, station, villages[5:])

    first = await report(personnel, limit=3)
    second = await report(personnel, limit=3, after=first["next"])

    assert [gap["code"] for gap in first["gaps"] + second["gaps"]] == villages[:5]
    assert second["next"] is None
    assert second["gaps_total"] == 5


async def test_a_second_main_auxiliary_is_allowed_and_shown(personnel: Personnel, station: Body) -> None:
    one, two = officer(station, name="甲"), officer(station, name="乙")
    await personnel.store("officers", one, two)
    await personnel.store("assignments", assignment(one, VILLAGE), assignment(two, VILLAGE))

    found = await report(personnel)

    (double,) = found["double"]
    assert (found["covered"], found["double_total"], double["code"]) == (1, 1, VILLAGE)
    assert {holder["officer_id"] for holder in double["officers"]} == {one["officer_id"], two["officer_id"]}


async def test_a_backup_neither_covers_nor_doubles(personnel: Personnel, station: Body) -> None:
    one, two = officer(station), officer(station)
    main = assignment(one, VILLAGE)
    await personnel.store("officers", one, two)
    await personnel.store("assignments", main)
    await personnel.store(
        "assignments",
        assignment(two, VILLAGE, role="backup", backup_of=main["assignment_id"]),
        assignment(two, OTHER_VILLAGE, role="backup", backup_of=main["assignment_id"]),
    )

    found = await report(personnel)

    assert (found["covered"], found["double_total"]) == (1, 0)


async def test_the_day_asked_decides(personnel: Personnel, station: Body) -> None:
    one = officer(station)
    await personnel.store("officers", one)
    await personnel.store("assignments", assignment(one, VILLAGE, valid={"from": "2026-10-01", "to": "2026-10-15"}))

    covered = [(await report(personnel, on=day))["covered"] for day in ("2026-09-30", "2026-10-01", DAY, "2026-10-16")]

    assert covered == [0, 1, 1, 0]


async def test_a_village_merged_away_is_no_gap_afterwards(personnel: Personnel) -> None:
    old = (await personnel.facts("personnel.division", VILLAGE))[0]
    await personnel.store("divisions", old | {"valid": {"from": "2023-06-30", "to": "2026-10-14"}})

    before, after = await report(personnel, on="2026-10-14"), await report(personnel, on=DAY)

    assert (before["villages"], after["villages"]) == (480, 479)
    assert VILLAGE in {gap["code"] for gap in before["gaps"]}
    assert VILLAGE not in {gap["code"] for gap in after["gaps"]}


async def test_the_officer_of_an_area_covers_its_villages(personnel: Personnel, station: Body) -> None:
    patch, empty = area(station, VILLAGE, OTHER_VILLAGE), area(station, "411622101203")
    policeman = officer(station, kind="officer")
    await personnel.store("areas", patch, empty)
    await personnel.store("officers", policeman)
    place = {"type": "area", "id": patch["area_id"]}
    await personnel.store("assignments", assignment(policeman, VILLAGE, post="community_officer", where=place))

    found = await report(personnel, post="community_officer")

    assert (found["covered"], found["areas"], found["areas_without_officer_total"]) == (2, 2, 1)
    assert [a["area_id"] for a in found["areas_without_officer"]] == [empty["area_id"]]
    assert (await report(personnel))["covered"] == 0


async def test_communities_can_be_left_out_by_kind(personnel: Personnel) -> None:
    kinds = await personnel.rows(
        "SELECT village_kind, count(*) AS n FROM division WHERE level = 'village' GROUP BY village_kind"
    )
    for row in kinds:
        assert (await report(personnel, village_kind=row["village_kind"]))["villages"] == row["n"]


async def test_a_township_is_asked_by_its_nine_digits(personnel: Personnel) -> None:
    rows = await personnel.rows("SELECT count(*) AS n FROM division WHERE code LIKE '411622101%' AND level = 'village'")

    assert (await report(personnel, division="411622101"))["villages"] == rows[0]["n"]


@pytest.mark.parametrize("ended", [{"status": "left"}, {"account": "closed"}])
async def test_who_left_or_may_not_act_covers_nothing(
    personnel: Personnel, station: Body, villages: list[str], ended: Body
) -> None:
    person = officer(station)
    await personnel.store("officers", person)
    await personnel.store("assignments", assignment(person, villages[0]))
    assert (await report(personnel))["covered"] == 1

    await personnel.store("officers", person | ended)

    assert (await report(personnel))["covered"] == 0


async def test_who_left_covered_until_his_last_day(personnel: Personnel, station: Body, villages: list[str]) -> None:
    valid = {"from": "2020-01-01", "to": "2026-10-20"}
    person = officer(station, status="left", valid=valid)
    await personnel.store("officers", person)
    await personnel.store("assignments", assignment(person, villages[0], valid=valid))

    assert (await report(personnel, on="2026-10-20"))["covered"] == 1
    assert (await report(personnel, on="2026-10-21"))["covered"] == 0


async def test_an_erased_officer_covers_nothing(personnel: Personnel, station: Body, villages: list[str]) -> None:
    person = officer(station)
    await personnel.store("officers", person)
    await personnel.store("assignments", assignment(person, villages[0]))
    erased = await personnel.call(
        "POST", f"/v1/officers/{person['officer_id']}/erasure", json=WHY, scopes=("personnel:erase",)
    )
    assert erased.is_success, erased.text

    assert (await report(personnel))["covered"] == 0
