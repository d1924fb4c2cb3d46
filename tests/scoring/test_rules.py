"""The generic evaluator: what counts, what does not and why, whatever the order facts come in."""

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from time import perf_counter
from typing import Any

import pytest

from services.scoring.rules import (
    FACTS,
    Calendar,
    Entry,
    LineResult,
    Period,
    Stay,
    compile_rubric,
    evaluate,
    evidence_from,
    measure_period,
    reason,
    sentences,
)
from tests.scoring.month import LEADER, OCTOBER, OTHER_VILLAGE, VILLAGE, Month, context, full_month
from tests.scoring.rubrics import DECIDED, PRESET, line, reading, score, without_report_hours

WORKING = reading(day_type="working")


def why(found: LineResult) -> dict[str, int]:
    codes = [refused.why for refused in found.not_counted]
    return {code: codes.count(code) for code in codes}


def messy_month() -> list[Entry]:
    """Some of everything, more than the caps take."""
    month = full_month()
    month.visits(30)
    month.disputes(7)
    month.disputes(2, state="open")
    month.publicity("law", 4)
    month.certified("dispute")
    month.found("missed_registration", 4)
    month.absences([date(2026, 10, 3), date(2026, 10, 4)])
    month.activity("household_visit", {"purposes": ["law"]}, unit="household", target="house-1", verified=False)
    for days in (1, 2, 3, 4):
        month.certificate(days)
    return month.entries


def test_a_sheet_depends_on_the_set_of_facts_not_on_their_order() -> None:
    entries = messy_month()
    expected = score(entries, context())
    for seed in range(20):
        shuffled = random.Random(seed).sample(entries, len(entries))
        assert score(shuffled, context()) == expected


def test_points_of_the_lines_add_up_to_the_total() -> None:
    sheet = score(messy_month(), context())
    assert sum((found.points or Decimal(0) for found in sheet.lines), Decimal(0)) == sheet.total


def test_a_line_stops_at_its_points_and_says_which_facts_came_too_late() -> None:
    month = Month()
    for _ in range(7):
        month.activity("site_check", {"object": "fire_facility"})
    found = line(score(month.entries, context()), "S-106")
    assert (found.points, found.cap_used, len(found.counted), why(found)) == (Decimal(5), True, 5, {"cap": 2})


def test_the_cap_leaves_out_what_happened_last_whatever_its_id() -> None:
    month = Month()
    for day in range(20, 10, -1):
        month.activity("site_check", {"object": "knives"}, day=date(2026, 10, day))
    found = line(score(month.entries, context()), "S-106")
    first_five = sorted(month.entries, key=lambda entry: entry.day)[:5]
    assert [counted.id for counted in found.counted] == [entry.id for entry in first_five]


def test_two_lines_share_their_ten_points() -> None:
    month = Month()
    month.publicity("law", 4)
    for house in range(4):
        month.activity("household_visit", {"purposes": ["law"]}, unit="household", target=f"house-{house}")
    sheet = score(month.entries, context())
    assert (line(sheet, "S-113").points, line(sheet, "S-114").points) == (Decimal(8), Decimal(2))
    assert why(line(sheet, "S-114")) == {"cap": 3}


def test_a_matter_earns_its_point_once_through_all_hands() -> None:
    month = Month()
    matter = month.new_id()
    month.activity("dispute", {"category": "family", "state": "open"}, matter=matter)
    month.activity("dispute", {"category": "family", "state": "resolved"}, matter=matter, day=date(2026, 10, 14))
    month.report("dispute", "family", matter=matter, day=date(2026, 10, 15))
    found = line(score(month.entries, context()), "S-108")
    assert found.points == 2
    assert why(found) == {"same_matter": 2}


def test_an_escalated_dispute_counts_only_when_the_station_has_settled_it() -> None:
    month = Month()
    matter = month.new_id()
    month.activity("dispute", {"category": "grudge", "state": "resolved"}, matter=matter)
    waiting = month.report("dispute", "grudge", "acknowledged", matter=matter, escalated=True)
    assert line(score(month.entries, context()), "S-108").points == 0
    closed = month.report("dispute", "grudge", matter=matter, escalated=True)
    settled = [entry for entry in month.entries if entry is not waiting]
    found = line(score(settled, context()), "S-108")
    assert (found.points, found.counted[0].id) == (Decimal(2), closed.id)


