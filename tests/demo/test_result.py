"""What the demonstration says at the end: the arithmetic of the count check, and a page people can read."""

from typing import Any

from rich.cells import cell_len
from rich.console import Console

from demo.flow import CountCheck
from demo.report import print_result
from demo.result import Result, decisions
from shared.contracts.registry import SERVICES, TOPICS, topics_for

APPLIED = {"facts": 7, "duplicates": 0, "skipped": 0, "dead_letters": 0, "held": 0}


def flows() -> dict[str, dict[str, Any]]:
    """Four services that have published and applied seven facts on every topic."""
    return {
        service: {
            "published": {topic: 7 for topic in TOPICS if topic.startswith(f"{service}.")},
            "waiting": 0,
            "applied": {topic: dict(APPLIED) for topic in topics_for(service)},
        }
        for service in SERVICES
    }


def test_nothing_is_different_when_every_reader_has_applied_every_fact() -> None:
    check = CountCheck.of(flows(), pending=0)
    assert check.difference == 0
    assert {count.topic for count in check.counts} == {t for reader in SERVICES for t in topics_for(reader)}


def test_a_fact_that_a_reader_lacks_or_has_too_often_is_a_difference() -> None:
    lacking, doubled = flows(), flows()
    lacking["intel"]["applied"]["fieldwork.activity"]["facts"] = 6
    doubled["scoring"]["applied"]["fieldwork.duty"]["facts"] = 8
    assert CountCheck.of(lacking, 0).difference == CountCheck.of(doubled, 0).difference == 1


def test_one_lacking_here_does_not_cancel_one_too_many_there() -> None:
    both = flows()
    both["intel"]["applied"]["fieldwork.activity"]["facts"] = 6
    both["scoring"]["applied"]["fieldwork.activity"]["facts"] = 8
    assert CountCheck.of(both, 0).difference == 2


def test_what_was_put_aside_is_told_and_not_waited_for() -> None:
    poisoned, garbage = flows(), flows()
    poisoned["scoring"]["applied"]["intel.report"] |= {"facts": 5, "dead_letters": 1, "held": 1}
    garbage["scoring"]["applied"]["intel.report"] |= {"dead_letters": 6}
    checks = [CountCheck.of(found, 0) for found in (poisoned, garbage)]
    assert [(check.difference, check.aside, check.quiet) for check in checks] == [(2, 2, True), (0, 6, True)]
    poisoned["scoring"]["applied"]["intel.report"] |= {"facts": 4}
    assert not CountCheck.of(poisoned, 0).quiet, "one more is on its way"


def test_it_is_quiet_when_nothing_is_different_or_unpublished_or_to_be_computed() -> None:
    lacking, waiting = flows(), flows()
    lacking["intel"]["applied"]["fieldwork.activity"]["facts"] = 6
    waiting["scoring"]["waiting"] = 1
    assert CountCheck.of(flows(), 0).quiet
    assert not any(check.quiet for check in (CountCheck.of(lacking, 0), CountCheck.of(waiting, 0)))
    assert not CountCheck.of(flows(), 1).quiet


def test_every_open_point_from_c08_to_c17_is_decided_by_the_demo_and_says_so() -> None:
    decided = {decision["rule"].partition("/")[0]: decision["basis"] for decision in decisions()}
    assert {f"C-{number:02}" for number in range(8, 18)} <= decided.keys()
    assert all("演示" in basis for basis in decided.values())


def test_the_printed_result_fits_100_columns_and_names_what_matters() -> None:
    text = printed(result(ok=True))
    assert max(cell_len(line) for line in text.splitlines()) <= 100
    for wanted in ("演示辅警·春分001", "空缺28个", "S-101", "缺勤1次,扣2分", "派单", "差额 0", "C-08", "✓"):
        assert wanted in text


def test_a_result_that_is_not_ok_says_what_was_not_expected() -> None:
    text = printed(result(ok=False, surprises=["item 1 was not kept"]))
    assert "✗" in text
    assert "item 1 was not kept" in text


def printed(shown: Result) -> str:
    console = Console(width=160)
    with console.capture() as capture:
        print_result(console, shown)
    return capture.get()


def result(*, ok: bool, surprises: list[str] | None = None) -> Result:
    tally = {"batches": 93, "created": 38714, "duplicate": 3237, "conflict": 1, "rejected": 20, "retryable": 9}
    rank = {
        "rank": 1,
        "officer": {"id": "1", "name": "演示辅警·春分001"},
        "villages": [{"code": "411622004008", "name": "杨桥居民委员会"}],
        "total": "64",
        "grade": None,
        "vetoes": [],
    }
    fact = {"facts": ["01a2012e-a895-7133-9440-81b928b54ab9"], "day": "2026-10-01", "points": "-2"}
    line = {
        "item": "S-101",
        "title": "驻村时间和走访群众",
        "points": "18",
        "full": "20",
        "sentence": "缺勤1次,扣2分;走访25户,已达标",
        "status": "computed",
        "rules": ["S-101", "F-021", "F-001", "C-03"],
        "facts": [fact | {"why": "absence", "reason": None}] * 9,
    }
    moment = {"at": "2026-11-22T02:55:48Z", "what": "ordered", "by": None, "to": "逍遥镇派出所", "code": None}
    report = {
        "kind": "dispute",
        "state": "closed",
        "station_name": "逍遥镇派出所",
        "closing": {"outcome": "resolved"},
        "timeline": [moment | {"seconds_since_previous": 0.5}],
    }
    return Result(
        {
            "county": {
                "code": "411622",
                "name": "西华县",
                "month": "2026-10",
                "stations": 24,
                "villages": 480,
                "gaps": 28,
                "areas": 64,
                "officers": 64,
                "auxiliaries": 452,
            },
            "counts": {
                "rates": [{"label": "走访", "per_year": 362016, "month": 30168, "published": True}],
                "phones": tally | {"given_up": 5},
                "leaders": tally | {"given_up": 0},
                "surprises": surprises or [],
            },
            "scoreboard": {
                "scheme": {"title": "温泉镇驻村干警工作考核(100分)"},
                "period": {"from": "2026-10-01", "to": "2026-10-31"},
                "officers": 452,
                "top": [rank],
                "bottom": [rank],
                "vacancies": [{"code": "411622004008", "name": "杨桥居民委员会"}] * 28,
            },
            "sheet": {
                "officer": {"name": "演示辅警·春分001"},
                "total": "64",
                "full": "100",
                "grade": None,
                "withheld": [],
                "warnings": [],
                "lines": [line],
            },
            "reports": [report, report],
            "count_check": {
                "difference": 0,
                "aside": 6,
                "duplicates": 3237,
                "duplicates_sent": 3237,
                "duplicates_read": 0,
                "counts": CountCheck.of(flows(), 0).rows(),
            },
            "decisions": list(decisions()),
            "ok": ok,
        }
    )
