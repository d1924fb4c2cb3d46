"""The worked vectors V1 … V12 of the 温泉镇 rubric, through the facts that cause them."""

from datetime import date
from decimal import Decimal

import pytest

from services.scoring.rules import Period, sentences
from tests.scoring.month import Month, context, full_month
from tests.scoring.rubrics import line, reading, score


def quiet_month() -> Month:
    month = Month()
    month.visits(20)
    month.all_else()
    return month


def test_v1_everything_full_is_100() -> None:
    sheet = score(full_month().entries, context())
    assert sheet.total == 100
    assert sheet.grade == "好"
    assert sum((line.points or Decimal(0) for line in sheet.lines), Decimal(0)) == sheet.total


def test_v2_a_certified_quiet_village_is_92() -> None:
    month = quiet_month()
    month.certified("dispute")
    month.certified("instability")
    assert score(month.entries, context()).total == 92


def test_v3_one_settled_dispute_is_worth_less_than_none_and_that_is_shown() -> None:
    month = quiet_month()
    month.disputes(1)
    month.certified("instability")
    sheet = score(month.entries, context())
    assert sheet.total == 88
    assert [(notice.code, notice.item) for notice in sheet.warnings] == [("fewer_points_than_a_quiet_month", "S-108")]


@pytest.mark.parametrize(("mode", "points"), [("exclusive", 2), ("floor", 6), ("additive", 8)])
def test_v3_in_the_other_readings_of_c11(mode: str, points: int) -> None:
    month = quiet_month()
    month.disputes(1)
    sheet = score(month.entries, context(), reading(base_mode=mode))
    assert line(sheet, "S-108").points == points


def test_v4_one_absence_and_eight_households_short_is_94() -> None:
    month = Month()
    month.visits(12)
    month.all_else()
    month.settled_matters()
    month.absences([date(2026, 10, 9)])
    sheet = score(month.entries, context())
    assert sheet.total == 94
    assert line(sheet, "S-101").points == 14
    assert sentences(line(sheet, "S-101")) == ["缺勤1次,扣2分", "走访12户,还差8户,扣4分"]


def test_v5_ten_absences_in_half_a_year_fail_whatever_the_total() -> None:
    half_year = Period(date(2026, 7, 1), date(2026, 12, 31))
    year_half = Month()
    for number in range(7, 13):
        year_half.day = date(2026, number, 12)
        year_half.visits(20)
        year_half.publicity("four_prevention")
        year_half.settled_matters()
    year_half.all_else()
    year_half.absences([date(2026, 8, day) for day in range(1, 11)])
    sheet = score(year_half.entries, context(half_year), reading(measure_period="half_year"))
    assert sheet.total == 80
    assert sheet.vetoes == ("S-101",)
    assert sheet.grade == "不合格"


def test_v6_a_commendation_stands_outside_the_hundred() -> None:
    month = full_month()
    month.conduct("commendation")
    assert score(month.entries, context()).total == 105


def test_v7_two_criticisms_after_complaints_cost_ten() -> None:
    month = full_month()
    month.conduct("criticism_notice")
    month.conduct("criticism_notice")
    assert score(month.entries, context()).total == 90


@pytest.mark.parametrize(("scope", "points", "total"), [("subrule", 5, 100), ("item", 0, 95)])
def test_v8_no_fire_brigade_but_five_hazards_in_both_readings_of_c13(scope: str, points: int, total: int) -> None:
    month = Month()
    month.visits(20)
    month.all_else(fire_team=False, hazards=5)
    month.settled_matters()
    sheet = score(month.entries, context(), reading(brigade_scope=scope))
    assert line(sheet, "S-105").points == points
    assert sheet.total == total


@pytest.mark.parametrize(("floor", "total"), [("zero", 90), ("none", 88)])
def test_v9_twelve_points_of_findings_in_both_readings_of_c14(floor: str, total: int) -> None:
    month = full_month()
    month.found("control_failure")
    month.found("missed_registration", 3)
    month.found("unregistered_offender", 2)
    month.found("late_lead")
    sheet = score(month.entries, context(), reading(population_floor=floor))
    assert sheet.total == total
    assert any(line.floor_used for line in sheet.lines) == (floor == "zero")


@pytest.mark.parametrize(("days", "points"), [(2, 1), (3, 0)])
def test_v10_a_certificate_counts_on_the_second_day_and_not_on_the_third(days: int, points: int) -> None:
    month = Month()
    month.certificate(delivered_after=days)
    assert line(score(month.entries, context()), "S-115").points == points


@pytest.mark.parametrize(("days", "points"), [(5, 1), (6, 0)])
def test_v11_household_business_counts_on_the_fifth_day_and_not_on_the_sixth(days: int, points: int) -> None:
    month = Month()
    month.household_business(handed_in_after=days)
    assert line(score(month.entries, context()), "S-116").points == points


def test_v12_a_dispute_nobody_works_on_is_worth_nothing() -> None:
    month = Month()
    month.visits(20)
    month.all_else()
    month.disputes(1, state="open")
    for _ in range(5):
        month.report("instability", "unpaid_wages")
    sheet = score(month.entries, context())
    assert line(sheet, "S-108").points == 0
    assert sheet.total == 90


def test_every_line_names_its_rule_and_the_facts_behind_its_points() -> None:
    sheet = score(full_month().entries, context())
    for found in sheet.lines:
        assert found.rules
        if found.points and found.full and not found.item.startswith("item-"):
            assert found.counted, found.item