def test_a_matter_settled_before_the_period_is_not_settled_again() -> None:
    month = Month()
    matter = month.new_id()
    month.activity("dispute", {"category": "family", "state": "resolved"}, matter=matter, day=date(2026, 9, 20))
    month.activity("dispute", {"category": "family", "state": "resolved"}, matter=matter)
    month.certified("dispute")
    found = line(score(month.entries, context()), "S-108")
    assert (found.points, why(found)) == (Decimal(6), {"other_period": 1})


def test_an_instability_needs_report_acknowledgement_help_and_record() -> None:
    month = Month()
    matter = month.new_id()
    month.report("instability", "unpaid_wages", "acknowledged", matter=matter)
    assert line(score(month.entries, context()), "S-109").points == 0
    month.activity("instability_support", {"step": "handle"}, matter=matter)
    found = line(score(month.entries, context()), "S-109")
    assert (found.points, len(found.counted)) == (Decimal(2), 2)


def test_a_late_report_earns_nothing() -> None:
    month = Month()
    month.report("instability", "unpaid_wages", in_time="no")
    found = line(score(month.entries, context()), "S-109")
    assert (found.points, why(found)) == (Decimal(0), {"too_late": 1})


def test_a_certificate_beside_a_matter_is_a_conflict_and_no_base() -> None:
    month = Month()
    certificate = month.certified("dispute")
    month.disputes(1, state="open")
    sheet = score(month.entries, context())
    found = line(sheet, "S-108")
    assert found.points == 0
    assert (certificate.id, "conflict_with_matter") in [(refused.id, refused.why) for refused in found.not_counted]
    assert ("certificate_beside_matter", "S-108", (certificate.id,)) in [
        (notice.code, notice.item, notice.ids) for notice in sheet.warnings
    ]


def test_an_open_matter_disturbs_every_month_it_is_worked_on() -> None:
    month = Month()
    matter = month.new_id()
    for day in (date(2026, 8, 3), date(2026, 9, 3)):
        month.activity("dispute", {"category": "family", "state": "open"}, matter=matter, day=day)
    september = Period(date(2026, 9, 1), date(2026, 9, 30))
    month.certified("dispute", september)
    found = line(score(month.entries, context(september)), "S-108")
    assert (found.points, why(found)) == (Decimal(0), {"incomplete": 1, "conflict_with_matter": 1})


def colleagues(*entries: Entry) -> list[Entry]:
    """The same work, done by somebody else."""
    return [entry._replace(officer_id=LEADER) for entry in entries]


@pytest.mark.parametrize("state", ["open", "resolved"])
def test_a_colleagues_matter_beside_the_certificate_is_a_conflict_too(state: str) -> None:
    mine, others = Month(), Month()
    certificate = mine.certified("dispute")
    others.disputes(1, state=state)
    sheet = score(mine.entries, context(), matters=colleagues(*others.entries))
    found = line(sheet, "S-108")
    assert (found.points, found.counted) == (Decimal(0), ())
    assert why(found) == {"conflict_with_matter": 1}
    assert sentences(found) == ["本村有矛盾纠纷1起,由他人办理,不记基础分"]
    assert ("certificate_beside_matter", (certificate.id,)) in [(n.code, n.ids) for n in sheet.warnings]


def test_a_colleagues_matter_settled_before_the_month_disturbs_it_no_longer() -> None:
    mine, others = Month(), Month()
    mine.certified("dispute")
    matter = others.new_id()
    others.activity("dispute", {"state": "resolved"}, matter=matter, day=date(2026, 9, 20))
    others.activity("dispute", {"state": "resolved"}, matter=matter)
    assert line(score(mine.entries, context(), matters=colleagues(*others.entries)), "S-108").points == 6


def test_a_matter_that_a_colleague_worked_on_too_still_earns_its_point() -> None:
    month = Month()
    month.disputes(1)
    also = month.entries[0]._replace(id=month.new_id(), officer_id=LEADER)
    assert line(score(month.entries, context(), matters=[*month.entries, also]), "S-108").points == 2


