"""Marked sheets are scored anew, nothing is lost beside it, and what changes is published."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest

from services.scoring.handlers import HANDLERS
from services.scoring.repository.marks import take_marks
from services.scoring.rules import FACTS
from services.scoring.service import recompute
from services.scoring.service.calendar import keep_up
from services.scoring.service.recompute import Recompute
from services.scoring.service.rubrics import Rubrics
from shared.contracts.personnel import AssignmentV1
from shared.database.unit import Database, Unit
from shared.ids import new_id
from tests.scoring.facts import DAY, OFFICER, OTHER_VILLAGE, VILLAGE, at
from tests.scoring.world import DEMO_SCHEMES, World, line


@pytest.fixture
def all_connected(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every fact of the rubric had its publisher."""
    monkeypatch.setattr(recompute, "CONNECTED", frozenset(FACTS.values()))


async def published(world: World) -> list[dict[str, Any]]:
    rows = await world.rows("SELECT body FROM outbox ORDER BY id")
    return [orjson.loads(row.body) for row in rows]


@pytest.mark.usefixtures("all_connected")
async def test_v2_a_quiet_village_with_everything_else_full_is_worth_92(world: World) -> None:
    sheet = await world.score(*world.facts.quiet_month())

    assert str(sheet.total) in ("92", "92.0")
    assert (line(sheet, "S-108")["points"], line(sheet, "S-109")["points"]) == ("6", "6")
    assert sheet.grade == "好"


@pytest.mark.usefixtures("all_connected")
async def test_v4_one_absence_and_eight_households_short_cost_six_points(world: World) -> None:
    disputes = [
        fact
        for _ in range(5)
        for fact in world.facts.done("dispute", {"category": "land", "state": "resolved"}, matter_id=new_id())
    ]
    reports = [world.facts.report("instability", "unpaid_wages") for _ in range(5)]
    closed = [fact for filed in reports for fact in (filed, world.facts.acknowledged(filed), world.facts.closed(filed))]

    sheet = await world.score(
        *world.facts.visits(12), world.facts.absence(DAY), *world.facts.all_else(), *disputes, *closed
    )

    assert sheet.total == 94
    assert line(sheet, "S-101")["points"] == "14"
    assert line(sheet, "S-101")["sentences"] == ["缺勤1次,扣2分", "走访12户,还差8户,扣4分"]


async def test_lines_whose_facts_nobody_publishes_yet_say_so_and_withhold_the_grade(world: World) -> None:
    sheet = await world.score(*world.facts.quiet_month())

    silent = [shown["item"] for shown in sheet.content["lines"] if shown["status"] == "not_connected"]
    assert silent == ["S-103", "item-4", "S-110", "S-111", "S-112", "S-118", "S-119"]
    assert line(sheet, "S-103")["sentences"] == ["本项所需数据暂无来源,暂不计分"]
    assert sheet.grade is None


async def test_a_reversed_verdict_takes_the_points_back_visibly(world: World) -> None:
    visit = world.facts.visit("another-house")
    before = await world.score(visit, world.facts.verified(visit), *world.facts.visits(19))

    after = await world.score(world.facts.rejected(visit))

    assert before.total is not None
    assert after.total == before.total - Decimal("0.5")
    assert [str(visit.data.activity_id), "rejected"] in line(after, "S-101")["not_counted"]
    told = (await published(world))[-1]
    assert told["revision"] == after.revision == before.revision + 1
    changed = next(said for said in told["lines"] if said["item"] == "S-101")
    assert changed["counted"] == []
    assert changed["not_counted"] == [{"id": str(visit.data.activity_id), "why": "rejected"}]


async def test_work_outside_ones_own_village_is_shown_and_not_counted(world: World) -> None:
    sheet = await world.score(*world.facts.visits(1, village=OTHER_VILLAGE))

    assert [why for _, why in line(sheet, "S-101")["not_counted"]] == ["outside_assignment"]


async def test_work_outside_counts_once_the_assignment_is_known(world: World) -> None:
    await world.score(*world.facts.visits(1, village=OTHER_VILLAGE))

    sheet = await world.score(world.facts.assignment(village=OTHER_VILLAGE))

    assert len(line(sheet, "S-101")["counted"]) == 1
    assert sheet.villages == (VILLAGE, OTHER_VILLAGE)


async def test_a_backups_work_counts_and_the_quota_stays_with_the_owner(world: World) -> None:
    sheet = await world.score(
        world.facts.assignment(village=OTHER_VILLAGE, role="backup"), *world.facts.visits(1, village=OTHER_VILLAGE)
    )

    assert len(line(sheet, "S-101")["counted"]) == 1
    assert sheet.villages == (VILLAGE,)


