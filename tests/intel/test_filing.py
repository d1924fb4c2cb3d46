"""Reports come in once, are decided by the scheme, and reach the responsible station."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from services.intel.handlers import report_of_activity
from shared.contracts.base import Period
from shared.contracts.personnel import AreaV1
from shared.ids import new_id
from tests.intel.support import (
    ALL,
    LONELY_VILLAGE,
    OFFICER,
    OTHER_STATION,
    STATION,
    SUMMARY,
    VILLAGE,
    WORLD,
    Intel,
    area_of_other_station,
    dispute_activity,
    rejection,
    violent_dispute,
)


async def test_a_violent_dispute_becomes_an_order_of_the_responsible_station(intel: Intel) -> None:
    answer = await intel.post(violent_dispute())

    assert answer.status_code == 201
    assert answer.json()["outcome"] == "created"
    assert answer.json()["station"] == str(STATION)
    (filed, escalated, routed) = await intel.facts()
    assert filed[0] == "report_filed"
    assert filed[1]["in_time"] == "undecided"  # I-201: nobody has said how many hours
    assert filed[1]["severity"] == "urgent"
    assert filed[2]["ce_scheme"] == "wenquan"
    assert filed[2]["ce_jurisdiction"] == VILLAGE
    assert escalated[1] == {
        "report_id": answer.json()["report_id"],
        "severity": "urgent",
        "cause": "violence_sign",
        "plan": [{"step": 1, "org": str(STATION)}],
        "revision": 1,
    }
    assert routed[1]["to_org"] == str(STATION)
    assert routed[1]["route"] == "police"
    (order,) = await intel.rows("SELECT * FROM station_order")
    assert routed[1]["order_id"] == str(order.order_id)


async def test_the_same_content_again_is_a_duplicate_and_other_content_a_conflict(intel: Intel) -> None:
    report = violent_dispute()
    first = await intel.post(report)
    # The same report, the reporter named by badge and the time written with another offset.
    again = await intel.post(report | {"reporter": {"badge": "000007"}, "noticed_at": "2026-10-05T02:00:00Z"})
    other = await intel.post(report | {"summary": "另一件事"})

    assert (again.status_code, again.json()["outcome"]) == (200, "duplicate")
    assert again.json()["state"] == first.json()["state"]
    assert (other.status_code, other.json()["code"]) == (409, "intel.report_conflict")
    assert await intel.names() == ["report_filed", "report_escalated", "report_routed"]


async def test_two_at_once_with_the_same_id_make_one_report(intel: Intel) -> None:
    report = violent_dispute()
    await intel.get("/v1/reports")  # the first token of a process makes it read the signing keys
    answers = await asyncio.gather(*(intel.post(report) for _ in range(4)))

    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len(await intel.rows("SELECT 1 FROM station_order")) == 1


async def test_a_foreign_id_always_means_the_same_report(intel: Intel) -> None:
    report = violent_dispute(id={"system": "app", "id": "R-1"}, reporter={"system": "app", "id": "officer 7"})
    first, again = await intel.post(report), await intel.post(report)

    assert first.json()["report_id"] == again.json()["report_id"]
    assert again.json()["outcome"] == "duplicate"


async def test_a_report_that_no_rule_escalates_stays_on_record_without_an_order(intel: Intel) -> None:
    filed = (await intel.post(violent_dispute(signs=[]))).json()

    assert (filed["state"], filed["severity"], filed["station"]) == ("filed", None, str(STATION))
    assert await intel.names() == ["report_filed"]
    assert await intel.rows("SELECT 1 FROM station_order") == []
    listed = (await intel.get("/v1/reports?division=411622&state=filed")).json()["items"]
    assert [line["report_id"] for line in listed] == [filed["report_id"]]


@pytest.mark.parametrize(
    ("changes", "severity", "rule"),
    [
        ({"signs": ["weapon"]}, "urgent", "I-015/violence"),
        ({"kind": "instability", "category": "revenge_threat", "signs": []}, "urgent", "I-002/revenge"),
        ({"kind": "instability", "category": "unpaid_wages", "signs": []}, "serious", "I-002/group_petition"),
        ({"signs": ["uncontrollable"]}, "serious", "I-102/uncontrollable"),
    ],
)
async def test_the_first_rule_of_the_scheme_that_fits_decides(
    intel: Intel, changes: dict[str, Any], severity: str, rule: str
) -> None:
    escalation = (await intel.ordered(**changes))["escalation"]

    assert (escalation["severity"], escalation["rule"]) == (severity, rule)
    assert escalation["reading"]  # interpreted, and it says how


@pytest.mark.parametrize("missing", ["reporter", "village", "scheme"])
async def test_what_is_not_known_here_yet_is_retryable_and_then_accepted(blank: Intel, missing: str) -> None:
    of = {"reporter": "OfficerV1", "village": "DivisionV1", "scheme": "SchemeBindingV1"}[missing]
    await blank.learn(*(fact for fact in WORLD if type(fact).__name__ != of))
    report = violent_dispute()

    early = await blank.post(report)
    await blank.learn(*WORLD)
    late = await blank.post(report)

    assert (early.status_code, early.json()["code"]) == (409, "intel.not_known_yet")
    assert (early.json()["retryable"], early.json()["missing"]) == (True, missing)
    assert (late.status_code, late.json()["outcome"]) == (201, "created")


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"category": "no_such_thing"}, 422, "intel.unknown_code"),
        ({"signs": ["no_such_sign"]}, 422, "intel.unknown_code"),
        ({"kind": "population"}, 422, "intel.unknown_code"),
        ({"kind": "weather"}, 422, "invalid_request"),
        ({"village": "4116221002"}, 422, "invalid_request"),
        ({"summary": "长" * 2001}, 422, "invalid_request"),
        ({"noticed_at": "2026-10-05T10:00:00"}, 422, "invalid_request"),
        ({"noticed_at": "0001-01-01T00:00:00+08:00"}, 422, "invalid_request"),
        ({"noticed_at": "9999-12-31T23:59:59-08:00"}, 422, "invalid_request"),
        ({"noticed_at": (datetime.now(UTC) + timedelta(days=3)).isoformat()}, 422, "intel.in_the_future"),
        ({"village": "410100100201"}, 404, "intel.village_not_found"),
    ],
)
async def test_bad_input_is_refused_with_a_code_and_leaves_nothing(
    intel: Intel, changes: dict[str, Any], status: int, code: str
) -> None:
    answer = await intel.post(violent_dispute(**changes))

    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert await intel.rows("SELECT 1 FROM report") == []


async def test_a_phone_three_minutes_fast_is_fine(intel: Intel) -> None:
    soon = (datetime.now(UTC) + timedelta(minutes=3)).isoformat()
    assert (await intel.post(violent_dispute(noticed_at=soon))).status_code == 201


async def test_reporting_for_another_officer_needs_act_as(intel: Intel) -> None:
    refused = await intel.post(violent_dispute(), scopes=("intel:report",))
    own = await intel.post(violent_dispute(), scopes=("intel:report",), officer_id=OFFICER)

    assert (refused.status_code, refused.json()["code"]) == (403, "act_as_required")
    assert own.status_code == 201


async def test_filing_is_audited_with_the_officer_it_was_done_for(intel: Intel) -> None:
    filed = await intel.post(violent_dispute())
    (entry,) = await intel.rows("SELECT subject, on_behalf_of, action, object FROM audit")
    assert tuple(entry) == ("backend", OFFICER, "report.file", filed.json()["report_id"])


async def test_the_summary_is_sealed_and_in_no_fact_and_no_problem(intel: Intel) -> None:
    report = violent_dispute()
    filed = (await intel.post(report)).json()
    conflict = await intel.post(report | {"signs": []})

    (row,) = await intel.rows("SELECT report::text AS text, summary FROM report")
    assert SUMMARY.encode() not in row.summary
    assert SUMMARY not in row.text
    assert SUMMARY not in conflict.text
    assert SUMMARY not in json.dumps(await intel.facts(), ensure_ascii=False)
    assert (await intel.report(filed["report_id"]))["summary"] == SUMMARY


async def test_the_station_is_that_of_the_area_on_the_day_of_the_report(intel: Intel) -> None:
    ended = Period(since=date(2020, 1, 1), until=date(2020, 12, 31))
    gone = AreaV1(area_id=new_id(), name="旧", villages=(VILLAGE,), station=OTHER_STATION, rural=True, valid=ended)
    await intel.learn(gone)
    assert (await intel.ordered())["station"] == str(STATION)

    await intel.learn(gone.model_copy(update={"valid": Period(since=date(2020, 1, 1))}))
    assert (await intel.ordered())["station"] == str(OTHER_STATION)


async def test_without_a_known_station_a_report_waits_and_is_routed_when_one_appears(intel: Intel) -> None:
    filed = (await intel.post(violent_dispute(village=LONELY_VILLAGE))).json()
    assert (filed["state"], filed["severity"]) == ("awaiting_station", "urgent")
    assert await intel.names() == ["report_filed"]

    await intel.learn(area_of_other_station())
    await intel.tick()
    assert await intel.names() == ["report_filed"], "not before its next try"
    await intel.rows_changed("UPDATE report SET next_try_at = now() - interval '1 second'")
    await intel.tick()

    report = await intel.report(filed["report_id"])
    assert (report["state"], report["station_name"]) == ("ordered", "另一派出所")
    assert await intel.names() == ["report_filed", "report_escalated", "report_routed"]
    whats = [moment["what"] for moment in report["timeline"]]
    assert whats == ["noticed", "filed", "escalated", "awaiting_station", "ordered"]


@pytest.mark.parametrize("details", [{"state": "failed"}, {"state": "open", "on_spot_lawful": False}])
async def test_an_unsettled_dispute_activity_becomes_a_report_without_being_entered_again(
    intel: Intel, details: dict[str, Any]
) -> None:
    activity = dispute_activity(**details)
    await intel.read_activities(activity)
    await intel.read_activities(activity)

    assert await intel.names() == ["report_filed", "report_escalated", "report_routed"]
    (_, filed, envelope), *_ = await intel.facts()
    assert filed["report_id"] == str(report_of_activity(activity.village, activity.activity_id))
    assert (filed["source"], filed["activity_id"]) == ("activity", str(activity.activity_id))
    assert (filed["matter_id"], filed["reporter"]) == (str(activity.matter_id), str(OFFICER))
    assert envelope["ce_scheme"] == "wenquan"


async def test_settled_disputes_and_other_work_make_no_report(intel: Intel) -> None:
    resolved = dispute_activity(state="resolved", on_spot_lawful=True)
    await intel.read_activities(
        resolved, dispute_activity(state="open"), resolved.model_copy(update={"kind": "patrol"})
    )
    assert await intel.names() == []


async def test_a_matter_that_fails_twice_is_one_report(intel: Intel) -> None:
    first = dispute_activity(state="failed")
    again = first.model_copy(update={"activity_id": new_id(), "supersedes": first.activity_id})
    await intel.read_activities(first, again)
    assert (await intel.names()).count("report_filed") == 1


async def test_an_activity_of_a_matter_already_ordered_makes_no_second_order(intel: Intel) -> None:
    activity = dispute_activity(state="failed")
    direct = await intel.ordered(matter_id=str(activity.matter_id))
    await intel.read_activities(activity)

    assert len(await intel.rows("SELECT 1 FROM station_order")) == 1
    second = await intel.report(str(report_of_activity(activity.village, activity.activity_id)))
    assert (second["state"], second["possible_duplicates"]) == ("ordered", [direct["report_id"]])
    assert second["order"]["order_id"] == direct["order"]["order_id"]


async def test_two_reports_of_a_matter_at_once_are_one_order(intel: Intel) -> None:
    matter = str(new_id())
    answers = await asyncio.gather(*(intel.post(violent_dispute(matter_id=matter)) for _ in range(4)))

    assert {answer.json()["state"] for answer in answers} == {"ordered"}
    assert len(await intel.rows("SELECT 1 FROM station_order")) == 1
    assert sum("已派给测试派出所" in sentence for sentence in await intel.what_happened()) == 4


async def test_two_reports_of_a_matter_that_waited_for_a_station_are_one_order(intel: Intel) -> None:
    for _ in range(2):
        await intel.post(violent_dispute(village=LONELY_VILLAGE, matter_id=str(STATION)))
    await intel.learn(area_of_other_station())
    await intel.rows_changed("UPDATE report SET next_try_at = now() - interval '1 second'")
    await intel.tick()

    assert len(await intel.rows("SELECT 1 FROM station_order")) == 1
    assert [row.state for row in await intel.rows("SELECT state FROM report")] == ["ordered", "ordered"]


@pytest.mark.parametrize(
    ("end", "noticed_later", "orders"),
    [
        ({"event": "accepted"}, True, 1),
        ({"event": "closed", "outcome": "resolved"}, False, 1),
        ({"event": "closed", "outcome": "resolved"}, True, 2),
        ({"event": "returned", "reason": "not_ours"}, False, 2),
    ],
)
async def test_what_comes_up_after_the_station_has_done_is_ordered_again(
    intel: Intel, end: dict[str, str], noticed_later: bool, orders: int
) -> None:
    await intel.put_endpoint("http://127.0.0.1:1/orders")
    first = await intel.ordered()
    await intel.call_back({"order_id": first["order"]["order_id"]} | end)

    noticed = {"noticed_at": datetime.now(UTC).isoformat()} if noticed_later else {}
    await intel.post(violent_dispute(matter_id=first["matter_id"], **noticed))

    assert len(await intel.rows("SELECT 1 FROM station_order")) == orders


async def test_a_report_of_a_rejected_activity_is_taken_back_before_anybody_hears_of_it(intel: Intel) -> None:
    activity = dispute_activity(state="failed")
    await intel.read_activities(activity, rejection(activity))

    assert await intel.names() == []
    report = await intel.activity_report(activity)
    assert (report["state"], report["timeline"][-1]["code"]) == ("withdrawn", "not_confirmed")
    assert "撤销" in (await intel.what_happened())[0]


async def test_a_report_of_a_rejected_activity_that_waits_for_a_station_is_closed_as_withdrawn(intel: Intel) -> None:
    activity = dispute_activity(state="failed").model_copy(update={"village": LONELY_VILLAGE})
    await intel.read_activities(activity)
    await intel.read_activities(rejection(activity))
    await intel.learn(area_of_other_station())
    await intel.rows_changed("UPDATE report SET next_try_at = now() - interval '1 second'")
    await intel.tick()

    assert await intel.names() == ["report_filed", "report_closed"]
    _, closed, _ = (await intel.facts())[-1]
    assert (closed["outcome"], closed["closed_by"], closed["revision"]) == ("withdrawn", str(STATION), 1)
    assert (await intel.activity_report(activity))["state"] == "withdrawn"


async def test_what_a_station_was_told_is_not_undone_when_the_activity_is_rejected(intel: Intel) -> None:
    activity = dispute_activity(state="failed")
    await intel.read_activities(activity)
    before = await intel.names()
    await intel.read_activities(rejection(activity))

    report = await intel.activity_report(activity)
    assert (report["state"], report["order"]["delivery"]) == ("ordered", "pending")
    last = report["timeline"][-1]
    assert (last["what"], last["code"], last["by"]) == ("activity_rejected", "not_confirmed", "演示所长")
    assert await intel.names() == before


async def test_an_activity_that_supersedes_a_wrong_one_is_reported_in_its_place(intel: Intel) -> None:
    wrong = dispute_activity(state="failed").model_copy(update={"village": LONELY_VILLAGE})
    right = wrong.model_copy(update={"activity_id": new_id(), "village": VILLAGE, "supersedes": wrong.activity_id})
    await intel.read_activities(wrong)
    await intel.read_activities(right, rejection(wrong, "superseded"))

    assert (await intel.activity_report(wrong))["state"] == "withdrawn"
    report = await intel.activity_report(right)
    assert (report["state"], report["station_name"]) == ("ordered", "测试派出所")


async def test_a_report_that_another_stood_for_is_decided_once_that_is_taken_back(intel: Intel) -> None:
    first = dispute_activity(state="failed").model_copy(update={"village": LONELY_VILLAGE})
    second = first.model_copy(update={"activity_id": new_id()})
    await intel.read_activities(first)
    await intel.read_activities(second)
    assert (await intel.activity_report(second))["state"] == "repeated"

    await intel.learn(area_of_other_station())
    await intel.read_activities(rejection(first))

    assert (await intel.activity_report(second))["state"] == "ordered"
    assert (await intel.names()).count("report_filed") == 2


async def test_an_activity_read_before_its_scheme_waits_for_it(blank: Intel) -> None:
    activity = dispute_activity(state="failed")
    await blank.read_activities(activity)
    assert [row.state for row in await blank.rows("SELECT state FROM report")] == ["recorded"]
    assert await blank.names() == []

    await blank.learn(*WORLD)
    await blank.rows_changed("UPDATE report SET next_try_at = now() - interval '1 second'")
    await blank.tick()
    assert await blank.names() == ["report_filed", "report_escalated", "report_routed"]


async def test_another_county_sees_nothing(intel: Intel) -> None:
    report = await intel.ordered()
    of_other_county = {"division": "411621"}

    for path in (f"/v1/reports/{report['report_id']}", f"/v1/stations/{STATION}/orders"):
        answer = await intel.get(path, **of_other_county)
        assert answer.status_code == 404, path
    assert (await intel.get("/v1/reports", **of_other_county)).json()["items"] == []
    assert (await intel.post(violent_dispute(), **of_other_county)).json()["code"] == "intel.village_not_found"


async def test_a_restricted_report_needs_clearance(intel: Intel) -> None:
    report = await intel.ordered()
    await intel.rows_changed("UPDATE report SET classification = 'restricted'")
    path = f"/v1/reports/{report['report_id']}"

    assert (await intel.get(path, clearance="internal")).json()["code"] == "intel.report_not_found"
    assert (await intel.get("/v1/reports", clearance="internal")).json()["items"] == []
    assert (await intel.get(path, clearance="restricted")).status_code == 200


async def test_each_request_that_shows_restricted_reports_is_audited(intel: Intel) -> None:
    report = await intel.ordered()
    await intel.rows_changed("UPDATE report SET classification = 'restricted'")
    await intel.post(violent_dispute())
    one = f"/v1/reports/{report['report_id']}"
    addresses = ("/v1/reports", one, "/v1/me/reports", f"/v1/stations/{STATION}/orders")
    for address in addresses:
        for clearance in ("restricted", "internal"):
            assert (await intel.get(address, clearance=clearance, officer_id=OFFICER)).status_code in (200, 404)
    read = await intel.rows("SELECT object FROM audit WHERE action = 'intel.read_restricted'")
    # One's own reports are shown to oneself whatever one's clearance is.
    assert [row.object for row in read] == [report["report_id"]] * (len(addresses) + 1)


async def test_acting_for_an_officer_shows_no_more_of_his_reports_than_one_may_see(intel: Intel) -> None:
    report = await intel.ordered()
    await intel.rows_changed("UPDATE report SET classification = 'restricted'")
    same = (await intel.post(violent_dispute(matter_id=report["matter_id"]))).json()

    backend = {"officer_id": None, "scopes": ALL}
    assert len(await intel.what_happened(**backend)) == 2
    assert len(await intel.what_happened(**backend, clearance="internal")) == 1
    assert await intel.what_happened(**backend, division="411621") == []
    assert len(await intel.what_happened(clearance="internal")) == 2, "his own"
    seen = (await intel.get(f"/v1/reports/{same['report_id']}", clearance="internal")).json()
    assert seen["possible_duplicates"] == []


@pytest.mark.parametrize("division", ["00", "4116221", "٤١", "41162x"])
async def test_a_division_that_is_none_is_refused(intel: Intel, division: str) -> None:
    answer = await intel.get(f"/v1/reports?division={division}")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_reports_are_paged_without_gaps_or_repeats(intel: Intel) -> None:
    filed = [(await intel.post(violent_dispute())).json()["report_id"] for _ in range(5)]
    seen: list[str] = []
    path: str | None = "/v1/reports?limit=2"
    while path:
        page = (await intel.get(path)).json()
        seen += [line["report_id"] for line in page["items"]]
        path = page["next"] and f"/v1/reports?limit=2&after={page['next']}"
    assert seen == filed[::-1]


async def test_a_filter_that_there_is_not_is_told_with_the_right_ones(intel: Intel) -> None:
    refused = {}
    for asked in ("state=opened", "stat=closed", "division=999999"):
        answer = await intel.get(f"/v1/reports?{asked}")
        refused[asked] = (answer.status_code, [f["message"] for f in answer.json().get("errors", [])])
    assert refused["division=999999"] == (404, [])
    assert refused["stat=closed"] == (422, ["没有这个参数,可用的有 state、after、limit、division"])
    status, [message] = refused["state=opened"]
    assert status == 422
    assert all(state in message for state in ("recorded", "ordered", "closed"))
    assert (await intel.get("/v1/reports?state=ordered&division=411622")).status_code == 200
