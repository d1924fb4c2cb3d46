"""A sheet that cannot be computed is kept as failed, shown and tried again, and nobody else's waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from pathlib import Path
from shutil import copytree
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from services.cli.schemes import MODELS
from services.scoring.repository.failures import try_again
from services.scoring.repository.marks import mark_officers
from services.scoring.repository.sheets import sheets_of
from services.scoring.rubric import Rubric
from services.scoring.rules import Period, evidence_from
from services.scoring.service import recompute
from services.scoring.service import recomputing as recomputing_module
from services.scoring.service.calendar import keep_up
from services.scoring.service.recomputing import Recomputing
from services.scoring.service.rubrics import Rubrics
from shared.messaging.outbox import MAX_BODY
from shared.schemes.checks import check_schemes
from shared.schemes.loader import PRESETS, read_scheme
from tests.scoring.facts import OFFICER, VILLAGE
from tests.scoring.world import DEMO_SCHEMES, World, line

OTHER = UUID(int=77)


@pytest.fixture(autouse=True)
def _unprinted() -> Iterator[None]:
    """Unconfigured, the logger prints an error with every local variable: of thousands of visits, for minutes."""
    with capture_logs():
        yield


def _broken(folder: Path, addition: str) -> Rubrics:
    """The demonstration's rubric with a fault that only evaluating shows."""
    demo = (DEMO_SCHEMES / "wenquan" / "scoring.yaml").read_text(encoding="utf-8")
    (folder / "wenquan").mkdir()
    (folder / "wenquan" / "scoring.yaml").write_text(f"{demo}\n{addition}\n", encoding="utf-8")
    return Rubrics(folder)


TEXT_AS_NUMBER = "facts: {four_prevention: {where: {details.form: {at_least: 1}}}}"
LECTURE = {"topics": ["four_prevention"], "form": "lecture"}


async def _tick(world: World, recomputing: Recomputing) -> None:
    """As the worker's ticker does it, until nothing is due."""
    await world.all_due()
    more = True
    while more:
        try:
            async with world.database.unit() as unit:
                more = await recomputing.tick(unit)
        except Exception as error:
            async with world.database.unit() as unit:
                await recomputing.failed(unit, error)


async def _failures(world: World) -> list[Any]:
    return await world.rows("SELECT officer_id, scheme, reason, tries FROM sheet_failure ORDER BY officer_id")


async def test_a_text_compared_with_a_number_fails_the_sheet_it_meets_and_no_other(
    world: World, tmp_path: Path
) -> None:
    broken = World(world.database, world.facts, _broken(tmp_path, TEXT_AS_NUMBER))
    await world.hear(world.facts.assignment(OTHER))
    publicity = world.facts.activity("publicity", LECTURE)
    await world.hear(publicity, world.facts.verified(publicity))

    await _tick(world, Recomputing(broken.rubrics))

    assert {(row.officer_id, row.scheme, row.reason) for row in await _failures(world)} == {
        (OFFICER, "wenquan", "TypeError")
    }
    assert {officer for officer, _, _ in await world.sheets(OFFICER, OTHER)} == {OTHER}


async def test_what_failed_is_tried_again_later_and_later_and_heals_by_itself(world: World, tmp_path: Path) -> None:
    broken = Recomputing(_broken(tmp_path, TEXT_AS_NUMBER))
    publicity = world.facts.activity("publicity", LECTURE)
    await world.hear(publicity, world.facts.verified(publicity))
    await _tick(world, broken)
    assert await world.rows("SELECT 1 FROM dirty_mark") == []

    for tries in (2, 3):
        await _let_next_try_come(world)
        await _tick(world, broken)
        assert [row.tries for row in await _failures(world)] == [tries]
    [wait] = await world.rows(
        "SELECT next_try > clock_timestamp() + interval '35 seconds' AS longer FROM sheet_failure"
    )
    assert wait.longer

    await _let_next_try_come(world)
    await _tick(world, Recomputing(world.rubrics))
    assert await _failures(world) == []
    assert await world.digests() == await world.from_nothing()


async def _let_next_try_come(world: World) -> None:
    async with world.database.unit() as unit:
        await unit.connection.execute(text("UPDATE sheet_failure SET next_try = now() - interval '1 second'"))
        assert await try_again(unit.connection) == 1