async def test_an_unchanged_sheet_keeps_its_revision_and_is_not_published_again(world: World) -> None:
    before = await world.score(*world.facts.quiet_month())
    facts = len(await published(world))

    await world.mark_everybody()
    await world.recompute()

    assert await world.sheet() == before
    assert len(await published(world)) == facts


async def test_a_fact_that_arrives_during_a_recompute_is_not_lost(world: World) -> None:
    await world.score(*world.facts.visits(3))
    await world.hear(*world.facts.visits(1, day=date(2026, 10, 20)))
    late = world.facts.visits(5, day=date(2026, 10, 21))

    await world.all_due()

    async with world.database.unit() as computing:
        marks = await take_marks(computing.connection, 10)
        assert [mark.officer_id for mark in marks] == [OFFICER]
        await Recompute(computing, world.rubrics).of(marks)
        async with asyncio.timeout(5):
            await world.hear(*late)  # nobody who marks waits for a recompute
    await world.recompute()

    assert await world.digests() == await world.from_nothing()
    assert "走访5户" in line(await world.sheet(), "S-101")["sentences"][1]


async def test_two_recomputes_never_take_the_same_officer(world: World) -> None:
    await world.hear(*world.facts.visits(1))
    await world.all_due()

    async with world.database.unit() as first, world.database.unit() as second:
        taken = await take_marks(first.connection, 10)
        await world.hear(*world.facts.visits(1, day=date(2026, 10, 20)))
        await asyncio.sleep(0.05)
        assert (len(taken), await take_marks(second.connection, 10)) == (1, [])
    async with world.database.unit() as third:
        assert len(await take_marks(third.connection, 10)) == 1


async def test_a_fact_of_the_first_month_of_a_quota_is_seen_by_the_sheet_of_its_last(world: World) -> None:
    await world.score(*world.facts.visits(1))

    sheet = await world.score(*world.facts.done("publicity", {"topics": ["four_prevention"]}, day=date(2026, 9, 3)))

    assert line(sheet, "S-102")["sentences"] == ["四防宣传1次,已达标"]
    assert await world.digests() == await world.from_nothing()


async def test_everybody_appraised_has_a_sheet_of_a_month_in_which_anybody_worked(world: World) -> None:
    idle = UUID(int=77)
    await world.hear(world.facts.assignment(idle, OTHER_VILLAGE))

    await world.score(*world.facts.visits(1))

    assert line(await world.sheet(idle), "S-101")["sentences"][1] == "走访0户,还差20户,扣10分"


async def test_a_month_that_begins_opens_sheets_without_any_fact(world: World) -> None:
    async with world.database.unit() as unit:
        await keep_up(replace_now(unit, date(2026, 12, 1)), world.rubrics)
    await world.recompute()

    assert [key[2] for key in await world.sheets()] == [date(2026, 12, 1)]


async def keep_up_with(world: World, rubrics: Rubrics) -> list[UUID]:
    """Who is marked once a process with these rubrics has looked at the calendar."""
    async with world.database.unit() as unit:
        await keep_up(replace_now(unit, DAY), rubrics)
    return [row.officer_id for row in await world.rows("SELECT officer_id FROM dirty_mark ORDER BY officer_id")]


async def test_another_version_of_the_rubric_scores_everybody_anew(world: World) -> None:
    await keep_up_with(world, world.rubrics)
    await world.score(*world.facts.visits(1))

    assert await keep_up_with(world, world.rubrics) == []
    assert await keep_up_with(world, Rubrics(None)) == [OFFICER]


async def test_once_the_measure_period_is_decided_everybody_gets_a_sheet(world: World) -> None:
    undecided = World(world.database, world.facts, Rubrics(None))
    await keep_up_with(world, undecided.rubrics)
    await undecided.hear(*world.facts.visits(1))
    await undecided.recompute()
    assert await world.sheets() == {}

    assert await keep_up_with(world, world.rubrics) == [OFFICER]
    await world.recompute()

    assert (await world.sheet()).total is not None


async def test_a_broken_override_leaves_the_sheets_as_they_are_until_it_is_mended(world: World, tmp_path: Path) -> None:
    await keep_up_with(world, world.rubrics)
    before = await world.score(*world.facts.visits(1))
    (tmp_path / "wenquan").mkdir()
    (tmp_path / "wenquan" / "scoring.yaml").write_text("readings: {\n", encoding="utf-8")
    broken = World(world.database, world.facts, Rubrics(tmp_path))

    await keep_up_with(broken, broken.rubrics)
    await broken.hear(*world.facts.visits(1, day=date(2026, 10, 20), village=OTHER_VILLAGE))
    await broken.recompute()

    assert await world.sheet() == before
    assert await keep_up_with(world, Rubrics(DEMO_SCHEMES)) == [OFFICER]
    await world.recompute()
    assert await world.digests() == await world.from_nothing()


