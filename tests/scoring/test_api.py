"""What officers, leaders and operators get over HTTP."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.scoring.app import create_app
from services.scoring.service.printing import Ticket
from shared.clock import system_clock
from shared.database.unit import Database
from shared.security.dependencies import unprotected_routes
from shared.security.dev_issuer import DEV_AUDIENCE, DEV_ISSUER, DevKeys, ensure_dev_keys, issue_token
from shared.security.vault import Vault
from shared.settings import ServiceSettings
from tests.scoring.world import DAY, DEMO_SCHEMES, OFFICER, OTHER_VILLAGE, VILLAGE, World

THIRD_VILLAGE = "411622101201"
OCTOBER = {"period": "2026-10"}
BOARD = {**OCTOBER, "division": "411622", "scheme": "wenquan"}


@dataclass
class Api:
    """The API of scoring, and tokens for it."""

    client: httpx.AsyncClient
    keys: DevKeys
    routes: Any
    vault: Vault = field(init=False)

    def __post_init__(self) -> None:
        self.vault = Vault.load(self.keys.encryption_keys_path)

    def token(self, *scopes: str, division: str = "411622", officer: UUID | None = None) -> dict[str, str]:
        key = self.keys.private_key_path
        token = issue_token(key, subject="test", scopes=scopes, division=division, officer_id=officer)
        return {"Authorization": f"Bearer {token}"}

    async def mine(self, path: str = "/v1/me/sheet", **query: str) -> httpx.Response:
        me = self.token("scoring:read", division=VILLAGE, officer=OFFICER)
        return await self.client.get(path, params={**OCTOBER, **query}, headers=me)

    async def leader(self, path: str, reader: str = "411622", **query: str) -> httpx.Response:
        return await self.client.get(path, params=query, headers=self.token("scoring:read", division=reader))

    async def link(self) -> dict[str, str]:
        me = self.token("scoring:read", division=VILLAGE, officer=OFFICER)
        answer = await self.client.post("/v1/me/page-links", json=OCTOBER, headers=me)
        assert answer.status_code == 201, answer.text
        found: dict[str, str] = answer.json()
        return found


async def _api(database: Database, keys: DevKeys, schemes: Path | None) -> AsyncIterator[Api]:
    settings = ServiceSettings.of(
        "scoring",
        database_url=database.url,
        kafka_bootstrap_servers="127.0.0.1:1",  # no HTTP route speaks to the broker
        jwt_issuer=DEV_ISSUER,
        jwt_audience=DEV_AUDIENCE,
        jwks=str(keys.jwks_path),
        encryption_keys=keys.encryption_keys_path,
        schemes_dir=schemes,
    )
    app = create_app(settings)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://scoring") as client:
        yield Api(client, keys, app)
    await app.state.database.close()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> DevKeys:
    return ensure_dev_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture
async def api(database: Database, keys: DevKeys) -> AsyncIterator[Api]:
    """Scoring with the demo's decisions."""
    async for api in _api(database, keys, DEMO_SCHEMES):
        yield api


@pytest.fixture
async def undecided_api(database: Database, keys: DevKeys) -> AsyncIterator[Api]:
    """Scoring with the rubric as the documents left it."""
    async for api in _api(database, keys, None):
        yield api


def test_every_route_declares_its_protection(api: Api) -> None:
    assert unprotected_routes(api.routes) == []


async def test_an_officer_sees_his_sheet_in_sentences(world: World, api: Api) -> None:
    await world.score(*world.facts.visits(17), world.facts.visit("unseen"))

    answer = await api.mine()

    sheet = answer.json()
    first = sheet["lines"][0]
    assert answer.status_code == 200
    assert first["sentence"] == "无缺勤;走访17户,还差3户,扣1.5分"
    assert (first["item"], first["points"], first["full"]) == ("S-101", "18.5", "20")
    assert (first["counted"], first["not_counted"]) == (17, 1)
    assert first["rules"][0] == "S-101"
    assert (sheet["total"], sheet["full"], sheet["state"], sheet["grade"]) == ("22.5", "100", "provisional", None)
    assert sheet["officer"] == {"id": str(OFFICER), "name": "演示甲"}
    assert sheet["period"] == {"from": "2026-10-01", "to": "2026-10-31"}


async def test_a_full_sheet_stays_under_five_kilobytes(world: World, api: Api) -> None:
    await world.score(*world.facts.quiet_month())

    answer = await api.mine()

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
    async for api in _api(database, keys, tmp_path):
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


async def test_another_county_finds_no_sheet(world: World, api: Api) -> None:
    await world.score(*world.facts.visits(1))

    for division, status in (("411622", 200), ("411622100", 200), ("411623", 404), ("411622101", 404)):
        answer = await api.leader(f"/v1/officers/{OFFICER}/sheet", reader=division, period="2026-10")
        assert answer.status_code == status
    assert answer.json()["code"] == "scoring.sheet_not_found"


async def test_a_token_without_an_officer_has_no_sheet_of_its_own(api: Api) -> None:
    answer = await api.leader("/v1/me/sheet", period="2026-10")

    assert (answer.status_code, answer.json()["code"]) == (403, "scoring.no_officer_in_token")


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
    elsewhere = (await api.leader("/v1/scoreboard", reader="411623", **BOARD)).json()

    assert [(place["rank"], place["officer"]["name"]) for place in town["items"]] == [(1, "演示丙")]
    assert (elsewhere["items"], elsewhere["vacancies"]) == ([], 0)


async def test_the_summary_names_both_ends_and_the_vacant_villages(world: World, api: Api) -> None:
    await three_officers(world)

    summary = (await api.leader("/v1/scoreboard/summary", **BOARD, places="1")).json()

    assert [place["officer"]["name"] for place in summary["top"]] == ["演示甲"]
    assert [place["officer"]["name"] for place in summary["bottom"]] == ["演示丙"]
    assert summary["vacancies"] == [{"code": "411622101202", "name": "丁村"}]


async def test_a_board_of_an_unknown_scheme_is_not_found(api: Api) -> None:
    answer = await api.leader("/v1/scoreboard", **{**BOARD, "scheme": "nowhere"})

    assert (answer.status_code, answer.json()["code"]) == (404, "scoring.scheme_unknown")


async def test_an_operator_has_everybody_scored_anew(world: World, api: Api) -> None:
    await world.score(*world.facts.visits(1))

    answer = await api.client.post("/v1/recomputations", headers=api.token("ops"))
    refused = await api.client.post("/v1/recomputations", headers=api.token("scoring:read"))

    assert (answer.status_code, answer.json()) == (202, {"officers": 1})
    assert refused.status_code == 403
    assert await world.rows("SELECT officer_id, since, until FROM dirty_mark") == [(OFFICER, date.min, date.max)]
