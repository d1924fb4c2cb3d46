"""Stations answer with signed calls: each is taken once, the report only ever moves forward."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.intel.repository.deliveries import Deliveries
from services.intel.repository.reports import Reports
from services.intel.rules.lifecycle import after, missing_steps
from services.intel.rules.signature import sign
from shared.contracts.envelope import Fact
from shared.contracts.personnel import OfficerV1
from shared.contracts.pulse import PersonnelHeartbeatV1
from shared.ids import new_id
from shared.messaging.pulses import hear, tell_ends
from shared.messaging.topics import PARTITIONS
from tests.intel.conftest import MakeLoop
from tests.intel.support import OFFICER, SECRET, STATION, Intel, lease, until

WRONG_SECRET = SECRET[:-6] + "AAAAA="
CLOSED = {"event": "closed", "outcome": "resolved", "truth": "true", "record_seen": True, "cooperated": [str(OFFICER)]}
NAME = "某某受理人"


@pytest.fixture
async def order(intel: Intel) -> dict[str, Any]:
    """An order of the station, whose endpoint is set."""
    await intel.put_endpoint("http://127.0.0.1:1/orders")
    return dict((await intel.ordered())["order"])


async def test_received_accepted_closed_each_leave_a_fact_and_a_trace(intel: Intel, order: dict[str, Any]) -> None:
    about = {"order_id": order["order_id"]}
    for said in ({"event": "received"}, {"event": "accepted", "handler_name": NAME}, CLOSED):
        answer = await intel.call_back(about | said)
        assert answer.status_code == 200, answer.text
        assert answer.json()["state"] == said["event"]

    facts = (await intel.facts())[3:]
    assert [name for name, _, _ in facts] == ["report_acknowledged", "report_acknowledged", "report_closed"]
    assert [(data["step"], data["by_named_person"]) for _, data, _ in facts[:2]] == [
        ("received", False),
        ("accepted", True),
    ]
    _, closed, envelope = facts[2]
    assert (closed["outcome"], closed["revision"], closed["cooperated"]) == ("resolved", 1, [str(OFFICER)])
    assert closed["fed_back_to_reporter_at"]
    assert (envelope["ce_actororg"], envelope["ce_scheme"]) == (str(STATION), "wenquan")
    timeline = (await intel.report(order["report_id"]))["timeline"]
    whats = [m["what"] for m in timeline]
    assert whats == ["noticed", "filed", "escalated", "ordered", "received", "accepted", "closed", "fed_back"]
    assert [m["by"] for m in timeline][-4:] == ["测试派出所", "测试派出所", "测试派出所", None]
    assert timeline[-1]["to"] == "演示警员"


async def test_a_call_of_more_than_256_kib_is_too_large_although_it_is_signed(
    intel: Intel, order: dict[str, Any]
) -> None:
    about = {"order_id": order["order_id"], "event": "received"}
    spare = 262_144 - len(json.dumps({"at": datetime.now(UTC).isoformat(), **about, "note": ""}))
    taken = await intel.call_back({**about, "note": "x" * spare})
    assert taken.status_code != 413, taken.text
    answer = await intel.call_back({**about, "note": "x" * (spare + 1)})
    assert (answer.status_code, answer.json()["limit_bytes"]) == (413, 262_144)


async def test_the_name_of_who_took_it_is_sealed_published_nowhere_and_shown(
    intel: Intel, order: dict[str, Any]
) -> None:
    await intel.call_back({"order_id": order["order_id"], "event": "accepted", "handler_name": NAME})
    (row,) = await intel.rows("SELECT callback::text || station_step::text AS text FROM callback, station_step")
    assert NAME not in row.text
    assert NAME not in json.dumps(await intel.facts(), ensure_ascii=False)
    (step,) = (await intel.report(order["report_id"]))["order"]["steps"]
    assert (step["step"], step["handler_name"]) == ("accepted", NAME)


async def test_a_repeated_call_gets_the_same_answer_and_changes_nothing(intel: Intel, order: dict[str, Any]) -> None:
    said = {"order_id": order["order_id"], "at": datetime.now(UTC).isoformat(), **CLOSED}
    first = await intel.call_back(said, webhook_id="call-1")
    before = await intel.facts()
    again = await asyncio.gather(*(intel.call_back(said, webhook_id="call-1") for _ in range(3)))

    assert {a.status_code for a in again} == {200}
    assert all(a.json() == first.json() for a in again)
    assert await intel.facts() == before


async def test_four_repeats_at_once_have_one_effect(intel: Intel, order: dict[str, Any]) -> None:
    said = {"order_id": order["order_id"], "at": datetime.now(UTC).isoformat(), "event": "received"}
    answers = await asyncio.gather(*(intel.call_back(said, webhook_id="call-1") for _ in range(4)))
    assert {a.status_code for a in answers} == {200}
    assert (await intel.names()).count("report_acknowledged") == 1


async def test_a_webhook_id_with_another_body_is_a_conflict(intel: Intel, order: dict[str, Any]) -> None:
    await intel.call_back({"order_id": order["order_id"], "event": "received"}, webhook_id="call-1")
    answer = await intel.call_back({"order_id": order["order_id"], "event": "accepted"}, webhook_id="call-1")
    assert (answer.status_code, answer.json()["code"]) == (409, "intel.callback_conflict")
    assert (await intel.report(order["report_id"]))["state"] == "received"


async def test_closing_before_accepting_fills_in_and_a_late_acceptance_changes_nothing(
    intel: Intel, order: dict[str, Any]
) -> None:
    about = {"order_id": order["order_id"]}
    await intel.call_back(about | CLOSED)
    facts = (await intel.facts())[3:]
    assert [(name, data.get("step")) for name, data, _ in facts] == [
        ("report_acknowledged", "received"),
        ("report_acknowledged", "accepted"),
        ("report_closed", None),
    ]

    late = await intel.call_back(about | {"event": "accepted"})
    assert late.json()["state"] == "closed"
    assert (await intel.facts())[3:] == facts
    assert (await intel.report(order["report_id"]))["timeline"][-1]["code"] == "late"


async def test_a_second_closing_is_a_new_revision_only_when_it_says_something_new(
    intel: Intel, order: dict[str, Any]
) -> None:
    about = {"order_id": order["order_id"]}
    revisions = [
        (await intel.call_back(about | CLOSED | changes)).json()["revision"]
        for changes in ({}, {}, {"truth": "false"}, {"truth": "false"})
    ]
    assert revisions == [1, 1, 2, 2]
    closings = [data for name, data, _ in await intel.facts() if name == "report_closed"]
    assert [(c["revision"], c["truth"]) for c in closings] == [(1, "true"), (2, "false")]


async def test_a_returned_order_says_why(intel: Intel, order: dict[str, Any]) -> None:
    answer = await intel.call_back({"order_id": order["order_id"], "event": "returned", "reason": "not_our_area"})
    assert answer.json()["state"] == "returned"
    _, returned, _ = (await intel.facts())[-1]
    assert (returned["step"], returned["reason"]) == ("returned", "not_our_area")
    (audited,) = await intel.rows("SELECT reason FROM audit WHERE action = 'callback.returned'")
    assert audited.reason == "not_our_area"


async def test_an_answer_proves_that_the_order_arrived(intel: Intel, order: dict[str, Any]) -> None:
    await intel.rows_changed("UPDATE delivery SET state = 'dead'")
    await intel.call_back({"order_id": order["order_id"], "event": "received"})
    assert (await intel.report(order["report_id"]))["order"]["delivery"] == "delivered"


async def test_an_answer_and_the_end_of_the_delivery_do_not_wait_for_each_other(
    intel: Intel, order: dict[str, Any], make_loop: MakeLoop
) -> None:
    leased = await lease(make_loop())
    assert leased is not None
    async with intel.database.unit() as delivering:
        rows = Deliveries(delivering.connection)
        assert await rows.leased(leased["delivery_id"], leased["lease_token"])
        await rows.set(leased["delivery_id"], {"state": "pending", "next_at": delivering.now})
        answering = asyncio.create_task(intel.call_back({"order_id": order["order_id"], "event": "received"}))
        await until(lambda: _waits(intel))
        await delivering.connection.execute(text("SET LOCAL lock_timeout = '500ms'"))
        note = {"report_id": leased["report_id"], "at": delivering.now, "what": "attempt"}
        await Reports(delivering.connection).note(note)

    assert (await answering).status_code == 200


async def _waits(intel: Intel) -> bool:
    """Whether some session waits for a lock."""
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
    return bool(await intel.rows(waiting))


async def test_a_wrong_signature_is_refused(intel: Intel, order: dict[str, Any]) -> None:
    answer = await intel.call_back({"order_id": order["order_id"], "event": "received"}, secret=WRONG_SECRET)
    assert (answer.status_code, answer.json()["code"]) == (401, "intel.signature_wrong")
    assert (await intel.report(order["report_id"]))["state"] == "ordered"


@pytest.mark.parametrize(
    "broken",
    [
        {"webhook-signature": "v1"},
        {"webhook-signature": "v1,???"},
        {"webhook-signature": "v1,中".encode().decode("latin-1")},
        {"webhook-timestamp": "soon"},
        {"webhook-timestamp": "9" * 30},
        {"webhook-id": ""},
        {"webhook-id": "x" * 300},
    ],
)
async def test_malformed_signature_headers_are_refused_like_wrong_ones(
    intel: Intel, order: dict[str, Any], broken: dict[str, str]
) -> None:
    body = json.dumps({"order_id": order["order_id"], "event": "received", "at": "2026-10-06T00:00:00Z"})
    headers = sign(SECRET, "call-1", datetime.now(UTC), body) | broken
    sent = [(name.encode(), value.encode("latin-1")) for name, value in headers.items()]
    answer = await intel.client.post(f"/v1/station-callbacks/{STATION}", content=body, headers=sent)
    assert (answer.status_code, answer.json()["code"]) == (401, "intel.signature_wrong")


async def test_a_changed_byte_breaks_the_signature(intel: Intel, order: dict[str, Any]) -> None:
    body = json.dumps({"order_id": order["order_id"], "event": "received", "at": "2026-10-06T00:00:00Z"})
    headers = sign(SECRET, "call-1", datetime.now(UTC), body)
    answer = await intel.client.post(f"/v1/station-callbacks/{STATION}", content=body + " ", headers=headers)
    assert answer.json()["code"] == "intel.signature_wrong"


@pytest.mark.parametrize(("seconds", "accepted"), [(290, True), (310, False), (-290, True), (-310, False)])
async def test_an_old_or_future_signature_is_refused_and_told_how_far_off(
    intel: Intel, order: dict[str, Any], seconds: int, accepted: bool
) -> None:
    at = datetime.now(UTC) - timedelta(seconds=seconds)
    answer = await intel.call_back({"order_id": order["order_id"], "event": "received"}, at=at)
    if accepted:
        assert answer.status_code == 200
        return
    problem = answer.json()
    assert (answer.status_code, problem["code"]) == (401, "intel.signature_old")
    assert abs(problem["seconds_off"] - seconds) <= 5
    assert problem["tolerance_seconds"] == 300


async def test_the_tolerance_is_the_stations_own(intel: Intel, order: dict[str, Any]) -> None:
    await intel.put_endpoint("http://127.0.0.1:1/orders", tolerance_seconds=3600)
    at = datetime.now(UTC) - timedelta(seconds=900)
    answer = await intel.call_back({"order_id": order["order_id"], "event": "received"}, at=at)
    assert answer.status_code == 200


async def test_a_station_may_be_as_far_off_in_what_it_says_as_in_what_it_signs(
    intel: Intel, order: dict[str, Any]
) -> None:
    await intel.put_endpoint("http://127.0.0.1:1/orders", tolerance_seconds=3600)
    for minutes in (30, -30):
        at = (datetime.now(UTC) + timedelta(minutes=minutes)).isoformat()
        answer = await intel.call_back({"order_id": order["order_id"], "event": "received", "at": at})
        assert answer.status_code == 200, answer.text


@pytest.mark.parametrize(
    "said",
    [
        {"event": "closed"},
        {"event": "returned"},
        {"event": "forgotten"},
        {"event": "received", "at": "yesterday"},
        {"event": "received", "at": (datetime.now(UTC) + timedelta(days=3)).isoformat()},
        {"event": "received", "at": (datetime.now(UTC) - timedelta(minutes=6)).isoformat()},
        {"event": "received", "at": "0001-01-01T00:00:00+08:00"},
        {"event": "closed", "outcome": "resolved", "reason": "free text with spaces"},
    ],
)
async def test_a_genuine_call_that_makes_no_sense_is_refused(
    intel: Intel, order: dict[str, Any], said: dict[str, Any]
) -> None:
    answer = await intel.call_back({"order_id": order["order_id"]} | said)
    assert answer.status_code == 422, answer.text
    assert (await intel.report(order["report_id"]))["state"] == "ordered"


async def test_an_order_of_another_station_does_not_exist(intel: Intel, order: dict[str, Any]) -> None:
    await intel.rows_changed("UPDATE station_order SET station = gen_random_uuid()")
    answer = await intel.call_back({"order_id": order["order_id"], "event": "received"})
    assert (answer.status_code, answer.json()["code"]) == (404, "intel.order_not_found")


async def test_the_reporter_reads_in_a_sentence_what_became_of_it(intel: Intel, order: dict[str, Any]) -> None:
    async def sentence() -> str:
        (own,) = (await intel.get("/v1/me/reports", officer_id=OFFICER, scopes=("intel:report",))).json()["items"]
        return str(own["what_happened"])

    assert "已派给测试派出所,对方尚未签收" in await sentence()
    await intel.call_back({"order_id": order["order_id"], "event": "accepted"})
    assert "对方已受理" in await sentence()
    await intel.call_back({"order_id": order["order_id"]} | CLOSED)
    assert "由测试派出所办结,已化解,情况属实" in await sentence()


async def test_nobody_reads_the_reports_of_another_without_act_as(intel: Intel) -> None:
    mine = {"scopes": ("intel:report",)}
    assert (await intel.get(f"/v1/me/reports?officer={OFFICER}", **mine)).json()["code"] == "act_as_required"
    assert (await intel.get("/v1/me/reports", **mine)).json()["code"] == "intel.officer_required"


def test_the_state_never_goes_back() -> None:
    assert after("accepted", "closed", followed=False) == ("closed", True)
    assert after("closed", "ordered", followed=False) == ("closed", False)
    assert after("closed", "ordered", followed=True) == ("ordered", True)
    assert after("accepted", "returned", followed=False) == ("returned", True)
    assert missing_steps("closed", ["received"]) == ("accepted",)


async def test_who_cooperated_must_exist(intel: Intel, order: dict[str, Any]) -> None:
    stranger = CLOSED | {"order_id": order["order_id"], "cooperated": [str(OFFICER), str(new_id())]}
    not_yet = await intel.call_back(stranger)
    assert (not_yet.status_code, not_yet.json()["code"]) == (503, "unavailable")

    async with intel.database.unit() as unit:
        beat = PersonnelHeartbeatV1(service="personnel", at=datetime.now(UTC))
        await hear([Fact.of(beat, time=beat.at, actor="personnel", jurisdiction="")], unit)
        await tell_ends(unit.connection, [(OfficerV1.TOPIC, number) for number in range(PARTITIONS)])
    refused = await intel.call_back(stranger)
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    assert [fault["pointer"] for fault in refused.json()["errors"]] == ["/cooperated/1"]
    assert (await intel.report(order["report_id"]))["state"] == "ordered"
