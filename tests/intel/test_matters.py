"""News of a matter reaches whoever has it in hand; its orders answer its reports; another county has its own."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.intel.handlers import handlers
from services.intel.service import settling
from services.intel.service.following import catch_up
from services.intel.service.playbooks import Playbooks
from shared.contracts.fieldwork import ActivityRecordedV1, ActivityVerifiedV1
from shared.ids import county_id, foreign_id, new_id
from shared.messaging.handling import in_one
from tests.intel.conftest import MakeLoop
from tests.intel.support import (
    COUNTY,
    LEADER,
    LONELY_VILLAGE,
    OFFICER,
    OTHER_STATION,
    STATION,
    VILLAGE,
    Intel,
    Receiver,
    area_of_other_station,
    dispute_activity,
    officer,
    published,
    rejection,
    running,
    station,
    until,
    village,
    violent_dispute,
)

OTHER_COUNTY, FAR_VILLAGE = "411623", "411623100201"
THEIR_OFFICER = foreign_id("app", "theirs")
MILD = {"signs": ["uncontrollable"], "category": "grudge"}
CLOSED = {"event": "closed", "outcome": "resolved"}
QUIET: dict[str, Any] = {"signs": [], "summary": None}


@pytest.fixture
async def two(intel: Intel) -> Intel:
    """A county with an endpoint for its station and a second station that has a village, too."""
    await intel.put_endpoint("http://127.0.0.1:1/orders")
    await intel.learn(area_of_other_station())
    return intel


async def file(intel: Intel, matter_id: str, **changes: Any) -> dict[str, Any]:
    filed = await intel.post(violent_dispute(matter_id=matter_id, **changes))
    assert filed.status_code == 201, filed.text
    return await intel.report(filed.json()["report_id"])


async def updates(intel: Intel) -> list[tuple[UUID, list[str]]]:
    """Each update on its way: to which station, and what is new."""
    rows = await intel.rows(
        "SELECT station, news FROM delivery WHERE event = 'order.updated' ORDER BY created_at, station"
    )
    return [(row.station, row.news) for row in rows]


async def test_graver_news_is_an_update_to_the_station_that_has_the_order(two: Intel) -> None:
    first = await two.ordered(**MILD)
    second = await file(two, first["matter_id"], category="grudge", signs=["uncontrollable", "violence", "weapon"])

    assert (second["state"], second["severity"]) == ("ordered", "urgent")
    assert second["order"]["order_id"] == first["order"]["order_id"]
    assert await updates(two) == [(STATION, ["graver", "sign", "summary"])]
    whats = [(m["what"], m["code"]) for m in second["timeline"]]
    assert whats[-2:] == [("updated", "graver+sign+summary"), ("joined", None)]
    assert (await two.names())[-3:] == ["report_filed", "report_escalated", "report_routed"]


async def test_an_update_arrives_as_an_event_of_its_own_with_what_is_new(
    two: Intel, make_loop: MakeLoop, receiver: tuple[Receiver, str]
) -> None:
    server, url = receiver
    await two.put_endpoint(url)
    first = await two.ordered(**MILD)
    second = await file(two, first["matter_id"], category="grudge", signs=["weapon"], summary="又来了")
    async with running(make_loop().run):
        await until(lambda: _called(server, 2))

    bodies = {body["type"]: body for body in map(_json, server.calls)}
    told = bodies["order.updated"]
    assert (told["order_id"], told["report_id"]) == (first["order"]["order_id"], second["report_id"])
    assert (told["summary"], told["news"]) == ("又来了", ["graver", "sign", "summary"])
    assert bodies["order.created"]["news"] == []


async def test_what_a_station_was_told_once_is_no_news(two: Intel) -> None:
    first = await two.ordered()
    for _ in range(2):
        await file(two, first["matter_id"], summary=None)
    assert await updates(two) == []
    for _ in range(2):
        await file(two, first["matter_id"], signs=["weapon"], summary=None)
    assert await updates(two) == [(STATION, ["sign"])]


async def test_another_villages_station_gets_an_order_and_the_first_one_an_update(two: Intel) -> None:
    first = await two.ordered()
    second = await file(two, first["matter_id"], village=LONELY_VILLAGE, summary=None)

    assert (second["state"], second["station"]) == ("ordered", str(OTHER_STATION))
    assert second["order"]["order_id"] != first["order"]["order_id"]
    assert await updates(two) == [(STATION, ["village"])]


async def test_a_report_that_no_rule_escalates_is_answered_by_the_order_of_its_matter(two: Intel) -> None:
    first = await two.ordered(**MILD)
    quiet = await file(two, first["matter_id"], signs=[], category="grudge", summary=None)
    elsewhere = await file(two, first["matter_id"], signs=[], category="grudge", summary=None, village=LONELY_VILLAGE)

    assert {r["order"]["order_id"] for r in (quiet, elsewhere)} == {first["order"]["order_id"]}
    assert await updates(two) == [(STATION, ["village"])]
    await two.call_back({"order_id": first["order"]["order_id"]} | CLOSED)
    assert {(await two.report(r["report_id"]))["state"] for r in (first, quiet, elsewhere)} == {"closed"}


async def test_an_order_answers_what_the_station_had_on_its_list_before(two: Intel) -> None:
    quiet = (await two.post(violent_dispute(**QUIET))).json()
    assert quiet["state"] == "filed"
    loud = await file(two, quiet["matter_id"])

    joined = await two.report(quiet["report_id"])
    assert (joined["state"], joined["order"]["order_id"]) == ("ordered", loud["order"]["order_id"])
    await two.call_back({"order_id": loud["order"]["order_id"]} | CLOSED)
    assert (await two.report(quiet["report_id"]))["closing"]["outcome"] == "resolved"


async def test_closing_an_order_acknowledges_and_closes_all_reports_it_answers(two: Intel) -> None:
    first = await two.ordered()
    second = await file(two, first["matter_id"], signs=["weapon"])
    about = {"order_id": first["order"]["order_id"]}
    await two.call_back(about | {"event": "accepted", "handler_name": "某某"})
    await two.call_back(about | CLOSED | {"truth": "true", "cooperated": [str(OFFICER)]})

    facts = [(name, data["report_id"]) for name, data, _ in await two.facts() if name != "report_filed"]
    for report in (first, second):
        own = [name for name, report_id in facts if report_id == report["report_id"]]
        assert own == ["report_escalated", "report_routed", *["report_acknowledged"] * 2, "report_closed"]
    closings = [data for name, data, _ in await two.facts() if name == "report_closed"]
    assert {(c["truth"], tuple(c["cooperated"]), c["revision"]) for c in closings} == {("true", (str(OFFICER),), 1)}


async def test_the_same_word_again_acknowledges_the_news_that_came_since(two: Intel) -> None:
    first = await two.ordered()
    about = {"order_id": first["order"]["order_id"]}
    await two.call_back(about | {"event": "accepted"})
    second = await file(two, first["matter_id"], signs=["weapon"])
    assert second["state"] == "ordered"

    await two.call_back(about | {"event": "accepted"})
    assert (await two.report(second["report_id"]))["state"] == "accepted"
    assert (await two.names()).count("report_acknowledged") == 4


async def test_a_matter_is_open_until_none_of_its_orders_is(two: Intel) -> None:
    await two.put_endpoint("http://127.0.0.1:1/orders", OTHER_STATION)
    first = await two.ordered()
    second = await file(two, first["matter_id"], village=LONELY_VILLAGE)

    async def state() -> str:
        return str((await two.get(f"/v1/matters/{first['matter_id']}")).json()["state"])

    assert await state() == "open"
    await two.call_back({"order_id": first["order"]["order_id"]} | CLOSED)
    assert await state() == "open"
    await two.rows_changed(f"UPDATE station_order SET station = '{STATION}' WHERE station = '{OTHER_STATION}'")
    await two.call_back({"order_id": second["order"]["order_id"]} | CLOSED)
    assert await state() == "closed"


async def test_news_that_comes_after_the_closing_is_ordered_and_what_was_known_is_answered(two: Intel) -> None:
    first = await two.ordered(**MILD)
    await two.call_back({"order_id": first["order"]["order_id"]} | CLOSED | {"truth": "true"})

    known = await file(two, first["matter_id"], **MILD)
    assert (known["state"], known["closing"]["truth"]) == ("closed", "true")
    graver = await file(two, first["matter_id"], category="grudge", signs=["weapon"])
    assert graver["state"] == "ordered"
    assert graver["order"]["order_id"] != first["order"]["order_id"]


async def test_an_activity_that_tells_more_than_an_earlier_one_is_not_swallowed(two: Intel) -> None:
    first = dispute_activity(state="open", on_spot_lawful=False)
    more = first.model_copy(update={"activity_id": new_id(), "details": {"category": "neighbours", "state": "failed"}})
    await two.read_activities(first)
    await two.read_activities(more)

    assert (await two.activity_report(more))["state"] == "ordered"
    assert await updates(two) == [(STATION, ["sign"])]


async def test_however_many_tell_of_a_matter_facts_stay_small_and_all_are_closed(two: Intel) -> None:
    first = await two.ordered()
    await two.rows_changed(
        f"""
        INSERT INTO report (report_id, matter_id, kind, category, village, reporter, source, noticed_at, reported_at,
            signs, classification, actor, state, acknowledged, station, severity, cause, order_id, order_version, hop)
        SELECT gen_random_uuid(), matter_id, kind, category, village, reporter, source, noticed_at, reported_at, signs,
            classification, actor, state, acknowledged, station, severity, cause, order_id, order_version, hop
        FROM report, generate_series(1, 2500) WHERE report_id = '{first["report_id"]}'
        """
    )
    late = await file(two, first["matter_id"], summary=None)
    assert len(late["possible_duplicates"]) == 20
    assert max([len(str(data)) for _, data, _ in await two.facts()]) < 2_000

    answer = await two.call_back({"order_id": first["order"]["order_id"]} | CLOSED)
    assert answer.status_code == 200
    assert (await two.report(first["report_id"]))["state"] == "closed", "the first one at once"
    more = True
    while more:
        async with two.database.unit() as unit:
            more = await catch_up(unit)
    assert await two.rows("SELECT DISTINCT state FROM report") == [("closed",)]
    assert (await two.names()).count("report_closed") == 2502
    assert (await two.get(f"/v1/matters/{first['matter_id']}")).json()["state"] == "closed"


# Reports that no rule escalates.


async def test_a_report_without_an_order_is_acknowledged_and_closed_by_its_id(two: Intel) -> None:
    report = (await two.post(violent_dispute(**QUIET))).json()
    about = {"report_id": report["report_id"]}
    taken = await two.call_back(about | {"event": "received", "handler_name": "某某"})
    assert (taken.status_code, taken.json()["state"], taken.json()["order_id"]) == (200, "received", None)
    closed = await two.call_back(about | CLOSED)
    assert (closed.json()["state"], closed.json()["revision"]) == ("closed", 1)
    late = await two.call_back(about | {"event": "accepted"})
    assert late.json()["state"] == "closed"

    facts = await two.facts()
    assert [(name, data.get("step")) for name, data, _ in facts][1:] == [
        ("report_acknowledged", "received"),
        ("report_acknowledged", "accepted"),
        ("report_closed", None),
    ]
    shown = await two.report(report["report_id"])
    assert [(step["step"], step["handler_name"]) for step in shown["steps"]] == [("received", "某某")]
    assert shown["timeline"][-1]["code"] == "late"
    assert "办结,已化解。" in (await two.what_happened())[0], "and no word of what nobody said: whether it was true"


@pytest.mark.parametrize("about", [{}, {"order_id": str(new_id()), "report_id": str(new_id())}])
async def test_an_answer_is_about_an_order_or_a_report(two: Intel, about: dict[str, str]) -> None:
    answer = await two.call_back(about | {"event": "received"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_a_report_of_another_station_or_with_an_order_is_not_answered_by_its_id(two: Intel) -> None:
    ordered = await two.ordered()
    other = (await two.post(violent_dispute(village=LONELY_VILLAGE, **QUIET))).json()
    for report in (ordered, other):
        answer = await two.call_back({"report_id": report["report_id"], "event": "received"})
        assert (answer.status_code, answer.json()["code"]) == (404, "intel.report_not_found")


# A dispute that is settled in the village.


def resolved(matter_id: str) -> ActivityRecordedV1:
    activity = dispute_activity(state="resolved")
    return activity.model_copy(update={"matter_id": UUID(matter_id), "since": datetime(2026, 10, 6, tzinfo=UTC)})


def verified(activity: ActivityRecordedV1) -> ActivityVerifiedV1:
    return ActivityVerifiedV1(
        activity_id=activity.activity_id,
        officer_id=OFFICER,
        verified_by=LEADER,
        verifier_org=STATION,
        method="desk",
        quantity=activity.quantity,
        true_situation=True,
        record_seen=True,
        signature_seen=True,
        effective="yes",
    )


async def read(intel: Intel, *facts: Any) -> None:
    async with intel.database.unit() as unit:
        assert not await in_one(handlers(Playbooks(None)))([published(data) for data in facts], unit)


async def test_a_verified_settlement_closes_a_report_that_was_not_ordered(two: Intel) -> None:
    report = (await two.post(violent_dispute(**QUIET))).json()
    activity = resolved(report["matter_id"])
    await read(two, activity)
    assert (await two.report(report["report_id"]))["state"] == "filed", "nobody has confirmed it"
    await read(two, verified(activity))

    closed = await two.report(report["report_id"])
    assert (closed["state"], closed["closing"]["outcome"], closed["closing"]["record_seen"]) == (
        "closed",
        "resolved",
        True,
    )
    assert (await two.names()) == ["report_filed", "report_closed"]

    await read(two, rejection(activity, "recheck_failed"))
    assert (await two.report(report["report_id"]))["state"] == "filed"
    (_, _, (_, undone, _)) = await two.facts()
    assert (undone["outcome"], undone["revision"]) == ("withdrawn", 2)


async def test_however_many_reports_a_settlement_closes_it_does_so_some_at_a_time(two: Intel) -> None:
    report = (await two.post(violent_dispute(**QUIET))).json()
    await two.rows_changed(
        f"""
        INSERT INTO report (report_id, matter_id, kind, category, village, reporter, source, noticed_at, reported_at,
            signs, classification, actor, state, acknowledged, station, order_version, hop)
        SELECT gen_random_uuid(), matter_id, kind, category, village, reporter, source, noticed_at, reported_at, signs,
            classification, actor, state, acknowledged, station, order_version, hop
        FROM report, generate_series(1, 250) WHERE report_id = '{report["report_id"]}'
        """
    )
    activity = resolved(report["matter_id"])
    await read(two, activity, verified(activity))
    assert (await two.names()).count("report_closed") == 100
    await until_settled(two)
    assert await two.rows("SELECT DISTINCT state FROM report") == [("closed",)]
    await read(two, rejection(activity))
    await until_settled(two)
    assert await two.rows("SELECT DISTINCT state FROM report") == [("filed",)]
    assert (await two.names()).count("report_closed") == 502


async def until_settled(intel: Intel) -> None:
    more = True
    while more:
        async with intel.database.unit() as unit:
            more = await settling.catch_up(unit)


async def test_a_verified_settlement_does_not_close_what_was_noticed_after_it(two: Intel) -> None:
    later = (datetime.now(UTC) - timedelta(minutes=1)).isoformat()
    report = (await two.post(violent_dispute(noticed_at=later, **QUIET))).json()
    activity = resolved(report["matter_id"])
    await read(two, activity, verified(activity))
    assert (await two.report(report["report_id"]))["state"] == "filed"


async def test_a_verified_settlement_is_told_to_the_station_that_has_the_order(two: Intel) -> None:
    report = await two.ordered()
    activity = resolved(report["matter_id"])
    await read(two, activity, verified(activity))

    assert await updates(two) == [(STATION, ["settled"])]
    assert (await two.report(report["report_id"]))["state"] == "ordered"


# Another county.


@pytest.fixture
async def neighbour(two: Intel) -> Intel:
    """The county beside it is known, too."""
    away = foreign_id("test", "far station")
    theirs = officer(THEIR_OFFICER, "外县警员", "T001").model_copy(update={"employer": away, "station": away})
    await two.learn(village(FAR_VILLAGE, "外县村"), station(away, "外县所", f"{OTHER_COUNTY}100000"), theirs)
    binding = (await two.rows("SELECT scheme, version FROM known_binding"))[0]
    await two.rows_changed(
        f"""INSERT INTO known_binding (binding_id, jurisdiction, scheme, version, posts, use, valid_from)
        VALUES (gen_random_uuid(), '{OTHER_COUNTY}', '{binding.scheme}', '{binding.version}', '{{}}', 'governing',
                '2020-01-01')"""
    )
    return two


async def intruding(intel: Intel, **changes: Any) -> dict[str, Any]:
    """What the other county's backend files."""
    by = {"reporter": {"id": str(THEIR_OFFICER)}}
    answer = await intel.post(violent_dispute(village=FAR_VILLAGE, **by, **changes), division=OTHER_COUNTY)
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