async def test_who_is_no_longer_appraised_loses_the_sheet_and_readers_are_told(world: World) -> None:
    assignment = world.facts.assignment(UUID(int=78), OTHER_VILLAGE)
    await world.hear(assignment)
    await world.score(*world.facts.visits(1))

    moved = assignment.data.model_copy(update={"post": "volunteer"})
    await world.hear(assignment._replace(data=moved))
    await world.recompute()

    assert (await world.sheet(UUID(int=78))).total is None
    told = (await published(world))[-1]
    assert (told["who"]["id"], told["withheld"], told["revision"]) == (str(UUID(int=78)), ["C-45"], 2)


async def test_nobody_has_a_sheet_while_the_measure_period_is_undecided(world: World) -> None:
    undecided = World(world.database, world.facts, Rubrics(None))
    await undecided.hear(*world.facts.visits(1))
    await undecided.recompute()

    assert await undecided.sheets() == {}


async def test_the_published_sheet_names_scheme_version_and_place(world: World) -> None:
    sheet = await world.score(*world.facts.visits(17))

    told = (await published(world))[-1]
    row = (await world.rows("SELECT topic, stream_key, attributes FROM outbox ORDER BY id DESC LIMIT 1"))[0]
    assert (row.topic, row.stream_key) == ("scoring.sheet", str(OFFICER))
    assert row.attributes["ce_scheme"] == "wenquan"
    assert row.attributes["ce_jurisdiction"] == VILLAGE
    assert told["scheme_version"] == sheet.scheme_version
    assert (told["state"], told["period"]) == ("provisional", {"from": "2026-10-01", "to": "2026-10-31"})
    assert len(next(said for said in told["lines"] if said["item"] == "S-101")["counted"]) == 17


async def test_facts_of_a_matter_earn_once_over_the_months(world: World) -> None:
    matter = new_id()
    resolved = {"category": "land", "state": "resolved"}
    await world.hear(*world.facts.done("dispute", resolved, matter_id=matter, day=date(2026, 11, 5)))
    await world.recompute()

    october = await world.score(*world.facts.done("dispute", resolved, matter_id=matter, day=date(2026, 10, 20)))

    november = (await world.sheets())[(OFFICER, "wenquan", date(2026, 11, 1))]
    assert (line(october, "S-108")["points"], line(november, "S-108")["points"]) == ("2", "0")
    assert await world.digests() == await world.from_nothing()


async def test_an_assignment_and_a_fact_of_its_village_committed_side_by_side_both_reach_the_sheet(
    world: World,
) -> None:
    await world.score(*world.facts.visits(1))
    assignment = world.facts.assignment(village=OTHER_VILLAGE)
    team = world.facts.group("patrol_team", village=OTHER_VILLAGE)

    async with world.database.unit() as assigning:
        await HANDLERS[AssignmentV1]([assignment], assigning)
        hearing = asyncio.create_task(world.hear(team))
        await until_blocked(world)
    await hearing
    await world.recompute()

    assert await world.digests() == await world.from_nothing()
    assert str(team.data.group_id) in [counted[0] for counted in line(await world.sheet(), "S-104")["counted"]]


NOVEMBER = date(2026, 11, 1)


async def two_months(world: World) -> None:
    """Sheets of October and November."""
    await world.score(*world.facts.visits(1), *world.facts.visits(1, day=date(2026, 11, 12)))


async def team_points(world: World) -> dict[int, str]:
    """By month, what the fire team was worth."""
    return {month.month: line(sheet, "S-105")["points"] for (_, _, month), sheet in (await world.sheets()).items()}


async def test_a_group_without_an_end_reaches_every_month_it_lasts(world: World) -> None:
    await two_months(world)

    await world.score(world.facts.group("fire_team"))

    assert await team_points(world) == {10: "3", 11: "3"}
    assert await world.digests() == await world.from_nothing()


async def test_a_group_that_turns_out_to_have_ended_loses_the_months_after(world: World) -> None:
    await two_months(world)
    team = world.facts.group("fire_team")
    await world.score(team)

    ended = {"group_id": team.data.group_id, "valid": {"from": date(2025, 1, 1), "to": date(2026, 10, 20)}}
    await world.score(world.facts.group("fire_team", **ended))

    assert await team_points(world) == {10: "3", 11: "0"}
    assert await world.digests() == await world.from_nothing()


async def test_a_group_that_is_dissolved_keeps_the_points_of_the_months_before(world: World) -> None:
    await two_months(world)
    team = world.facts.group("fire_team", told=date(2026, 1, 5))
    dissolved = world.facts.group("fire_team", "dissolved", group_id=team.data.group_id, told=NOVEMBER)

    for said in (team, dissolved):
        await world.score(said)

    assert await team_points(world) == {10: "3", 11: "0"}
    assert await world.digests() == await world.from_nothing()