def test_a_backups_disputes_add_their_points_to_those_of_his_own_village() -> None:
    month = Month()
    month.certified("dispute")
    month.disputes(1, village=OTHER_VILLAGE)
    sheet = score(month.entries, context())
    found = line(sheet, "S-108")
    assert (found.points, why(found)) == (Decimal(8), {})
    assert [notice for notice in sheet.warnings if notice.item] == []
    month.disputes(6, village=OTHER_VILLAGE)
    full = line(score(month.entries, context()), "S-108")
    assert (full.points, full.cap_used) == (Decimal(10), True)


def test_what_was_earned_as_a_backup_never_lowers_other_months() -> None:
    quarter = Period(date(2026, 10, 1), date(2026, 12, 31))
    month = Month()
    month.certified("dispute", Period(date(2026, 11, 1), date(2026, 11, 30)))
    month.disputes(1, village=OTHER_VILLAGE, day=date(2026, 10, 8))
    posted = context(quarter, Stay(VILLAGE, date(2026, 11, 1), date(2026, 11, 30)))
    assert line(score(month.entries, posted), "S-108").points == 8


def test_two_villages_of_a_month_are_no_two_months() -> None:
    both = context(OCTOBER, Stay(VILLAGE, date(2026, 1, 1)), Stay(OTHER_VILLAGE, date(2026, 1, 1)))
    month = Month()
    month.certified("dispute")
    month.disputes(5, village=OTHER_VILLAGE)
    for choice in ("mean", "min", "last", "sum_capped", "undecided"):
        assert line(score(month.entries, both, reading(month_aggregator=choice)), "S-108").points == 8
    assert line(score(month.entries, both, reading(village_aggregator="min")), "S-108").points == 6
    assert line(score(month.entries, both, reading(village_aggregator="undecided")), "S-108").status == "withheld"


def test_beyond_the_cap_every_fact_of_a_matter_is_listed() -> None:
    month = Month()
    for _ in range(6):
        matter = month.new_id()
        month.report("instability", "unpaid_wages", "acknowledged", matter=matter)
        month.activity("instability_support", {"step": "handle"}, matter=matter)
    found = line(score(month.entries, context()), "S-109")
    assert (found.points, len(found.counted), why(found)) == (Decimal(10), 10, {"cap": 2})


@pytest.mark.parametrize(
    ("said", "status", "points"), [("yes", "computed", 2), ("no", "computed", 0), ("undecided", "withheld", None)]
)
def test_a_report_that_nobody_can_call_timely_is_withheld_and_not_paid(
    said: str, status: str, points: int | None
) -> None:
    month = Month()
    month.report("instability", "unpaid_wages", in_time=said)
    found = line(score(month.entries, context(), without_report_hours()), "S-109")
    assert (found.status, found.points) == (status, points)
    assert found.open == (("I-201/report",) if said == "undecided" else ())


def test_an_open_timeliness_withholds_nothing_that_earns_nothing_anyway() -> None:
    month = Month()
    month.report("instability", "unpaid_wages", "acknowledged", in_time="undecided")
    found = line(score(month.entries, context(), without_report_hours()), "S-109")
    assert (found.status, found.points) == ("computed", Decimal(0))


def test_reports_filed_before_the_hours_were_given_are_measured_by_them() -> None:
    month = Month()
    month.report("instability", "unpaid_wages", in_time="undecided")
    early, late = (
        month.entries[0],
        month.entries[0]._replace(occurred_at=month.entries[0].occurred_at + timedelta(hours=25)),
    )
    content = DECIDED.model_dump(mode="json")
    content["report_hours"]["value"] = 24
    rubric = type(DECIDED).model_validate(content)
    assert line(score([early], context(), rubric), "S-109").points == 2
    assert why(line(score([late], context(), rubric), "S-109")) == {"too_late": 1}


def test_a_withdrawn_report_is_no_matter() -> None:
    month = Month()
    month.certified("dispute")
    month.report("dispute", "family", escalated=True)
    month.keep(month.entries.pop(), state="withdrawn")
    found = line(score(month.entries, context()), "S-108")
    assert (found.points, why(found)) == (Decimal(6), {"report_withdrawn": 1})