@pytest.mark.parametrize("first", ["theirs", "ours"])
async def test_another_county_under_the_same_matter_changes_nothing(neighbour: Intel, first: str) -> None:
    matter = str(new_id())
    theirs = await intruding(neighbour, matter_id=matter) if first == "theirs" else None
    ours = await file(neighbour, matter)
    theirs = theirs or await intruding(neighbour, matter_id=matter)

    assert (ours["state"], ours["station"], ours["possible_duplicates"]) == ("ordered", str(STATION), [])
    assert theirs["matter_id"] != ours["matter_id"]
    assert await updates(neighbour) == []


async def test_another_county_does_not_take_the_id_that_a_named_matter_will_get(neighbour: Intel) -> None:
    meant = str(county_id(COUNTY, "app", "M-1"))
    theirs = await intruding(neighbour, matter_id=meant)
    await read(neighbour, dispute_activity().model_copy(update={"matter_id": UUID(meant), "village": FAR_VILLAGE}))
    ours = await file(neighbour, {"system": "app", "id": "M-1"})  # type: ignore[arg-type]  # a name instead of an id
    assert (ours["matter_id"], ours["state"], ours["station"]) == (meant, "ordered", str(STATION))
    assert theirs["matter_id"] == str(county_id(OTHER_COUNTY, "cunjing.matter", meant))
    assert await updates(neighbour) == []
    rows = await neighbour.rows("SELECT village FROM report WHERE matter_id = CAST(:id AS uuid)", id=meant)
    assert [row.village for row in rows] == [VILLAGE]


