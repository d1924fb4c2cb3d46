"""Nothing rests nowhere: what comes back, does not arrive or is not taken waits for a person, who orders it anew."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.intel.repository.rows import Row
from services.intel.service.falling_back import FallingBack
from services.intel.service.gauges import show_deliveries
from services.intel.service.playbooks import Playbooks
from shared.ids import new_id
from shared.observability import metrics
from tests.intel.conftest import MakeLoop
from tests.intel.support import (
    ALL,
    LEADER,
    OTHER_STATION,
    STATION,
    Intel,
    lease,
    station,
    violent_dispute,
)

BY_LEADER = {"officer_id": LEADER, "scopes": (*ALL, "intel:dispatch")}
RETURNED = {"event": "returned", "reason": "not_our_area"}
WHY = "辖区有争议,请先到现场"


@pytest.fixture
async def order(intel: Intel) -> dict[str, Any]:
    """An order whose station has an endpoint and has received it."""
    await intel.put_endpoint("http://127.0.0.1:1/orders")
    report = await intel.ordered()
    await intel.rows_changed("UPDATE delivery SET state = 'delivered', delivered_at = now()")
    return report


async def queue(intel: Intel, query: str = "", **claims: Any) -> list[tuple[str, str]]:
    answer = await intel.get(f"/v1/queue{query}", **claims)
    assert answer.status_code == 200, answer.text
    return [(item["order_id"], item["rests"]) for item in answer.json()["items"]]


async def order_anew(intel: Intel, report: Row, to: UUID, replaces: str | None = None, **claims: Any) -> httpx.Response:
    said = {"to": str(to), "reason": WHY, "replaces": replaces or (report["order"] or {}).get("order_id")}
    headers = intel.headers(**(BY_LEADER | claims))
    return await intel.client.post(f"/v1/reports/{report['report_id']}/orders", json=said, headers=headers)


@pytest.mark.parametrize(
    ("happened", "rests"),
    [
        ("UPDATE delivery SET state = 'dead'", "dead"),
        ("UPDATE delivery SET state = 'pending'; DELETE FROM endpoint", "no_endpoint"),
        ("UPDATE delivery SET state = 'pending'; UPDATE endpoint SET paused_at = now()", "paused"),
        ("", "not_received"),
    ],
)
async def test_what_did_not_arrive_or_was_not_received_is_in_the_queue(
    intel: Intel, order: dict[str, Any], happened: str, rests: str
) -> None:
    for statement in filter(None, happened.split(";")):
        await intel.rows_changed(statement)
    assert await queue(intel) == [(order["order"]["order_id"], rests)]
    assert await queue(intel, f"?rests={rests}&unit={STATION}&division=411622100") == await queue(intel)
    assert await queue(intel, f"?unit={OTHER_STATION}") == []
    assert await queue(intel, division="411623") == []


@pytest.mark.parametrize(("said", "rests"), [({"event": "received"}, "not_taken"), (RETURNED, "returned")])
async def test_what_was_not_taken_or_came_back_is_in_the_queue(
    intel: Intel, order: dict[str, Any], said: dict[str, str], rests: str
) -> None:
    await intel.call_back({"order_id": order["order"]["order_id"]} | said)
    assert await queue(intel) == [(order["order"]["order_id"], rests)]
    (item,) = (await intel.get("/v1/queue")).json()["items"]
    assert (item["steps"][0]["reason"], item["severity"]) == (said.get("reason"), "urgent")


@pytest.mark.parametrize("event", [{"event": "accepted"}, {"event": "closed", "outcome": "resolved"}])
async def test_what_is_taken_or_closed_waits_for_nobody(
    intel: Intel, order: dict[str, Any], event: dict[str, str]
) -> None:
    await intel.call_back({"order_id": order["order"]["order_id"]} | event)
    assert await queue(intel) == []


async def test_what_rests_is_counted_for_those_who_watch(intel: Intel, order: dict[str, Any]) -> None:
    await intel.call_back({"order_id": order["order"]["order_id"]} | RETURNED)
    await intel.rows_changed("UPDATE station_order SET moved_at = now() - interval '2 hours'")
    async with intel.database.unit() as unit:
        await show_deliveries(unit)
    assert metrics.ORDERS_RESTING.labels("returned")._value.get() == 1
    assert metrics.ORDER_RESTS_SECONDS.labels("returned")._value.get() > 7000
    assert metrics.ORDERS_RESTING.labels("dead")._value.get() == 0


async def test_the_queue_goes_page_by_page(intel: Intel, order: dict[str, Any]) -> None:
    await intel.ordered()
    await intel.rows_changed("UPDATE delivery SET state = 'dead'")
    whole = await queue(intel)
    first = (await intel.get("/v1/queue?limit=1")).json()
    assert [first["items"][0]["order_id"]] + [o for o, _ in await queue(intel, f"?after={first['next']}")] == [
        o for o, _ in whole
    ]
    assert len(whole) == 2


async def test_a_person_orders_anew_to_any_unit_with_a_reason(intel: Intel, order: dict[str, Any]) -> None:
    await intel.call_back({"order_id": order["order"]["order_id"]} | RETURNED)
    answer = await order_anew(intel, order, OTHER_STATION)
    assert answer.status_code == 201, answer.text

    assert await queue(intel, "?rests=returned") == []
    report = await intel.report(order["report_id"])
    assert (report["state"], report["station"]) == ("ordered", str(OTHER_STATION))
    first, second = report["orders"]
    assert first["followed_by"] == second["order_id"] == answer.json()["order_id"] == report["order"]["order_id"]
    assert (second["hop"], second["sent_by"], second["reason"]) == (2, str(STATION), WHY)
    *_, escalated, routed = await intel.facts()
    assert (escalated[1]["cause"], escalated[1]["revision"]) == ("person", 2)
    assert (routed[1]["hop"], routed[1]["to_org"], routed[1]["from_org"]) == (2, str(OTHER_STATION), str(STATION))
    assert WHY not in str(await intel.facts())
    (audit,) = await intel.rows("SELECT object FROM audit WHERE action = 'report.order'")
    assert audit.object == f"{order['report_id']} to {OTHER_STATION}"


async def test_the_acknowledgements_of_the_next_unit_are_of_the_next_hop(intel: Intel, order: dict[str, Any]) -> None:
    await intel.call_back({"order_id": order["order"]["order_id"]} | RETURNED)
    new_order = (await order_anew(intel, order, STATION)).json()["order_id"]
    await intel.call_back({"order_id": new_order, "event": "received"})
    acknowledged = [(d["hop"], d["step"]) for name, d, _ in await intel.facts() if name == "report_acknowledged"]
    assert acknowledged == [(1, "received"), (1, "returned"), (2, "received")]


async def test_every_report_the_order_answered_goes_with_it(intel: Intel, order: dict[str, Any]) -> None:
    other = (await intel.post(violent_dispute(matter_id=order["matter_id"]))).json()
    new_order = (await order_anew(intel, order, OTHER_STATION)).json()["order_id"]
    moved = await intel.report(other["report_id"])
    assert (moved["order"]["order_id"], moved["station"]) == (new_order, str(OTHER_STATION))


async def test_the_unit_that_has_an_order_is_told_that_it_is_withdrawn(intel: Intel, order: dict[str, Any]) -> None:
    await order_anew(intel, order, OTHER_STATION)
    rows = await intel.rows("SELECT event, station, order_id, state FROM delivery ORDER BY created_at, event")
    assert [(row.event, row.station) for row in rows] == [
        ("order.created", STATION),
        ("order.created", OTHER_STATION),
        ("order.withdrawn", STATION),
    ]
    assert str(rows[2].order_id) == order["order"]["order_id"]

    late = await intel.call_back({"order_id": order["order"]["order_id"], "event": "accepted"})
    assert (late.status_code, late.json()["state"]) == (200, "ordered")
    report = await intel.report(order["report_id"])
    assert (report["state"], report["timeline"][-1]["code"]) == ("ordered", "late")
    assert "report_acknowledged" not in await intel.names()


async def test_what_never_arrived_is_not_sent_after_it_was_withdrawn(
    intel: Intel, order: dict[str, Any], make_loop: MakeLoop
) -> None:
    await intel.rows_changed("UPDATE delivery SET state = 'pending', next_at = now(), delivered_at = NULL")
    await order_anew(intel, order, OTHER_STATION)
    assert await lease(make_loop()) is None
    assert len(await intel.rows("SELECT 1 FROM delivery WHERE event = 'order.withdrawn'")) == 0


async def test_a_report_that_no_rule_escalates_is_ordered_by_a_person(intel: Intel) -> None:
    quiet = (await intel.post(violent_dispute(signs=[]))).json()
    report = await intel.report(quiet["report_id"])
    answer = await order_anew(intel, report, OTHER_STATION)
    assert answer.status_code == 201, answer.text
    assert (await intel.report(quiet["report_id"]))["state"] == "ordered"
    assert (await intel.names()) == ["report_filed", "report_routed"]


async def test_the_same_again_is_the_same_order_and_two_at_once_are_one(intel: Intel, order: dict[str, Any]) -> None:
    answers = await asyncio.gather(*(order_anew(intel, order, OTHER_STATION) for _ in range(3)))
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["order_id"] for answer in answers}) == 1
    assert len(await intel.rows("SELECT 1 FROM station_order")) == 2

    moved = await order_anew(intel, order, STATION)
    assert (moved.status_code, moved.json()["code"]) == (409, "intel.order_moved")
    assert moved.json()["order_id"] == answers[0].json()["order_id"]


async def test_what_is_closed_is_not_ordered(intel: Intel, order: dict[str, Any]) -> None:
    await intel.call_back({"order_id": order["order"]["order_id"], "event": "closed", "outcome": "resolved"})
    answer = await order_anew(intel, order, OTHER_STATION)
    assert (answer.status_code, answer.json()["code"]) == (409, "intel.already_closed")


@pytest.mark.parametrize(
    ("claims", "status", "code"),
    [
        ({"scopes": ALL}, 403, "scope_missing"),
        ({"division": "411623"}, 404, "intel.report_not_found"),
    ],
)
async def test_ordering_needs_its_scope_and_the_jurisdiction(
    intel: Intel, order: dict[str, Any], claims: dict[str, Any], status: int, code: str
) -> None:
    answer = await order_anew(intel, order, OTHER_STATION, **claims)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_a_unit_that_nobody_knows_gets_nothing(intel: Intel, order: dict[str, Any]) -> None:
    answer = await order_anew(intel, order, new_id())
    assert (answer.status_code, answer.json()["code"]) == (409, "intel.not_known_yet")
    assert len(await intel.rows("SELECT 1 FROM station_order")) == 1


# By itself, where the scheme says so.


@pytest.fixture
def falling_back(tmp_path: Path) -> FallingBack:
    """A deployer's decision: what comes back goes to the parent unit."""
    folder = tmp_path / "wenquan"
    folder.mkdir()
    decided = "{value: true, decided_by: 县局, decided_on: 2026-10-01, basis: 测试}"
    (folder / "intel.yaml").write_text(f"parent_fallback: {decided}\n")
    return FallingBack(Playbooks(tmp_path))