@pytest.mark.parametrize(
    ("item", "add", "code"),
    [
        ("S-108", lambda month: month.certified("dispute", state="revoked"), "revoked"),
        ("S-109", lambda month: month.certified("instability", state="revoked"), "revoked"),
        ("S-110", lambda month: month.found("control_failure", state="withdrawn"), "finding_withdrawn"),
        ("S-118", lambda month: month.conduct("criticism_notice", state="withdrawn"), "decision_withdrawn"),
        ("S-119", lambda month: month.conduct("commendation", state="withdrawn"), "decision_withdrawn"),
    ],
)
def test_what_was_taken_back_is_shown_as_such(item: str, add: Callable[[Month], object], code: str) -> None:
    month = Month()
    add(month)
    found = line(score(month.entries, context()), item)
    assert (found.counted, why(found)) == ((), {code: 1})


@pytest.mark.parametrize("kind", ["criticism_notice", "commendation"])
def test_only_a_superior_organ_criticises_or_commends(kind: str) -> None:
    month = Month()
    month.conduct(kind, level="station")
    found = line(score(month.entries, context()), {"criticism_notice": "S-118", "commendation": "S-119"}[kind])
    assert (found.points, why(found)) == (Decimal(0), {"not_superior": 1})


def test_months_are_brought_together_as_the_reading_says() -> None:
    quarter = Period(date(2026, 10, 1), date(2026, 12, 31))
    november = Period(date(2026, 11, 1), date(2026, 11, 30))
    month = Month()
    month.certified("dispute")
    month.certified("dispute", november)
    month.disputes(5, day=date(2026, 12, 5))
    points = {
        choice: line(score(month.entries, context(quarter), reading(month_aggregator=choice)), "S-108").points
        for choice in ("mean", "min", "last", "sum_capped")
    }
    assert points == {"mean": Decimal("7.33"), "min": 6, "last": 10, "sum_capped": 10}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"verified": False, "state": "recorded"}, "not_verified"),
        ({"verified": False, "state": "rejected"}, "rejected"),
        ({"own": False}, "outside_assignment"),
    ],
)
def test_work_that_is_unverified_or_elsewhere_scores_nothing_and_is_named(changes: dict[str, Any], code: str) -> None:
    month = Month()
    for entry in [*full_month().entries]:
        month.entries.append(entry._replace(**changes) if entry.kind.startswith("activity:") else entry)
    sheet = score(month.entries, context())
    assert line(sheet, "S-106").points == 0
    assert why(line(sheet, "S-106")) == {code: 5}
    assert line(sheet, "S-101").points == 10
    assert line(sheet, "S-108").points == 0


@pytest.mark.parametrize(("changes", "code"), [({"record": False}, "no_record"), ({"true": False}, "not_true")])
def test_a_law_visit_counts_only_if_true_and_on_record(changes: dict[str, Any], code: str) -> None:
    month = Month()
    month.activity("household_visit", {"purposes": ["law"]}, unit="household", **changes)
    found = line(score(month.entries, context()), "S-114")
    assert (found.points, why(found)) == (Decimal(0), {code: 1})


def test_a_household_visited_twice_in_a_month_is_one_household() -> None:
    month = Month()
    month.visits(12)
    month.visits(12)
    found = line(score(month.entries, context()), "S-101")
    assert found.points == 16
    assert why(found) == {"repeat": 12}


def test_of_two_visits_the_earlier_one_counts_whatever_its_id() -> None:
    month = Month(day=date(2026, 10, 15))
    month.visits(1)
    month.day = date(2026, 10, 10)
    month.visits(1)
    found = line(score(month.entries, context()), "S-101")
    assert [counted.id for counted in found.counted] == [month.entries[1].id]


def test_the_unit_of_a_visit_follows_the_reading() -> None:
    month = Month()
    month.activity("household_visit", {}, unit="person", quantity=20)
    assert line(score(month.entries, context()), "S-101").points == 20
    found = line(score(month.entries, context(), reading(count_unit="household")), "S-101")
    assert (found.points, why(found)) == (Decimal(10), {"other_unit": 1})
    found = line(score(month.entries, context(), reading(count_unit="undecided")), "S-101")
    assert (found.status, found.points, found.open) == ("withheld", None, ("C-03/unit",))


