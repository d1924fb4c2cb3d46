"""What is not known yet is sent again; what will never be known is rejected, with the nearest right values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import UTC, date, datetime
from typing import Any

import pytest

from shared.contracts.base import Period
from shared.contracts.envelope import Fact
from shared.contracts.pulse import PersonnelHeartbeatV1
from shared.messaging.pulses import hear, tell_ends
from shared.messaging.topics import PARTITIONS
from shared.reference.nearest import REFERENCE_KINDS
from tests.fieldwork.support import (
    AUXILIARY,
    OTHER_COUNTY_VILLAGE,
    STRANGER,
    VILLAGE,
    Fieldwork,
    arrival,
    certificate,
    codes,
    division,
    outcomes,
    verdict,
    visit,
)

Certain = Callable[[], Awaitable[None]]


@pytest.fixture
def certain(fieldwork: Fieldwork) -> Certain:
    """Everything that personnel has said is applied, and it lives."""

    async def know() -> None:
        async with fieldwork.database.unit() as unit:
            beat = PersonnelHeartbeatV1(service="personnel", at=datetime.now(UTC))
            await hear([Fact.of(beat, time=beat.at, actor="personnel", jurisdiction="")], unit)
            topics = {kind.TOPIC for kind in REFERENCE_KINDS}
            await tell_ends(unit.connection, [(topic, n) for topic in topics for n in range(PARTITIONS)])

    return know


@pytest.mark.parametrize(
    ("changes", "code", "pointer"),
    [
        ({"officer": {"badge": "NOPE"}}, "officer", "/officer"),
        ({"done_by": {"badge": "NOPE"}}, "officer", "/done_by"),
        ({"with_officer": {"badge": "NOPE"}}, "officer", "/with_officer"),
        ({"village": "411622001999"}, "village", "/village"),
        ({"village": "411622000000"}, "village", "/village"),
        ({"from": "2019-01-01T09:00:00+08:00"}, "scheme", "/village"),
    ],
)
async def test_what_nobody_will_ever_tell_of_is_rejected_once_that_is_certain(
    fieldwork: Fieldwork, certain: Certain, changes: dict[str, Any], code: str, pointer: str
) -> None:
    item = visit(**changes)
    answer = await fieldwork.sync(item)
    assert (outcomes(answer), codes(answer)) == (["retryable"], [f"fieldwork.{code}_unknown_yet"])
    await certain()
    answer = await fieldwork.sync(item)
    assert (outcomes(answer), codes(answer)) == (["rejected"], [f"fieldwork.{code}_unknown"])
    (told,) = answer.json()["items"]
    assert [error["pointer"] for error in told["problem"]["errors"]] == [pointer]
    assert "NOPE" not in answer.text, "the input is not repeated"
    right = {"officer": {"id": str(AUXILIARY)}, "village": VILLAGE, "from": "2026-10-20T09:00:00+08:00"}
    again = {k: v for k, v in item.items() if k not in ("done_by", "with_officer")} | right
    assert outcomes(await fieldwork.sync(again)) == ["created"], "under the same id"


async def test_the_nearest_right_values_are_named(fieldwork: Fieldwork, certain: Certain) -> None:
    await certain()
    answer = await fieldwork.sync(
        visit(officer={"badge": "F0O1"}), visit(village="411622100210"), visit(**{"from": "2019-01-01T09:00:00+08:00"})
    )
    badge, village, day = (item["problem"] for item in answer.json()["items"])
    assert badge["nearest"] == ["F001"]
    assert {"code": VILLAGE, "name": "村201"} in village["nearest"]
    assert "2020-01-01" in day["detail"]


async def test_a_village_that_ended_is_no_right_value(fieldwork: Fieldwork, certain: Certain) -> None:
    over = Period(since=date(2020, 1, 1), until=date(2021, 1, 1))
    await fieldwork.learn(division("411622100211").model_copy(update={"valid": over}))
    await certain()
    (told,) = (await fieldwork.sync(visit(village="411622100210"))).json()["items"]
    assert "411622100211" not in [village["code"] for village in told["problem"]["nearest"]]


async def test_a_month_before_every_scheme_is_told_from_when_one_applies(
    fieldwork: Fieldwork, certain: Certain
) -> None:
    await certain()
    answer = await fieldwork.certify(certificate(month="2019-01"))
    assert codes(answer) == ["fieldwork.scheme_unknown"]
    assert "2020-01-01" in answer.json()["items"][0]["problem"]["detail"]


async def test_nobody_learns_of_officers_he_may_not_list(fieldwork: Fieldwork, certain: Certain) -> None:
    await certain()
    phone = {"scopes": ("fieldwork:sync",), "officer_id": AUXILIARY}
    answer = await fieldwork.sync(visit(with_officer={"badge": "00000X"}), **phone)
    assert "nearest" not in answer.json()["items"][0]["problem"]
    # Another township's officer is answered as a stranger is, byte for byte.
    township = {"division": "411622100"}
    item = visit(officer={"badge": "000009"})
    known = await fieldwork.sync(item, **township)
    await fieldwork.rows_changed(f"DELETE FROM known_officer WHERE officer_id = '{STRANGER}'")
    unknown = await fieldwork.sync(item, **township)
    assert codes(known) == ["fieldwork.officer_unknown"]
    assert known.content == unknown.content


async def test_every_route_is_certain(fieldwork: Fieldwork, certain: Certain) -> None:
    item = await fieldwork.recorded()
    await certain()
    nobody = {"badge": "NOPE"}
    answers = [
        await fieldwork.sync(arrival("2026-10-20T09:00:00+08:00", officer=nobody)),
        await fieldwork.decide(verdict(item, verified_by=nobody)),
        await fieldwork.certify(certificate(certified_by=nobody)),
        await fieldwork.post(
            "/v1/rosters", {"items": [{"officer": nobody, "day": "2026-11-05", "entered_by": {"badge": "000001"}}]}
        ),
    ]
    assert [codes(answer) for answer in answers] == [["fieldwork.officer_unknown"]] * 4
    assert all(outcomes(answer) == ["rejected"] for answer in answers)


async def test_a_village_of_another_county_is_outside_as_before(fieldwork: Fieldwork, certain: Certain) -> None:
    await certain()
    assert codes(await fieldwork.sync(visit(village=OTHER_COUNTY_VILLAGE))) == ["fieldwork.outside_jurisdiction"]


async def test_while_a_publisher_is_silent_nothing_is_certain(fieldwork: Fieldwork, certain: Certain) -> None:
    await certain()
    await fieldwork.rows_changed("UPDATE heard SET beat_at = beat_at - interval '2 minutes'")
    assert outcomes(await fieldwork.sync(visit(officer={"badge": "NOPE"}))) == ["retryable"]