async def test_whatever_ends_a_whole_batch_puts_aside_the_one_officer_who_causes_it(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    others = [UUID(int=100 + n) for n in range(4)]
    await world.hear(*(world.facts.assignment(officer) for officer in others), *world.facts.visits(1))
    stored = sheets_of

    async def fails_for_one(connection: Any, officers: Any) -> Any:
        if OFFICER in officers:
            raise RuntimeError
        return await stored(connection, officers)

    monkeypatch.setattr(recompute, "sheets_of", fails_for_one)
    await _tick(world, Recomputing(world.rubrics))

    assert [(row.officer_id, row.scheme) for row in await _failures(world)] == [(OFFICER, "")]
    assert {officer for officer, _, _ in await world.sheets(OFFICER, *others)} == set(others)
    assert await world.rows("SELECT DISTINCT officer_id FROM dirty_mark") == [(OFFICER,)]


async def test_thousands_of_visits_are_told_in_facts_of_bounded_size(world: World) -> None:
    visits = [world.facts.visit(f"house-{house}") for house in range(2_500)]
    await world.hear(*visits)
    recomputing = Recomputing(world.rubrics)
    await _tick(world, recomputing)

    rows = await world.rows("SELECT octet_length(body) AS size, body FROM outbox ORDER BY id")
    assert len(rows) > 4
    assert max(row.size for row in rows) < MAX_BODY / 2
    facts = [orjson.loads(row.body) for row in rows]
    assert [fact["revision"] for fact in facts] == list(range(1, len(facts) + 1))
    told = {change["id"] for fact in facts for line in fact["lines"] for change in line["not_counted"]}
    assert told >= {str(visit.data.activity_id) for visit in visits}
    assert (await world.sheet()).revision == len(facts)


async def test_an_officer_with_very_many_entries_is_computed_apart(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recompute, "MANY_ENTRIES", 200)
    recomputing = Recomputing(world.rubrics)
    visits = [world.facts.visit(f"house-{house}") for house in range(recompute.MANY_ENTRIES + 1)]
    await world.hear(*visits[1:], world.facts.assignment(OTHER))
    await _tick(world, recomputing)
    assert await world.rows("SELECT 1 FROM dirty_mark") == []

    await world.hear(visits[0])
    await _tick(world, recomputing)
    assert await world.rows("SELECT DISTINCT officer_id FROM dirty_mark") == [(OFFICER,)]

    await _tick_apart(world, recomputing)
    assert await world.rows("SELECT 1 FROM dirty_mark") == []
    assert await world.digests() == await world.from_nothing()


async def test_after_one_with_very_many_entries_the_others_have_the_worker_for_a_while(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recompute, "MANY_ENTRIES", 10)
    monkeypatch.setattr(recomputing_module, "REST", 1_000_000)
    recomputing = Recomputing(world.rubrics)
    await world.hear(*world.facts.visits(20))
    await _tick(world, recomputing)
    await _tick_apart(world, recomputing)
    scored = await world.digests()

    await world.hear(*world.facts.visits(1))
    await _tick(world, recomputing)
    await _tick_apart(world, recomputing)
    assert await world.digests() == scored, "his next turn has not come"


@pytest.mark.parametrize("fails", [False, True])
async def test_twenty_thousand_visits_of_one_officer_leave_every_other_sheet_computed_and_heal_without_a_person(
    world: World, tmp_path: Path, fails: bool
) -> None:
    others = [UUID(int=100 + n) for n in range(30)]
    await world.hear(*(world.facts.assignment(officer) for officer in others))
    lecture = world.facts.activity("publicity", LECTURE)
    visits = [world.facts.visit(f"house-{house}") for house in range(20_000)]
    await world.hear(*visits, lecture, world.facts.verified(lecture))
    started = Recomputing(_broken(tmp_path, TEXT_AS_NUMBER) if fails else world.rubrics)

    await _tick(world, started)

    assert {officer for officer, _, _ in await world.sheets(OFFICER, *others)} == set(others)
    assert await world.rows("SELECT DISTINCT officer_id FROM dirty_mark") == [(OFFICER,)]

    await _tick_apart(world, started)
    if fails:
        assert [(row.officer_id, row.reason) for row in await _failures(world)] == [(OFFICER, "TypeError")]
        await _let_next_try_come(world)
        mended = Recomputing(world.rubrics)
        await _tick(world, mended)
        await _tick_apart(world, mended)

    assert await _failures(world) == []
    assert await world.rows("SELECT 1 FROM dirty_mark") == []
    refused = line(await world.sheet(), "S-101")["not_counted"]
    assert len(refused) == len(visits)


async def _tick_apart(world: World, recomputing: Recomputing) -> None:
    await world.all_due()
    more = True
    while more:
        async with world.database.unit() as unit:
            more = await recomputing.tick_apart(unit)


async def test_many_months_are_computed_in_pieces_that_miss_none(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recompute, "MOST_SHEETS", 2)
    days = [date(2026, month, 10) for month in range(1, 11)]
    await world.hear(*(fact for day in days for fact in world.facts.visits(1, day=day)))
    await _tick(world, Recomputing(world.rubrics))
    assert len(await world.sheets()) == 10
    monkeypatch.undo()
    assert await world.digests() == await world.from_nothing()


async def test_two_workers_with_other_scheme_files_settle_on_the_later_one(world: World, tmp_path: Path) -> None:
    demo = (DEMO_SCHEMES / "wenquan" / "scoring.yaml").read_text(encoding="utf-8")
    (tmp_path / "wenquan").mkdir()
    (tmp_path / "wenquan" / "scoring.yaml").write_text(demo.replace("least: 85", "least: 84"), encoding="utf-8")
    older, newer = Rubrics(DEMO_SCHEMES), Rubrics(tmp_path)
    for rubrics in (older, newer):
        async with world.database.unit() as unit:
            await keep_up(unit, rubrics)
    await world.all_due()
    async with world.database.unit() as unit:
        await unit.connection.execute(text("DELETE FROM dirty_mark"))
    for rubrics in (older, newer, older, newer):
        async with world.database.unit() as unit:
            await keep_up(unit, rubrics)

    assert await world.rows("SELECT 1 FROM dirty_mark") == []
    assert (older.outdated, newer.outdated) == (True, False)
    await world.hear(*world.facts.visits(1))
    await _tick(world, Recomputing(older))
    assert await world.sheets() == {}
    await _tick(world, Recomputing(newer))
    assert {sheet.scheme_version for sheet in (await world.sheets()).values()} == {newer.find("wenquan").version}  # type: ignore[union-attr]


async def test_a_shadow_is_scored_beside_what_governs_and_never_published(world: World, tmp_path: Path) -> None:
    rubrics = _with_trial(tmp_path)
    await world.hear(world.facts.binding("trial", jurisdiction=VILLAGE[:9], use="shadow"), *world.facts.visits(1))
    await _tick(world, Recomputing(rubrics))
    sheets = {sheet.scheme: sheet for sheet in (await world.sheets()).values()}
    assert {scheme: sheet.shadow for scheme, sheet in sheets.items()} == {"wenquan": False, "trial": True}
    told = await world.rows("SELECT attributes->>'ce_scheme' AS scheme FROM outbox")
    assert {row.scheme for row in told} == {"wenquan"}


async def test_a_townships_own_scheme_takes_the_place_of_the_countys(world: World, tmp_path: Path) -> None:
    copytree(DEMO_SCHEMES / "wenquan", tmp_path / "wenquan")
    await world.hear(*world.facts.visits(1))
    await _tick(world, Recomputing(world.rubrics))
    own = world.facts.binding("own", jurisdiction=VILLAGE[:9], valid={"from": date(2026, 10, 1)})
    await world.hear(own)
    await _tick(world, Recomputing(world.rubrics))
    scored = {first for (_, _, first), sheet in (await world.sheets()).items() if sheet.total is not None}
    assert scored == {date(2026, month, 1) for month in range(1, 10)} & scored
    assert date(2026, 10, 1) not in scored


async def test_a_scheme_that_cannot_say_its_periods_fails_alone(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rubrics = _with_trial(tmp_path)
    trial = rubrics.find("trial")
    assert trial

    def without_trial(rubric: Rubric, period: Period) -> date:
        return evidence_from(rubric, period) if rubric is not trial.plan.rubric else date(2026, 13, 1)

    monkeypatch.setattr("services.scoring.service.rubrics.evidence_from", without_trial)
    await world.hear(world.facts.binding("trial", jurisdiction=VILLAGE[:9], use="shadow"), *world.facts.visits(1))
    await _tick(world, Recomputing(rubrics))

    assert {(row.scheme, row.reason) for row in await _failures(world)} == {("trial", "ValueError")}
    assert {scheme for _, scheme, _ in await world.sheets()} == {"wenquan"}


def test_a_quota_of_five_months_makes_the_scheme_unusable_and_no_other(tmp_path: Path) -> None:
    rubrics = _with_trial(tmp_path)
    file = tmp_path / "trial" / "scoring.yaml"
    content = orjson.loads(file.read_bytes())
    content["lines"]["S-102"]["parts"]["events"]["months"]["value"] = 5
    file.write_bytes(orjson.dumps(content))
    assert (rubrics.is_broken("trial"), rubrics.is_broken("wenquan")) == (True, False)
    assert any("months is one of" in finding.message for finding in check_schemes(MODELS, tmp_path))


def _with_trial(folder: Path) -> Rubrics:
    """The demonstration's scheme, and the same again under another name."""
    trial = read_scheme("wenquan", DEMO_SCHEMES)["scoring"]
    (folder / "trial").mkdir()
    head = (PRESETS / "wenquan" / "scheme.yaml").read_text(encoding="utf-8")
    (folder / "trial" / "scheme.yaml").write_text(head.replace("wenquan", "trial"), encoding="utf-8")
    (folder / "trial" / "scoring.yaml").write_bytes(orjson.dumps(trial.content, default=str))
    copytree(DEMO_SCHEMES / "wenquan", folder / "wenquan")
    return Rubrics(folder)


async def _use(world: World, use: str) -> None:
    """The binding becomes another; everybody is scored anew."""
    async with world.database.unit() as unit:
        await unit.connection.execute(text("UPDATE known_binding SET use = :use"), {"use": use})
    await world.mark_everybody()
    await _tick(world, Recomputing(world.rubrics))


async def _told(world: World) -> list[Any]:
    return [orjson.loads(row.body) for row in await world.rows("SELECT body FROM outbox ORDER BY id")]


async def test_what_governed_and_becomes_a_shadow_is_taken_back_from_its_readers(world: World) -> None:
    await world.hear(*world.facts.visits(1))
    await _tick(world, Recomputing(world.rubrics))
    before = await _told(world)

    await _use(world, "shadow")

    assert (await world.sheet()).shadow
    after = (await _told(world))[len(before) :]
    assert {fact["sheet_id"] for fact in after} == {fact["sheet_id"] for fact in before}
    assert {tuple(fact["withheld"]) for fact in after} == {("C-45",)}


async def test_a_shadow_that_comes_to_govern_is_told_whole(world: World) -> None:
    await _use(world, "shadow")
    await world.hear(*world.facts.visits(1))
    await _tick(world, Recomputing(world.rubrics))
    assert (await world.sheet()).shadow
    assert await _told(world) == []

    await _use(world, "governing")

    assert not (await world.sheet()).shadow
    counted = {id_ for fact in await _told(world) for line in fact["lines"] for id_ in line["counted"]}
    assert counted


async def test_somebody_elses_marks_do_not_forget_a_failure(world: World, tmp_path: Path) -> None:
    broken = Recomputing(_broken(tmp_path, TEXT_AS_NUMBER))
    publicity = world.facts.activity("publicity", LECTURE)
    await world.hear(world.facts.assignment(OTHER), publicity, world.facts.verified(publicity))
    await world.hear(*world.facts.visits(1, day=date(2026, 8, 10)))
    await _tick(world, broken)
    [failure] = await _failures(world)

    await world.hear(*world.facts.visits(1, day=date(2026, 8, 11)))
    async with world.database.unit() as unit:
        await mark_officers(unit.connection, [OTHER])
    await _tick(world, broken)

    assert await _failures(world) == [failure]


async def test_what_is_left_for_the_next_time_keeps_its_tries(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recompute, "MOST_SHEETS", 2)
    broken = Recomputing(_broken(tmp_path, TEXT_AS_NUMBER))
    publicity = world.facts.activity("publicity", LECTURE)
    months = [fact for month in range(1, 10) for fact in world.facts.visits(1, day=date(2026, month, 10))]
    await world.hear(*months, publicity, world.facts.verified(publicity))
    await _tick(world, broken)
    for _ in range(2):
        await world.mark_everybody()
        await _tick(world, broken)

    assert [failure.tries for failure in await _failures(world)] == [3]