async def fall_back(intel: Intel, timer: FallingBack) -> None:
    async with intel.database.unit() as unit:
        assert not await timer.tick(unit)


@pytest.mark.parametrize("how", ["returned", "dead"])
async def test_where_the_scheme_says_so_it_goes_to_the_parent_unit(
    intel: Intel, order: dict[str, Any], falling_back: FallingBack, how: str
) -> None:
    await intel.learn(station(STATION, "测试派出所", "411622100000").model_copy(update={"parent": OTHER_STATION}))
    if how == "dead":
        await intel.rows_changed("UPDATE delivery SET state = 'dead'")
    else:
        await intel.call_back({"order_id": order["order"]["order_id"]} | RETURNED)
    await fall_back(intel, FallingBack(Playbooks(None)))
    assert len(await intel.rows("SELECT 1 FROM station_order")) == 1, "not unless the scheme says so"

    await fall_back(intel, falling_back)
    await fall_back(intel, falling_back)
    report = await intel.report(order["report_id"])
    assert [o["station"] for o in report["orders"]] == [str(STATION), str(OTHER_STATION)]
    assert [data["cause"] for name, data, _ in await intel.facts() if name == "report_escalated"][1] == "violence_sign"


async def test_without_a_parent_unit_it_stays_in_the_queue(
    intel: Intel, order: dict[str, Any], falling_back: FallingBack
) -> None:
    await intel.call_back({"order_id": order["order"]["order_id"]} | RETURNED)
    await fall_back(intel, falling_back)
    assert await queue(intel) == [(order["order"]["order_id"], "returned")]
    assert await queue(intel, f"?unit={STATION}") == await queue(intel)
