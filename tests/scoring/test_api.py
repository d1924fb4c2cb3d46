"""Sheets over HTTP: for the officer, for leaders, on paper."""

from __future__ import annotations

import base64
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from services.scoring.service.printing import Ticket
from shared.clock import system_clock
from shared.database.unit import Database
from shared.security.dev_issuer import DevKeys
from tests.scoring.api import BOARD, Api, serving
from tests.scoring.facts import DAY, OFFICER, OTHER_VILLAGE, VILLAGE
from tests.scoring.world import DEMO_SCHEMES, World


async def test_an_officer_sees_his_sheet_in_sentences(world: World, api: Api) -> None:
    await world.score(*world.facts.visits(17), world.facts.visit("unseen"))

    answer = await api.mine()

    sheet = answer.json()
    first = sheet["lines"][0]
    assert answer.status_code == 200
    assert first["sentence"] == "无缺勤;走访17户,还差3户,扣1.5分"
    assert (first["item"], first["points"], first["full"]) == ("S-101", "18.5", "20")
    assert (first["counted"], first["not_counted"]) == (17, 1)
    assert first["rule"] == "S-101"
    assert (sheet["total"], sheet["full"], sheet["state"], sheet["grade"]) == ("22.5", "100", "provisional", None)
    assert sheet["officer"] == {"id": str(OFFICER), "name": "演示甲"}
    assert sheet["period"] == {"from": "2026-10-01", "to": "2026-10-31"}


async def test_a_full_sheet_stays_under_five_kilobytes(world: World, api: Api) -> None:
    await world.score(*world.facts.quiet_month())

    answer = await api.mine()

    assert len(answer.content) < 5000


async def test_a_sheet_with_nearly_everything_undecided_stays_under_five_kilobytes(
    database: Database, world: World, keys: DevKeys, tmp_path: Path
) -> None:
    decision = "{value: month, status: interpreted, decided_by: x, decided_on: 2026-01-01, basis: x}"
    (tmp_path / "wenquan").mkdir()
    (tmp_path / "wenquan" / "scoring.yaml").write_text(f"readings:\n  measure_period: {decision}\n", encoding="utf-8")
    async for api in serving(database, keys, tmp_path):
        open_world = World(database, world.facts, api.routes.state.rubrics)
        await open_world.score(*world.facts.visits(17))

        answer = await api.mine()

        assert len(answer.json()["withheld"]) >= 10
        assert len(answer.content) < 5000


async def test_without_a_measure_period_the_answer_lists_what_must_be_decided(world: World, undecided_api: Api) -> None:
    await world.hear(*world.facts.visits(1))

    for answer in (await undecided_api.mine(), await undecided_api.leader("/v1/scoreboard", **BOARD)):
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (409, "scoring.measure_period_undecided")
        assert problem["withheld"][0]["rule"] == "C-08"
        assert problem["withheld"][0]["who"] == "方案制定单位"


async def test_an_undecided_value_withholds_the_grade_and_shows_the_raw_score(
    database: Database, world: World, keys: DevKeys, tmp_path: Path
) -> None:
    decided = (DEMO_SCHEMES / "wenquan" / "scoring.yaml").read_text(encoding="utf-8")
    (tmp_path / "wenquan").mkdir()
    (tmp_path / "wenquan" / "scoring.yaml").write_text(_without(decided, "grades:"), encoding="utf-8")
    async for api in serving(database, keys, tmp_path):
        half = World(database, world.facts, api.routes.state.rubrics)
        await half.score(*world.facts.quiet_month())

        sheet = (await api.mine()).json()

        assert (sheet["total"], sheet["grade"]) == ("78", None)
        assert {point["rule"] for point in sheet["withheld"]} == {"C-17/bands", "C-17/weight"}
        assert len((await api.mine()).content) < 5000


def _without(text: str, section: str) -> str:
    """A YAML text without one of its top-level sections."""
    return re.sub(rf"^{section}.*?(?=^\S|\Z)", "", text, flags=re.MULTILINE | re.DOTALL)