@pytest.mark.parametrize("first", ["theirs", "ours"])
async def test_another_county_under_the_same_id_changes_nothing(neighbour: Intel, first: str) -> None:
    named = {"id": {"system": "app", "id": "R-1"}}
    if first == "theirs":
        await intruding(neighbour, **named)
    ours = await neighbour.post(violent_dispute(**named))
    if first == "ours":
        await intruding(neighbour, **named)
    assert (ours.status_code, ours.json()["outcome"]) == (201, "created")
    again = await neighbour.post(violent_dispute(**named))
    assert (again.json()["outcome"], again.json()["report_id"]) == ("duplicate", ours.json()["report_id"])


@pytest.mark.parametrize(
    "id", [{"system": "fieldwork.activity", "id": "x"}, str(county_id(COUNTY, "fieldwork.activity", "x"))]
)
async def test_nobody_takes_the_id_of_what_will_be_reported_by_itself(neighbour: Intel, id: Any) -> None:
    answer = await neighbour.post(violent_dispute(id=id))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


async def test_whose_token_covers_both_counties_goes_on_with_a_matter_across_the_border(neighbour: Intel) -> None:
    ours = await neighbour.ordered()
    answer = await neighbour.post(violent_dispute(village=FAR_VILLAGE, matter_id=ours["matter_id"]), division="4116")
    assert answer.json()["matter_id"] == ours["matter_id"]
    assert await updates(neighbour) == [(STATION, ["village", "summary"])]