def test_someone_posted_in_the_middle_of_a_month_owes_his_part_of_the_quota() -> None:
    posted = context(OCTOBER, Stay(VILLAGE, date(2026, 10, 16)))
    month = Month(day=date(2026, 10, 20))
    month.visits(9)
    found = line(score(month.entries, posted), "S-101")
    assert sentences(found)[1] == "走访9户,还差1户,扣0.5分"
    whole = line(score(month.entries, posted, reading(partial_window="whole")), "S-101")
    assert sentences(whole)[1] == "走访9户,还差11户,扣5.5分"


def test_two_villages_are_not_two_quotas_of_households_but_two_of_publicity() -> None:
    both = context(OCTOBER, Stay(VILLAGE, date(2026, 1, 1)), Stay(OTHER_VILLAGE, date(2026, 1, 1)))
    month = Month()
    month.visits(20)
    month.publicity("four_prevention", 2)
    sheet = score(month.entries, both)
    assert (line(sheet, "S-101").points, line(sheet, "S-102").points) == (Decimal(20), Decimal(4))


def test_a_quota_of_two_months_is_judged_when_they_end_and_reaches_back() -> None:
    september = Period(date(2026, 9, 1), date(2026, 9, 30))
    month = Month(day=date(2026, 9, 12))
    month.publicity("four_prevention")
    assert sentences(line(score([], context(september)), "S-102")) == ["四防宣传每两个月一次,本期未到期"]
    assert line(score(month.entries, context()), "S-102").points == 6
    assert line(score([], context()), "S-102").points == 4
    assert evidence_from(DECIDED, OCTOBER) == date(2026, 9, 1)


def test_absence_can_be_read_from_the_minimum_of_days() -> None:
    month = Month()
    month.visits(20)
    month.arrived(date(2026, 10, 8))
    month.arrived(date(2026, 10, 8))
    sheet = score(month.entries, context(), reading(absence_basis="minimum_days"))
    assert sentences(line(sheet, "S-101"))[0] == "驻村1天,还差1天,扣2分"


def test_excused_days_are_no_absence() -> None:
    month = Month()
    month.visits(20)
    month.judged(date(2026, 10, 9), "excused")
    assert line(score(month.entries, context()), "S-101").points == 20


@pytest.mark.parametrize(("absences", "vetoes"), [(9, ()), (10, ("S-101",))])
def test_twenty_points_of_deduction_fail_the_whole_appraisal(absences: int, vetoes: tuple[str, ...]) -> None:
    month = full_month()
    month.absences([date(2026, 10, day) for day in range(1, absences + 1)])
    sheet = score(month.entries, context())
    assert sheet.vetoes == vetoes
    assert (sheet.grade == "不合格") == bool(vetoes)


def test_the_veto_counts_what_the_floor_of_the_line_swallows() -> None:
    month = Month()
    month.absences([date(2026, 10, day) for day in range(1, 13)])
    found = line(score(month.entries, context()), "S-101")
    assert (found.points, found.floor_used, found.veto) == (Decimal(0), True, True)


def test_only_the_latest_test_of_a_village_counts_and_villages_are_averaged() -> None:
    both = context(OCTOBER, Stay(VILLAGE, date(2026, 1, 1)), Stay(OTHER_VILLAGE, date(2026, 1, 1)))
    month = Month()
    month.tested("familiar", date(2026, 10, 2))
    month.tested("basic", date(2026, 10, 20))
    month.tested("familiar", village=OTHER_VILLAGE)
    assert line(score(month.entries, both), "S-103").points == 3
    assert line(score(month.entries, both, reading(village_aggregator="min")), "S-103").points == 2


def test_a_patrol_team_without_night_patrol_is_three_points() -> None:
    month = Month()
    month.group("patrol_team", "formed")
    month.activity("patrol", {"mode": "foot", "night": False})
    assert line(score(month.entries, context()), "S-104").points == 3


