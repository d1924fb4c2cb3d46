"""Every day and instant in an item is held against the clock and against what belongs to it; late is marked."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from services.fieldwork.errors.items import TooLate
from services.fieldwork.service.kinds import Kinds
from services.fieldwork.service.lateness import require_in_time
from tests.fieldwork.support import Fieldwork, arrival, codes, outcomes, rejection, stay, verdict, visit

AT = "2026-10-20T09:30:00+08:00"
CARD = {"item": "id_card", "collected_on": "2026-10-18", "delivered_at": AT}


def delivery(**details: Any) -> dict[str, Any]:
    return visit(kind="certificate_delivery", quantity="1", unit="item", details=CARD | details)


async def test_a_delivery_within_its_visit_is_fine(fieldwork: Fieldwork) -> None:
    assert outcomes(await fieldwork.sync(delivery())) == ["created"]


@pytest.mark.parametrize(
    ("details", "pointer", "message"),
    [
        ({"collected_on": "2030-01-01", "delivered_at": "2030-01-01T09:00:00+08:00"}, "/details/collected_on", "晚于"),
        ({"delivered_at": "2026-10-20T23:00:00+08:00"}, "/details/delivered_at", "晚于当前时间"),
        ({"delivered_at": "2024-03-01T09:00:00+08:00"}, "/details/delivered_at", "同一天"),
        ({"collected_on": "2026-10-21"}, "/details/collected_on", "晚于当前时间"),
        ({"item": "licence"}, "/details/item", "id_card(居民身份证)、household_book(户口簿)"),
        ({"delivered_at": "2026-10-20T09:30+08:00"}, "/details/delivered_at", "应为带秒和时区的时刻"),
        ({"doorstep": "yes"}, "/details/doorstep", "true 或 false"),
        ({"张三": 1}, "/details/*", "没有这个字段"),
    ],
)
async def test_what_cannot_have_been_is_refused_and_told_to_people(
    fieldwork: Fieldwork, details: dict[str, Any], pointer: str, message: str
) -> None:
    answer = await fieldwork.sync(delivery(**details))
    assert (outcomes(answer), codes(answer)) == (["rejected"], ["fieldwork.details_invalid"])
    told = {e["pointer"]: e["message"] for e in answer.json()["items"][0]["problem"]["errors"]}
    assert message in told[pointer]
    assert "张三" not in answer.text


async def test_nothing_is_handed_in_before_it_was_received(fieldwork: Fieldwork) -> None:
    details = {"in_person_required": False, "received_on": "2026-10-19", "handed_in_on": "2026-10-18"}
    item = visit(kind="household_business", quantity="1", unit="item", details=details)
    right = item | {"id": visit()["id"], "details": details | {"handed_in_on": "2026-10-19"}}
    answer = await fieldwork.sync(item, right)
    (error,) = answer.json()["items"][0]["problem"]["errors"]
    assert (error["pointer"], error["message"]) == ("/details/handed_in_on", "早于 received_on,请核对")
    assert outcomes(answer)[1] == "created"


async def test_what_is_entered_days_later_is_marked(fieldwork: Fieldwork) -> None:
    old = {"from": "2026-10-01T09:00:00+08:00"}
    answer = await fieldwork.sync(visit(), visit(**old), arrival("2020-02-01T09:00:00+08:00"))
    assert outcomes(answer) == ["created"] * 3
    assert [item["days_late"] for item in answer.json()["items"]] == [0, 19, 2453]
    late = answer.json()["items"][1]["id"]
    assert (await fieldwork.get(f"/v1/activities/{late}")).json()["days_late"] == 19


async def test_leaving_is_late_too(fieldwork: Fieldwork) -> None:
    answer = await fieldwork.sync(*stay("2026-10-01T09:00:00+08:00", "2026-10-02T11:00:00+08:00"))
    assert [item["days_late"] for item in answer.json()["items"]] == [19, 18]


def test_a_scheme_may_say_until_when(tmp_path: Path) -> None:
    (tmp_path / "wenquan").mkdir()
    decided = "{value: 3, status: interpreted, decided_by: 县局, decided_on: 2026-10-01, basis: 测试}"
    (tmp_path / "wenquan" / "fieldwork.yaml").write_text(f"late_after: {decided}\n")
    limited, open_ = Kinds(tmp_path), Kinds(None)
    for kinds in (limited, open_):
        require_in_time(kinds, ["wenquan"], date(2026, 10, 17), date(2026, 10, 20))
    require_in_time(open_, ["wenquan"], date(2016, 10, 17), date(2026, 10, 20))
    with pytest.raises(TooLate):
        require_in_time(limited, ["wenquan"], date(2026, 10, 16), date(2026, 10, 20))


async def test_days_out_of_range_are_told_as_people_write_them(fieldwork: Fieldwork) -> None:
    by = {"officer": {"badge": "F001"}, "entered_by": {"badge": "000001"}}
    answers = [
        await fieldwork.sync(visit(**{"from": "1999-12-31T09:00:00+08:00"}), visit(to="2200-01-02T09:00:00+08:00")),
        await fieldwork.post("/v1/rosters", {"items": [by | {"day": "1999-12-31"}]}),
    ]
    told = [item["problem"]["errors"] for answer in answers for item in answer.json()["items"]]
    assert [errors[0]["message"] for errors in told] == [
        "应不小于 2000-01-01",
        "应小于 2200-01-01",
        "应不小于 2000-01-01",
    ]


@pytest.mark.parametrize("value", ["yes", "off", 1, 0, "true"])
async def test_true_and_false_have_one_form(fieldwork: Fieldwork, value: Any) -> None:
    item = await fieldwork.recorded()
    for field in ("true_situation", "record_seen", "signature_seen"):
        assert codes(await fieldwork.decide(verdict(item, **{field: value}))) == ["fieldwork.invalid_item"]
        assert codes(await fieldwork.decide(rejection(item, **{field: value}))) == ["fieldwork.invalid_item"]
    assert codes(await fieldwork.roster("2026-11-05", on_duty=value)) == ["fieldwork.invalid_item"]
    waiting = await fieldwork.roster("2026-10-05", reason="late_entry")
    assert codes(await fieldwork.confirm(waiting, confirm=value)) == ["fieldwork.invalid_item"]


@pytest.mark.parametrize(
    "changes",
    [
        *({"quantity": value} for value in (1.5, "1e3", "１２", "1_000", "+1", " 1")),
        *({"from": value} for value in (1792544400, "1792544400", "2026-10-20 09:00:00+08:00", "2026-10-20T09:00Z")),
    ],
)
async def test_numbers_and_instants_have_one_form(fieldwork: Fieldwork, changes: dict[str, Any]) -> None:
    answer = await fieldwork.sync(visit(**changes))
    assert (outcomes(answer), codes(answer)) == (["rejected"], ["fieldwork.invalid_item"])