async def test_a_report_that_was_filed_when_names_had_no_county_is_found(two: Intel) -> None:
    named = violent_dispute(id={"system": "app", "id": "R-1"})
    await two.post(named | {"signs": []})
    await two.rows_changed("DELETE FROM timeline")
    await two.rows_changed(f"UPDATE report SET report_id = '{foreign_id('app', 'R-1')}'")
    again = (await two.post(named | {"signs": []})).json()
    assert (again["outcome"], again["report_id"]) == ("duplicate", str(foreign_id("app", "R-1")))


async def test_a_village_is_named_by_its_fifteen_digits_too(two: Intel) -> None:
    assert (await file(two, str(new_id()), village=f"{VILLAGE}001"))["village"] == VILLAGE


def _json(call: dict[str, Any]) -> dict[str, Any]:
    return dict(json.loads(call["body"]))


async def _called(server: Receiver, times: int) -> bool:
    return len(server.calls) >= times


# Taking back and correcting.


async def withdraw(intel: Intel, report_id: str, **claims: Any) -> httpx.Response:
    path, body = f"/v1/reports/{report_id}/withdrawal", {"reason": "entered_twice"}
    return await intel.client.post(path, json=body, headers=intel.headers(**claims))


async def test_a_reporter_takes_his_report_back(two: Intel) -> None:
    report = (await two.post(violent_dispute(**QUIET))).json()
    refused = await withdraw(two, report["report_id"], scopes=("intel:report",), officer_id=LEADER)
    assert refused.json()["code"] == "act_as_required"
    answers = [(await withdraw(two, report["report_id"])).json()["outcome"] for _ in range(2)]
    assert answers == ["created", "duplicate"]
    assert (await two.names()) == ["report_filed", "report_closed"]
    shown = await two.report(report["report_id"])
    assert (shown["state"], shown["timeline"][-1]["code"]) == ("withdrawn", "entered_twice")