def test_a_criticism_without_its_whole_chain_costs_nothing() -> None:
    month = Month()
    month.conduct("criticism_notice", whole_chain=False)
    found = line(score(month.entries, context()), "S-118")
    assert (found.points, why(found)) == (Decimal(0), {"chain_incomplete": 1})


def test_a_certificate_needs_the_signature_of_the_resident() -> None:
    month = Month()
    month.certificate(1, signature=False)
    assert why(line(score(month.entries, context()), "S-115")) == {"no_signature": 1}


def test_certificates_count_each_or_once_as_the_reading_says() -> None:
    month = Month()
    month.certificate(1)
    month.certificate(1)
    assert line(score(month.entries, context()), "S-115").points == 2
    once = line(score(month.entries, context(), reading(certificate_credit="appraisal")), "S-115")
    assert (once.points, why(once)) == (Decimal(1), {"once_per_appraisal": 1})


def test_working_days_leave_out_the_days_off() -> None:
    month = Month(day=date(2026, 10, 12))
    month.certificate(4)
    weekend = Calendar({2026: frozenset({date(2026, 10, 10), date(2026, 10, 11)})})
    assert line(score(month.entries, replace(context(), calendar=weekend), WORKING), "S-115").points == 1
    without = replace(context(), calendar=Calendar({2026: frozenset()}))
    assert line(score(month.entries, without, WORKING), "S-115").points == 0


def test_what_no_calendar_can_judge_is_withheld_and_the_sheet_says_which_year_is_missing() -> None:
    month = Month(day=date(2026, 10, 12))
    waiting = month.certificate(4)
    sheet = score(month.entries, context(), WORKING)
    found = line(sheet, "S-115")
    assert (found.status, found.points, found.open) == ("withheld", None, ())
    assert [reason(refused.why, {}) for refused in found.not_counted if refused.id == waiting.id] == sentences(found)[
        1:
    ]
    assert "2026年的工作日历" in sentences(found)[1]
    assert [(point.source, point.who_decides) for point in sheet.withheld] == [("S-115", "系统管理员")]
    assert sheet.grade is None


def test_a_missing_year_withholds_nothing_that_it_does_not_decide() -> None:
    month = Month(day=date(2027, 1, 4))
    month.certificate(2)  # in time whatever days are off
    month.activity(
        "certificate_delivery",
        {"item": "id_card", "collected_on": "2026-12-01", "delivered_at": "2027-01-04T10:00:00+08:00"},
    )  # late by the days of 2026 alone
    january = replace(context(Period(date(2027, 1, 1), date(2027, 1, 31))), calendar=Calendar({2026: frozenset()}))
    found = line(score(month.entries, january, WORKING), "S-115")
    assert (found.status, found.points, why(found)) == ("computed", Decimal(1), {"late": 1})


def test_a_village_that_nobody_measured_is_withheld_and_not_worth_nothing() -> None:
    both = context(OCTOBER, Stay(VILLAGE, date(2026, 1, 1)), Stay(OTHER_VILLAGE, date(2026, 1, 1)))
    month = Month()
    month.tested("familiar")
    sheet = score(month.entries, both)
    found = line(sheet, "S-103")
    assert (found.status, found.points, sentences(found)[-1]) == ("withheld", None, "尚无测评结果,暂不计分")
    assert sheet.grade is None
    month.tested("unfamiliar", village=OTHER_VILLAGE)
    assert line(score(month.entries, both), "S-103").points == 2


def test_the_preset_computes_what_it_can_and_withholds_the_grade_with_the_list_of_open_points() -> None:
    sheet = score(full_month().entries, context(), PRESET)
    assert sheet.total == 100
    assert sheet.grade is None
    rules = {point.source.partition("/")[0] for point in sheet.withheld}
    assert rules == {"C-08", "C-12", "C-13", "C-14", "C-15", "C-16", "C-17", "I-201", "P-001"}
    assert {point.who_decides for point in sheet.withheld} == {"方案制定单位"}
    assert "第4项没有写“扣完为止”,能否扣成负分?" in [point.question for point in sheet.withheld]