async def test_of_what_is_said_about_a_group_on_one_day_the_last_holds_from_its_beginning(world: World) -> None:
    await two_months(world)
    mistaken = world.facts.group("fire_team", "formed", told=date(2026, 11, 5))
    corrected = world.facts.group("fire_team", group_id=mistaken.data.group_id, told=date(2026, 11, 5))

    await world.score(mistaken, corrected)

    assert await team_points(world) == {10: "3", 11: "3"}


async def test_a_dispute_that_was_escalated_earns_nothing_before_its_station_has_settled_it(world: World) -> None:
    matter = new_id()
    resolved = world.facts.done("dispute", {"category": "family", "state": "resolved"}, matter_id=matter)
    report = world.facts.report("dispute", "family", matter, severity="urgent")

    waiting = await world.score(*resolved, report)
    settled = await world.score(world.facts.closed(report))

    assert [line(sheet, "S-108")["points"] for sheet in (waiting, settled)] == ["0", "2"]


async def test_a_withdrawn_report_leaves_the_certificate_alone(world: World) -> None:
    report = world.facts.report("dispute", "family", severity="serious")

    conflict = await world.score(world.facts.certificate("dispute"), report)
    quiet = await world.score(world.facts.closed(report, "withdrawn"))

    assert [line(sheet, "S-108")["points"] for sheet in (conflict, quiet)] == ["0", "6"]


async def test_a_colleagues_dispute_takes_the_base_of_the_village_from_everybody(world: World) -> None:
    neighbour = UUID(int=78)
    await world.score(world.facts.certificate("dispute"), world.facts.assignment(neighbour, OTHER_VILLAGE))

    sheet = await world.score(*world.facts.done("dispute", {"state": "resolved"}, officer=neighbour))

    assert line(sheet, "S-108")["points"] == "0"
    assert "certificate_beside_matter" in [warning["code"] for warning in sheet.content["warnings"]]
    assert await world.digests() == await world.from_nothing()


async def test_a_backups_disputes_count_for_him(world: World) -> None:
    sheet = await world.score(
        world.facts.assignment(village=OTHER_VILLAGE, role="backup"),
        world.facts.certificate("dispute"),
        *world.facts.done("dispute", {"state": "resolved"}, village=OTHER_VILLAGE),
    )

    shown = line(sheet, "S-108")
    assert (shown["points"], shown["not_counted"]) == ("8", [])
    assert sheet.villages == (VILLAGE,)


async def test_a_quota_is_owed_only_on_the_days_the_post_is_bound_to_the_scheme(database: Database) -> None:
    world = World(database)
    bound = world.facts.binding(valid={"from": date(2026, 10, 16)})
    await world.hear(world.facts.officer(), world.facts.assignment(), bound)

    sheet = await world.score(*world.facts.visits(9, day=date(2026, 10, 20)))

    assert line(sheet, "S-101")["sentences"][1] == "走访9户,还差1户,扣0.5分"


async def test_a_post_that_is_decided_not_to_be_appraised_has_no_sheet(world: World, tmp_path: Path) -> None:
    demo = (DEMO_SCHEMES / "wenquan" / "scoring.yaml").read_text(encoding="utf-8")
    (tmp_path / "wenquan").mkdir()
    decided = demo.replace(
        "village_auxiliary: {status: interpreted, value: true", "village_auxiliary: {status: interpreted, value: false"
    )
    (tmp_path / "wenquan" / "scoring.yaml").write_text(decided, encoding="utf-8")
    without = World(world.database, world.facts, Rubrics(tmp_path))
    await without.hear(*world.facts.visits(1))
    await without.recompute()

    assert await without.sheets() == {}


@pytest.mark.usefixtures("all_connected")
async def test_a_finding_about_a_village_costs_only_who_was_there(database: Database) -> None:
    world = World(database)
    posted = world.facts.assignment(valid={"from": date(2026, 10, 10), "to": date(2026, 10, 20)})
    await world.hear(world.facts.officer(), posted, world.facts.binding())
    days = (date(2026, 10, 9), date(2026, 10, 15), date(2026, 10, 21))

    sheet = await world.score(*(world.facts.finding("missed_registration", day) for day in days))

    assert line(sheet, "S-110")["points"] == "-1"


async def until_blocked(world: World) -> None:
    """Wait until some other session waits for a lock."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    async with asyncio.timeout(10):
        while (await world.rows(waiting))[0][0] == 0:
            await asyncio.sleep(0)


def replace_now(unit: Unit, day: date) -> Unit:
    return replace(unit, now=at(day))


def test_the_demo_decides_every_open_point_of_its_rubric() -> None:
    scheme = Rubrics(DEMO_SCHEMES).find("wenquan")

    assert scheme is not None
    assert scheme.plan.open == ()
