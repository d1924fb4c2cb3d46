"""Who reports and from where: known here, of the token's jurisdiction, in service on the day."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared.contracts.base import Period
from shared.contracts.envelope import Fact
from shared.contracts.pulse import PersonnelHeartbeatV1
from shared.ids import new_id
from shared.messaging.pulses import hear, tell_ends
from shared.messaging.topics import PARTITIONS
from shared.reference.nearest import REFERENCE_KINDS
from tests.intel.support import (
    OFFICER,
    OTHER_STATION,
    VILLAGE,
    Intel,
    officer,
    village,
    violent_dispute,
)

Certain = Callable[[], Awaitable[None]]


@pytest.fixture
def certain(intel: Intel) -> Certain:
    """Everything that personnel has said is applied, and it lives."""

    async def know() -> None:
        async with intel.database.unit() as unit:
            beat = PersonnelHeartbeatV1(service="personnel", at=datetime.now(UTC))
            await hear([Fact.of(beat, time=beat.at, actor="personnel", jurisdiction="")], unit)
            topics = {kind.TOPIC for kind in REFERENCE_KINDS}
            await tell_ends(unit.connection, [(topic, n) for topic in topics for n in range(PARTITIONS)])

    return know


@pytest.mark.parametrize(
    ("changes", "missing", "pointer", "nearest"),
    [
        ({"reporter": {"badge": "00007"}}, "reporter", "/reporter", ["000007"]),
        ({"village": "411622100210"}, "village", "/village", [{"code": VILLAGE, "name": "测试村"}]),
    ],
)
async def test_what_will_never_be_known_is_refused_with_the_nearest_right_values(
    intel: Intel, certain: Certain, changes: dict[str, Any], missing: str, pointer: str, nearest: list[Any]
) -> None:
    report = violent_dispute(**changes)
    early = await intel.post(report)
    assert (early.status_code, early.json()["missing"]) == (409, missing)
    await certain()
    late = (await intel.post(report)).json()
    assert (late["status"], late["code"], late["errors"][0]["pointer"]) == (422, "intel.unknown", pointer)
    assert late["nearest"][0] == nearest[0]
    assert (await intel.post(violent_dispute(id=report["id"]))).status_code == 201, "under the same id"


async def test_a_county_is_no_village(intel: Intel, certain: Certain) -> None:
    await certain()
    assert (await intel.post(violent_dispute(village="411622000000"))).json()["code"] == "intel.unknown"


async def test_a_badge_that_two_in_service_have_means_neither(intel: Intel) -> None:
    await intel.learn(officer(new_id(), "另一警员", "000007"))
    answer = await intel.post(violent_dispute(reporter={"badge": "000007"}))
    assert (answer.status_code, answer.json()["code"]) == (409, "intel.badge_shared")


@pytest.mark.parametrize("written", ["x07", " X07", "Ｘ０７"])
async def test_a_badge_is_compared_however_it_is_written(intel: Intel, written: str) -> None:
    await intel.learn(officer(OFFICER, "演示警员", "X07"))
    assert (await intel.post(violent_dispute(reporter={"badge": written}))).status_code == 201


async def test_who_has_left_and_a_village_that_ended_report_nothing(intel: Intel) -> None:
    over = Period(since=date(2020, 1, 1), until=date(2026, 9, 30))
    await intel.learn(village(VILLAGE, "测试村").model_copy(update={"valid": over}))
    assert (await intel.post(violent_dispute())).json()["code"] == "intel.village_ended"
    before = violent_dispute(noticed_at="2026-09-20T10:00:00+08:00")
    assert (await intel.post(before)).status_code == 201, "on that day it was"
    await intel.learn(officer(OFFICER, "演示警员", "000007").model_copy(update={"status": "left", "valid": over}))
    assert (await intel.post(violent_dispute())).json()["code"] == "intel.not_in_service"


async def test_an_officer_of_another_jurisdiction_is_answered_as_a_stranger(intel: Intel) -> None:
    away = officer(new_id(), "外所警员", "000033").model_copy(
        update={"employer": OTHER_STATION, "station": OTHER_STATION}
    )
    await intel.learn(away)
    by = {"division": "411622100"}
    known = await intel.post(violent_dispute(reporter={"badge": "000033"}), **by)
    unknown = await intel.post(violent_dispute(reporter={"badge": "000034"}), **by)
    same = [{name: said for name, said in answer.json().items() if name != "request_id"} for answer in (known, unknown)]
    assert same[0] == same[1]


async def test_a_code_that_the_scheme_does_not_have_is_answered_with_those_that_it_has(intel: Intel) -> None:
    answer = (await intel.post(violent_dispute(signs=["violence", "zzz_unheard"]))).json()
    (error,) = answer["errors"]
    assert error["pointer"] == "/signs/1"
    assert "weapon(持有刀具或其他凶器)" in error["message"]
    assert "zzz_unheard" not in str(answer)
