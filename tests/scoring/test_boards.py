"""Scoreboards over HTTP, and scoring everybody anew."""

from __future__ import annotations

from collections.abc import Awaitable
from datetime import date
from uuid import UUID

import httpx
import pytest

from tests.scoring.api import BOARD, Api
from tests.scoring.facts import OFFICER, OTHER_VILLAGE, VILLAGE
from tests.scoring.world import World

THIRD_VILLAGE = "411622101201"


async def three_officers(world: World) -> tuple[UUID, UUID]:
    """OFFICER with three visits, another with as many, a third without any; a fourth village without anybody."""
    twin, idle = (UUID(int=OFFICER.int + offset) for offset in (1000, 2000))
    facts = world.facts
    places = ((VILLAGE, "甲村"), (OTHER_VILLAGE, "乙村"), (THIRD_VILLAGE, "丙村"), ("411622101202", "丁村"))
    await world.hear(
        *(facts.division(code, name) for code, name in places),
        facts.division("411622101000", "某镇", "township"),
        *(facts.officer(twin, "演示乙"), facts.officer(idle, "演示丙")),
        *(facts.assignment(twin, OTHER_VILLAGE), facts.assignment(idle, THIRD_VILLAGE)),
    )
    await world.score(*facts.visits(3), *facts.visits(3, officer=twin, village=OTHER_VILLAGE))
    return twin, idle


async def test_equal_totals_share_a_place_and_the_next_is_skipped(world: World, api: Api) -> None:
    twin, idle = await three_officers(world)

    board = (await api.leader("/v1/scoreboard", **BOARD)).json()

    places = [(place["rank"], place["officer"]["id"], place["total"]) for place in board["items"]]
    assert places == [(1, str(OFFICER), "15.5"), (1, str(twin), "15.5"), (3, str(idle), "14")]
    assert board["items"][0]["villages"] == [{"code": VILLAGE, "name": "甲村"}]
    assert (board["officers"], board["vacancies"], board["pending"], board["next"]) == (3, 1, 0, None)


async def test_pages_of_the_board_repeat_nobody_and_keep_the_places(world: World, api: Api) -> None:
    await three_officers(world)
    whole = (await api.leader("/v1/scoreboard", **BOARD)).json()["items"]

    first = (await api.leader("/v1/scoreboard", **BOARD, limit="1")).json()
    second = (await api.leader("/v1/scoreboard", **BOARD, limit="2", after=first["next"])).json()

    assert first["items"] + second["items"] == whole
    assert second["next"] is None


async def test_the_board_ends_at_the_readers_jurisdiction(world: World, api: Api) -> None:
    await three_officers(world)

    town = (await api.leader("/v1/scoreboard", reader="411622101", **BOARD)).json()

    assert [(place["rank"], place["officer"]["name"]) for place in town["items"]] == [(1, "演示丙")]


async def test_a_division_that_is_unknown_or_somebody_elses_is_not_found_alike(world: World, api: Api) -> None:
    await three_officers(world)
    asked = [("411622", "411629"), ("411622", "411622999"), ("411623", "411622"), ("411622101", "411622100")]
    for path in ("/v1/scoreboard", "/v1/scoreboard/summary"):
        answers = [await api.leader(path, reader=reader, **{**BOARD, "division": code}) for reader, code in asked]
        assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "not_found")}
        assert len({answer.json()["detail"] for answer in answers}) == 1
        around = await api.leader(path, reader="411622101", **{**BOARD, "division": "41"})
        assert around.status_code == 200


async def test_the_summary_names_both_ends_and_the_vacant_villages(world: World, api: Api) -> None:
    await three_officers(world)

    summary = (await api.leader("/v1/scoreboard/summary", **BOARD, places="1")).json()

    assert [place["officer"]["name"] for place in summary["top"]] == ["演示甲"]
    assert [place["officer"]["name"] for place in summary["bottom"]] == ["演示丙"]
    assert summary["vacancies"] == [{"code": "411622101202", "name": "丁村"}]


async def test_a_village_held_through_an_area_is_not_vacant(world: World, api: Api) -> None:
    await three_officers(world)
    area = UUID(int=5)
    held = world.facts.assignment(UUID(int=9), where={"type": "area", "id": str(area)})
    await world.hear(world.facts.area(area, "411622101202"), held)

    summary = (await api.leader("/v1/scoreboard/summary", **BOARD, places="1")).json()

    assert summary["vacancies"] == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("period", "2026-13"),
        ("period", "20２６-10"),
        ("period", "2026-10-01"),
        ("period", "1791162000"),
        ("division", "4116221"),
        ("division", "４１１６２２"),
        ("scheme", "../wenquan"),
        ("limit", "0"),
        ("limit", "1.5"),
    ],
)
async def test_a_parameter_has_one_form_and_every_other_is_refused_by_name(api: Api, name: str, value: str) -> None:
    answer = await api.leader("/v1/scoreboard", **{**BOARD, name: value})

    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [f"query:{name}"]


async def test_a_board_of_an_unknown_scheme_is_not_found(api: Api) -> None:
    answer = await api.leader("/v1/scoreboard", **{**BOARD, "scheme": "nowhere"})

    assert (answer.status_code, answer.json()["code"]) == (404, "scoring.scheme_unknown")


async def test_an_operator_has_everybody_of_his_own_division_scored_anew(world: World, api: Api) -> None:
    await world.score(*world.facts.visits(1))

    def asked(*scopes: str, division: str) -> Awaitable[httpx.Response]:
        return api.client.post("/v1/recomputations", headers=api.token(*scopes, division=division))

    elsewhere = await asked("scoring:recompute", division="411622101")
    answer = await asked("scoring:recompute", division="411622100")
    refused = await asked("scoring:read", "ops", division="")

    assert (elsewhere.status_code, elsewhere.json()) == (202, {"officers": 0})
    assert (answer.status_code, answer.json()) == (202, {"officers": 1})
    assert refused.status_code == 403
    assert await world.rows("SELECT officer_id, since, until FROM dirty_mark") == [(OFFICER, date.min, date.max)]


async def test_pending_are_those_of_the_division_within_the_readers_own(world: World, api: Api) -> None:
    await three_officers(world)
    area = UUID(int=5)
    await world.hear(
        world.facts.area(area, VILLAGE), world.facts.assignment(UUID(int=9), where={"type": "area", "id": str(area)})
    )
    await world.mark_everybody()

    async def pending(reader: str, **ask: str) -> int:
        return int((await api.leader("/v1/scoreboard", reader=reader, **{**BOARD, **ask})).json()["pending"])

    assert await pending("411622") == 4
    assert await pending("411622101") == await pending("411622", division="411622101") == 1
    assert await pending("411622100") == 3
    assert (await api.leader("/v1/scoreboard", reader="411623", **BOARD)).status_code == 404