def test_an_open_reading_withholds_a_line_only_where_it_decides_over_points() -> None:
    month = full_month()
    assert line(score(month.entries, context(), reading(population_floor="undecided")), "S-110").status == "computed"
    month.found("control_failure", 4)
    sheet = score(month.entries, context(), reading(population_floor="undecided"))
    assert [(found.item, found.points) for found in sheet.lines if found.status == "withheld"] == [
        ("item-4", None),
        ("S-110", None),
        ("S-111", None),
        ("S-112", None),
    ]
    assert line(sheet, "S-110").open == ("C-14",)
    assert sheet.total == 90


@pytest.mark.parametrize(
    ("name", "item", "rule"),
    [
        ("day_type", "S-115", "C-16"),
        ("certificate_credit", "S-115", "C-15"),
        ("brigade_scope", "S-105", "C-13"),
        ("month_aggregator", "S-108", "C-12"),
        ("absence_basis", "S-101", "C-09"),
        ("base_mode", "S-108", "C-11"),
    ],
)
def test_a_line_that_cannot_be_computed_is_shown_withheld_with_its_rule(name: str, item: str, rule: str) -> None:
    month = Month()
    month.certificate(1)
    month.certificate(1)
    month.disputes(1)
    month.report("hazard", "fire", "acknowledged")
    two_months = context(Period(date(2026, 9, 1), date(2026, 10, 31)))
    found = line(score(month.entries, two_months, reading(**{name: "undecided"})), item)
    assert (found.status, found.points) == ("withheld", None)
    assert rule in [source.partition("/")[0] for source in found.open]
    assert any("待明确" in said for said in sentences(found))


def test_a_line_whose_facts_nobody_publishes_is_shown_as_such_and_blocks_the_grade() -> None:
    connected = frozenset(FACTS.values()) - {"fieldwork.knowledge_tested"}
    sheet = score(full_month().entries, replace(context(), connected=connected))
    assert (line(sheet, "S-103").status, line(sheet, "S-103").points) == ("not_connected", None)
    assert sheet.total == 96
    assert sheet.grade is None
    assert "total_without_some_lines" in [notice.code for notice in sheet.warnings]


def test_a_weight_on_the_supervising_units_score_withholds_the_grade() -> None:
    content = DECIDED.model_dump(mode="json")
    content["grades"]["supervising_weight"]["value"] = "0.3"
    assert score(full_month().entries, context(), type(DECIDED).model_validate(content)).grade is None


def test_every_reason_has_a_chinese_text() -> None:
    sheet = score(messy_month(), context())
    codes = {refused.why for found in sheet.lines for refused in found.not_counted}
    assert codes
    assert not [code for code in codes if reason(code, DECIDED.reasons) == code]


def test_sentences_say_what_was_done_and_what_is_missing() -> None:
    month = Month()
    month.visits(17)
    assert "走访17户,还差3户,扣1.5分" in sentences(line(score(month.entries, context()), "S-101"))


def test_the_measure_period_is_the_decided_one() -> None:
    assert measure_period(DECIDED, date(2026, 10, 5)) == OCTOBER
    half = reading(measure_period="half_year")
    assert measure_period(half, date(2026, 10, 5)) == Period(date(2026, 7, 1), date(2026, 12, 31))


def test_an_officer_with_no_facts_has_a_sheet() -> None:
    sheet = score([], context())
    assert line(sheet, "S-101").points == 10
    assert line(sheet, "item-4").points == 10
    assert not [found for found in sheet.lines if found.counted]


def test_a_hundred_entries_are_scored_in_milliseconds() -> None:
    plan = compile_rubric(DECIDED)
    entries = full_month().entries
    visits = Month(day=OCTOBER.first)
    for days in range(5):
        visits.day = OCTOBER.first + timedelta(days=days)
        visits.visits(10)
    entries += visits.entries
    best = min(_timed(lambda: evaluate(plan, entries, context())) for _ in range(20))
    assert len(entries) >= 100
    assert best < 0.01  # about 1 ms; ten times that means work per entry has gone astray


def _timed(run: Callable[[], object]) -> float:
    began = perf_counter()
    run()
    return perf_counter() - began
