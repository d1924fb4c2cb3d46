"""Authors correct and withdraw what they entered: their own, its latest version, once, always as a new record."""

from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest

from shared.ids import new_id
from tests.fieldwork.support import (
    AUXILIARY,
    NEXT_VILLAGE,
    OFFICER,
    VILLAGE,
    Fieldwork,
    arrival,
    codes,
    departure,
    outcomes,
    rejection,
    stay,
    verdict,
    visit,
)

MORNING = "2026-10-19T09:00:00+08:00"


def withdrawal(item: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {
        "type": "withdrawal",
        "id": str(new_id()),
        "of": item["type"],
        "target": item["id"],
        "officer": {"id": str(AUXILIARY)},
        "reason": "entered_twice",
    } | changes


async def feed(fieldwork: Fieldwork) -> list[tuple[str, str, str]]:
    items = (await fieldwork.get("/v1/changes")).json()["items"]
    return [(item["item_type"], item["item_id"], item["what"]) for item in items]


async def minutes(fieldwork: Fieldwork, village: str = VILLAGE, day: date = date(2026, 10, 19)) -> int:
    """Minutes in a village that were published last."""
    await fieldwork.tick()
    told = [f for f in await fieldwork.facts("presence_day_updated") if f["day"] == day.isoformat()]
    return int([f for f in told if f["village"] == village][-1]["minutes_in_village"]) if told else 0


async def test_the_second_correction_of_a_version_is_a_conflict_and_names_the_first(fieldwork: Fieldwork) -> None:
    first = await fieldwork.recorded()
    second = await fieldwork.recorded(supersedes=first["id"])
    answer = await fieldwork.sync(visit(supersedes=first["id"]))
    assert (outcomes(answer), codes(answer)) == (["conflict"], ["fieldwork.already_corrected"])
    assert answer.json()["items"][0]["problem"]["corrected_by"] == second["id"]
    assert outcomes(await fieldwork.sync(visit(supersedes=second["id"]))) == ["created"], "the latest may be"
    assert outcomes(await fieldwork.sync(second)) == ["duplicate"]


async def test_of_two_corrections_at_once_one_counts(fieldwork: Fieldwork) -> None:
    first = await fieldwork.recorded()
    both = [visit(supersedes=first["id"], quantity=n) for n in ("1", "2")]
    answers = await asyncio.gather(*(fieldwork.sync(item) for item in both))
    assert sorted(outcome for answer in answers for outcome in outcomes(answer)) == ["conflict", "created"]
    later = await fieldwork.recorded()
    assert outcomes(await fieldwork.sync(*(visit(supersedes=later["id"]) for _ in range(2)))) == ["created", "conflict"]


async def test_nothing_takes_its_own_place(fieldwork: Fieldwork) -> None:
    item = visit()
    answer = await fieldwork.sync(item | {"supersedes": item["id"]})
    assert (outcomes(answer), codes(answer)) == (["rejected"], ["fieldwork.corrects_itself"])


async def test_a_correction_waits_for_what_it_corrects(fieldwork: Fieldwork) -> None:
    older = visit()
    newer = await fieldwork.recorded(supersedes=older["id"])
    assert codes(await fieldwork.sync(visit(supersedes=older["id"]))) == ["fieldwork.already_corrected"]
    await fieldwork.sync(older)
    assert (await feed(fieldwork))[-1] == ("activity", older["id"], "superseded")
    assert (await fieldwork.get(f"/v1/activities/{newer['id']}")).json()["state"] == "waiting"


@pytest.mark.parametrize("verified", [False, True])
async def test_an_author_withdraws_his_activity(fieldwork: Fieldwork, verified: bool) -> None:
    item = await fieldwork.recorded()
    if verified:
        await fieldwork.decide(verdict(item))
    taken_back = withdrawal(item)
    assert outcomes(await fieldwork.sync(taken_back)) == ["created"]
    assert outcomes(await fieldwork.sync(taken_back)) == ["duplicate"]

    shown = (await fieldwork.get(f"/v1/activities/{item['id']}")).json()
    assert (shown["state"], shown["history"][-1]["verdict"], shown["history"][-1]["reason"]) == (
        "withdrawn",
        "withdraw",
        "entered_twice",
    )
    assert (await feed(fieldwork))[-1] == ("activity", item["id"], "withdrawn")
    (rejected,) = await fieldwork.facts("rejected")
    assert (rejected["cause"], rejected["decided_by"]) == ("withdrawn", str(AUXILIARY))
    assert codes(await fieldwork.decide(verdict(item, method="field"))) == ["fieldwork.superseded"]
    assert codes(await fieldwork.sync(visit(supersedes=item["id"]))) == ["fieldwork.already_corrected"]


async def test_what_is_over_is_not_withdrawn(fieldwork: Fieldwork) -> None:
    rejected, corrected = await fieldwork.recorded(), await fieldwork.recorded()
    await fieldwork.decide(rejection(rejected))
    await fieldwork.recorded(supersedes=corrected["id"])
    answer = await fieldwork.sync(withdrawal(rejected), withdrawal(corrected))
    assert (outcomes(answer), set(codes(answer))) == (["conflict"] * 2, {"fieldwork.already_ended"})
    again = await fieldwork.recorded()
    assert outcomes(await fieldwork.sync(withdrawal(again), withdrawal(again))) == ["created", "conflict"]


async def test_nobody_withdraws_anothers(fieldwork: Fieldwork) -> None:
    item, came = await fieldwork.recorded(), arrival(MORNING)
    await fieldwork.sync(came)
    by_other = {"officer": {"id": str(OFFICER)}}
    answer = await fieldwork.sync(withdrawal(item, **by_other), withdrawal(came, **by_other))
    assert codes(answer) == ["fieldwork.corrects_anothers"] * 2
    unknown = await fieldwork.sync(withdrawal({"type": "activity", "id": str(new_id())}))
    assert (outcomes(unknown), codes(unknown)) == (["retryable"], ["fieldwork.item_unknown_yet"])


async def test_an_arrival_is_corrected_with_its_departure(fieldwork: Fieldwork) -> None:
    came, left = stay("09:00", "11:00")
    await fieldwork.sync(came, left)
    assert await minutes(fieldwork) == 120
    right = arrival("2026-10-19T08:00:00+08:00", supersedes=came["id"])
    assert outcomes(await fieldwork.sync(right)) == ["created"]
    assert await minutes(fieldwork) == 180
    assert (await feed(fieldwork))[-1] == ("arrival", came["id"], "superseded")
    assert codes(await fieldwork.sync(arrival(MORNING, supersedes=came["id"]))) == ["fieldwork.already_corrected"]


async def test_a_correction_of_an_arrival_may_come_first_and_its_departure_name_either(fieldwork: Fieldwork) -> None:
    came = arrival(MORNING)
    right = arrival("2026-10-19T08:00:00+08:00", supersedes=came["id"])
    assert outcomes(await fieldwork.sync(right)) == ["created"]
    assert outcomes(await fieldwork.sync(came, departure(came, "2026-10-19T10:00:00+08:00"))) == ["created"] * 2
    assert await minutes(fieldwork) == 120
    again = await fieldwork.sync(departure(right, "2026-10-19T12:00:00+08:00"))
    assert codes(again) == ["fieldwork.session_closed"]


async def test_an_arrival_in_the_wrong_village_is_corrected(fieldwork: Fieldwork) -> None:
    came, left = stay("09:00", "11:00", village=NEXT_VILLAGE)
    await fieldwork.sync(came, left)
    assert await minutes(fieldwork) == 0
    await fieldwork.sync(arrival(MORNING, supersedes=came["id"]))
    assert await minutes(fieldwork) == 120


async def test_a_departure_is_corrected_once(fieldwork: Fieldwork) -> None:
    came, left = stay("09:00", "11:00")
    await fieldwork.sync(came, left)
    right = departure(came, "2026-10-19T12:00:00+08:00", supersedes=left["id"])
    assert outcomes(await fieldwork.sync(right)) == ["created"]
    assert outcomes(await fieldwork.sync(right)) == ["duplicate"]
    assert await minutes(fieldwork) == 180
    assert ("departure", left["id"], "superseded") in await feed(fieldwork)
    wrong = departure(came, "2026-10-19T12:30:00+08:00", supersedes=left["id"])
    assert codes(await fieldwork.sync(wrong)) == ["fieldwork.already_corrected"]
    assert await minutes(fieldwork) == 180


async def test_a_correction_of_a_departure_may_come_first(fieldwork: Fieldwork) -> None:
    came, left = stay("09:00", "11:00")
    right = departure(came, "2026-10-19T12:00:00+08:00", supersedes=left["id"])
    assert outcomes(await fieldwork.sync(came, right)) == ["created", "created"]
    assert outcomes(await fieldwork.sync(left)) == ["created"]
    assert await minutes(fieldwork) == 180


@pytest.mark.parametrize(("which", "left"), [("arrival", 0), ("departure", 0)])
async def test_sessions_are_withdrawn(fieldwork: Fieldwork, which: str, left: int) -> None:
    items = {item["type"]: item for item in stay("09:00", "11:00")}
    await fieldwork.sync(*items.values())
    assert await minutes(fieldwork) == 120
    assert outcomes(await fieldwork.sync(withdrawal(items[which]))) == ["created"]
    assert await minutes(fieldwork) == left
    assert (await feed(fieldwork))[-1] == (which, items[which]["id"], "withdrawn")
    if which == "departure":
        await fieldwork.sync(departure(items["arrival"], "2026-10-19T10:00:00+08:00"))
        assert await minutes(fieldwork) == 60
