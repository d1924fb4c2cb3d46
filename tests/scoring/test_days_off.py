"""Working days come from a package, and from a mounted file for the years it does not have."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from services.cli.schemes import app
from services.scoring.service.calendar import keep_up
from services.scoring.service.days_off import faults_of_days_off, read_days_off
from services.scoring.service.rubrics import Rubrics
from tests.scoring.facts import DAY, OFFICER, at
from tests.scoring.world import DEMO_SCHEMES, World, line

NEXT_YEAR = "2027: {holidays: [2027-01-01, 2027-02-08], workdays: [2027-02-14]}\n"
NEW_YEAR = date(2027, 1, 4)


def _folder(folder: Path, calendar: str = "") -> Path:
    """The demonstration's decisions, but with working days."""
    demo = (DEMO_SCHEMES / "wenquan" / "scoring.yaml").read_text(encoding="utf-8")
    working = demo.replace(
        "day_type: {status: interpreted, value: calendar", "day_type: {status: interpreted, value: working"
    )
    (folder / "wenquan").mkdir(parents=True)
    (folder / "wenquan" / "scoring.yaml").write_text(working, encoding="utf-8")
    if calendar:
        (folder / "calendar.yaml").write_text(calendar, encoding="utf-8")
    return folder


def test_the_package_knows_holidays_and_the_weekends_worked_instead() -> None:
    calendar = read_days_off(None).calendar
    assert calendar.worked(date(2026, 9, 30), date(2026, 10, 12)) == 4  # 8, 9, 10 (a Saturday) and 12 October
    assert calendar.missing(date(2026, 12, 31), NEW_YEAR) == 2027


def test_a_mounted_file_adds_a_year_and_leaves_the_others(tmp_path: Path) -> None:
    calendar = read_days_off(_folder(tmp_path, NEXT_YEAR)).calendar
    assert calendar.missing(date(2026, 12, 31), NEW_YEAR) is None
    assert calendar.worked(date(2026, 12, 31), NEW_YEAR) == 1
    assert calendar.worked(date(2027, 2, 12), date(2027, 2, 14)) == 1
    assert calendar.worked(date(2026, 9, 30), date(2026, 10, 12)) == 4


@pytest.mark.parametrize(
    "fault",
    [
        "2027: {holidays: [2026-01-01]}\n",
        "2027: {holidays: [], workdays: [2027-02-08]}\n",
        "2027: {holidays: [2027-02-14], workdays: [2027-02-14]}\n",
        "2027: {holidays: [1]}\n",
        "2027: {days: []}\n",
        "20270: {holidays: []}\n",
        "2027: [\n",
    ],
)
def test_a_faulty_file_is_found_by_the_check_and_taken_for_absent_by_the_service(tmp_path: Path, fault: str) -> None:
    folder = _folder(tmp_path, fault)
    checked = CliRunner().invoke(app, ["check", "--dir", str(folder)])
    assert checked.exit_code == 1
    assert {fault.file for fault in faults_of_days_off(folder)} == {folder / "calendar.yaml"}
    assert read_days_off(folder).calendar.missing(NEW_YEAR, NEW_YEAR) == 2027
    assert read_days_off(folder).calendar.missing(DAY, DAY) is None


async def test_a_certificate_over_a_year_without_calendar_is_withheld_until_the_file_is_there(
    world: World, tmp_path: Path
) -> None:
    details = {"item": "id_card", "collected_on": "2026-12-31", "delivered_at": at(NEW_YEAR).isoformat()}
    facts = world.facts.done("certificate_delivery", details, day=NEW_YEAR)
    without = World(world.database, world.facts, Rubrics(_folder(tmp_path / "a")))
    async with world.database.unit() as unit:
        await keep_up(unit, without.rubrics)
    await without.hear(*facts)
    await without.recompute()
    shown = await _january(world)
    assert shown["points"] is None
    assert "2027" in shown["sentences"][-1]

    mended = World(world.database, world.facts, Rubrics(_folder(tmp_path / "b", NEXT_YEAR)))
    async with world.database.unit() as unit:
        await keep_up(unit, mended.rubrics)
    await mended.recompute()
    assert (await _january(world))["points"] == "1"


async def _january(world: World) -> dict[str, Any]:
    sheets = await world.sheets(OFFICER)
    return line(sheets[(OFFICER, "wenquan", date(2027, 1, 1))], "S-115")