async def test_a_station_that_has_a_report_in_hand_is_told_that_it_was_taken_back(two: Intel) -> None:
    report = await two.ordered()
    assert (await withdraw(two, report["report_id"])).status_code == 200
    assert await updates(two) == [(STATION, ["withdrawn"])]
    assert (await two.report(report["report_id"]))["state"] == "ordered", "the station decides"


async def test_a_report_is_corrected_by_a_new_one_once(two: Intel) -> None:
    wrong = (await two.post(violent_dispute(**QUIET))).json()
    right = violent_dispute(supersedes=wrong["report_id"], village=LONELY_VILLAGE)
    filed = (await two.post(right)).json()
    assert filed["matter_id"] == wrong["matter_id"]
    assert (await two.report(wrong["report_id"]))["state"] == "withdrawn"
    assert (await two.post(right)).json()["outcome"] == "duplicate"
    again = await two.post(violent_dispute(supersedes=wrong["report_id"]))
    assert (again.status_code, again.json()["code"]) == (409, "intel.already_closed")
    anothers = await two.post(violent_dispute(supersedes=filed["report_id"], reporter={"id": str(LEADER)}))
    assert anothers.json()["code"] == "intel.report_not_found"


async def test_a_matter_named_by_another_system_is_the_same_in_both_services(neighbour: Intel) -> None:
    named = {"system": "app", "id": "M-1"}
    ours = await file(neighbour, named)  # type: ignore[arg-type]  # a name instead of an id
    theirs = await intruding(neighbour, matter_id=named)
    assert ours["matter_id"] == str(county_id(COUNTY, "app", "M-1"))
    assert theirs["matter_id"] == str(county_id(OTHER_COUNTY, "app", "M-1"))