async def test_a_leader_sees_the_facts_behind_each_point(world: World, api: Api) -> None:
    visit, elsewhere = world.facts.visit("house-1"), world.facts.visit("house-2", village=OTHER_VILLAGE)
    verdict = world.facts.verified(visit)
    await world.score(visit, verdict, elsewhere, world.facts.verified(elsewhere))

    answer = await api.leader(f"/v1/officers/{OFFICER}/sheet", period="2026-10", detail="facts")

    counted, refused = answer.json()["lines"][0]["facts"]
    assert counted["facts"] == [str(visit.id), str(verdict.id)]
    assert (counted["id"], counted["day"], counted["own"]) == (str(visit.data.activity_id), "2026-10-12", True)
    assert (refused["why"], refused["reason"], refused["own"]) == (
        "outside_assignment",
        "不在本人驻村范围或期间",
        False,
    )


async def test_a_group_or_certificate_of_ones_village_is_ones_own_however_old(world: World, api: Api) -> None:
    team, certificate = world.facts.group("fire_team"), world.facts.certificate("dispute")
    await world.score(*world.facts.visits(1), team, certificate)

    lines = (await api.leader(f"/v1/officers/{OFFICER}/sheet", period="2026-10", detail="facts")).json()["lines"]

    facts = {fact["id"]: fact for shown in lines for fact in shown["facts"]}
    assert facts[str(team.data.group_id)]["own"]
    assert facts[str(team.data.group_id)]["facts"] == [str(team.id)]
    assert facts[str(certificate.data.certificate_id)]["own"]


async def test_a_scheme_whose_files_have_faults_is_said_to_and_its_sheets_stay(
    database: Database, world: World, keys: DevKeys, tmp_path: Path
) -> None:
    await world.score(*world.facts.visits(1))
    (tmp_path / "wenquan").mkdir()
    (tmp_path / "wenquan" / "scoring.yaml").write_text("readings: {\n", encoding="utf-8")
    async for api in serving(database, keys, tmp_path):
        for path in ("/v1/scoreboard", "/v1/scoreboard/summary"):
            answer = await api.leader(path, **BOARD)
            assert (answer.status_code, answer.json()["code"]) == (503, "scoring.scheme_unusable")
        nothing = await api.mine(period="2026-12")
        assert (nothing.status_code, nothing.json()["code"]) == (503, "scoring.scheme_unusable")
        assert (await api.mine()).status_code == 200


async def test_a_broken_scheme_is_the_reason_only_where_it_governs(
    database: Database, world: World, keys: DevKeys, tmp_path: Path
) -> None:
    (tmp_path / "wenquan").mkdir()
    (tmp_path / "wenquan" / "scoring.yaml").write_text("readings: {\n", encoding="utf-8")
    own = world.facts.binding("own", jurisdiction=VILLAGE[:9], valid={"from": DAY.replace(day=1)})
    await world.hear(own)
    async for api in serving(database, keys, tmp_path):
        before, since = [await api.mine(period=month) for month in ("2026-09", "2026-10")]
        named = await api.mine(period="2026-09", scheme="own")

    assert (before.status_code, before.json()["code"]) == (503, "scoring.scheme_unusable")
    assert [answer.json()["code"] for answer in (since, named)] == ["scoring.sheet_not_found"] * 2


async def test_another_county_finds_no_sheet(world: World, api: Api) -> None:
    await world.score(*world.facts.visits(1))

    for division, status in (("411622", 200), ("411622100", 200), ("411623", 404), ("411622101", 404)):
        answer = await api.leader(f"/v1/officers/{OFFICER}/sheet", reader=division, period="2026-10")
        assert answer.status_code == status
    assert answer.json()["code"] == "scoring.sheet_not_found"


async def test_a_token_without_an_officer_has_no_sheet_of_its_own(api: Api) -> None:
    answer = await api.client.get(
        "/v1/me/sheet", params={"period": "2026-10"}, headers=api.token("scoring:own", division="411622")
    )

    assert (answer.status_code, answer.json()["code"]) == (403, "scoring.no_officer_in_token")


async def test_a_phones_token_reads_its_own_sheet_and_nothing_else_of_scoring(api: Api) -> None:
    phone = api.token("scoring:own", division=VILLAGE, officer=OFFICER)
    board = {"division": VILLAGE, "period": "2026-10", "scheme": "wenquan"}
    for path in (f"/v1/officers/{OFFICER}/sheet", "/v1/scoreboard", "/v1/scoreboard/summary", "/v1/flow"):
        answer = await api.client.get(path, params=board, headers=phone)
        assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert (await api.client.post("/v1/recomputations", headers=phone)).status_code == 403


@pytest.mark.parametrize("period", ["2026-13", "202610", "2026-10-01", "", "九月"])
async def test_a_period_is_a_month(api: Api, period: str) -> None:
    answer = await api.mine(period=period)

    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["errors"] == [{"pointer": "query:period", "message": "应为月份,如 2026-10"}]


async def test_the_page_is_whole_in_itself(world: World, api: Api) -> None:
    await world.score(*world.facts.visits(17))

    page = await api.mine("/v1/me/sheet/page")

    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "走访17户,还差3户,扣1.5分" in page.text
    assert not re.search(r"<script|<link|<img|<iframe|\bsrc=|\bhref=|url\(|@import|https?:|javascript:", page.text)
    assert page.headers["content-security-policy"].startswith("default-src 'none';")
    assert page.headers["cache-control"] == "no-store"
    assert page.headers["referrer-policy"] == "no-referrer"


async def test_a_name_on_the_page_cannot_become_markup(world: World, api: Api) -> None:
    await world.score(world.facts.officer(name="<b>甲</b>"), *world.facts.visits(1))

    page = await api.mine("/v1/me/sheet/page")

    assert "<b>甲" not in page.text
    assert "&lt;b&gt;甲" in page.text


async def test_a_link_opens_the_page_without_a_token(world: World, api: Api) -> None:
    await world.score(*world.facts.visits(17))

    link = await api.link()
    page = await api.client.get(link["url"])

    assert page.status_code == 200
    assert "走访17户" in page.text
    assert page.headers["cache-control"] == "no-store"
    left = datetime.fromisoformat(link["expires_at"]) - system_clock()
    assert timedelta(minutes=14) < left <= timedelta(minutes=15)
    rows = await world.rows("SELECT action, on_behalf_of FROM audit")
    assert rows == [("scoring.page_link", OFFICER)]


async def test_a_field_that_a_link_does_not_have_is_refused(world: World, api: Api) -> None:
    await world.score(*world.facts.visits(1))
    me = api.token("scoring:own", division=VILLAGE, officer=OFFICER)

    answer = await api.client.post("/v1/me/page-links", json={"period": "2026-10", "sheme": "x"}, headers=me)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, "/sheme")


async def test_an_expired_link_says_so(world: World, api: Api) -> None:
    await world.score(*world.facts.visits(1))
    past = system_clock() - timedelta(seconds=1)
    ticket = Ticket(officer_id=OFFICER, day=DAY, scheme=None, expires_at=past).sealed(api.vault)

    answer = await api.client.get("/v1/sheets/page", params={"ticket": ticket})

    assert (answer.status_code, answer.json()["code"]) == (410, "scoring.page_link_expired")


async def test_a_changed_or_foreign_ticket_opens_nothing(world: World, api: Api) -> None:
    await world.score(*world.facts.visits(1))
    ticket = (await api.link())["url"].partition("ticket=")[2]
    flipped = ticket[:-3] + ("A" if ticket[-3] != "A" else "B") + ticket[-2:]
    other = base64.urlsafe_b64encode(api.vault.seal("13800000000")).decode()

    for wrong in (flipped, ticket[:-8], other, "", "x", "村"):
        answer = await api.client.get("/v1/sheets/page", params={"ticket": wrong})
        assert (answer.status_code, answer.json()["code"]) == (403, "scoring.page_link_invalid")
