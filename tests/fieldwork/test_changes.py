from __future__ import annotations

import asyncio
from typing import Any

from services.fieldwork.repository import changes
from services.fieldwork.repository.changes import Change
from shared.ids import new_id
from tests.fieldwork.support import (
    FAR_VILLAGE,
    OFFICER,
    VILLAGE,
    Fieldwork,
    arrival,
    certificate,
    departure,
    outcomes,
    rejection,
    verdict,
    visit,
)


async def feed(fieldwork: Fieldwork, after: int = 0, query: str = "", **claims: Any) -> dict[str, Any]:
    answer = await fieldwork.get(f"/v1/changes?after={after}{query}", **claims)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


async def test_the_feed_tells_what_became_of_each_item(fieldwork: Fieldwork) -> None:
    good, bad, came, quiet = visit(), visit(), arrival("2026-10-20T09:00:00+08:00"), certificate()
    left = departure(came, "2026-10-20T10:00:00+08:00")
    await fieldwork.sync(good, bad, came, left, visit(quantity="0"))
    verdicts = await fieldwork.decide(verdict(good), rejection(bad))
    await fieldwork.certify(quiet)
    page = await feed(fieldwork)
    told = [(item["item_type"], item["item_id"], item["what"]) for item in page["items"]]
    assert sorted(told[:2]) == sorted(("activity", item["id"], "recorded") for item in (good, bad))
    assert told[2:4] == [("arrival", came["id"], "recorded"), ("departure", left["id"], "recorded")]
    assert told[4:] == [
        ("activity", good["id"], "verified"),
        ("activity", bad["id"], "rejected"),
        ("certificate", quiet["id"], "certified"),
    ]
    assert page["items"][4]["verdict_id"] == verdicts.json()["items"][0]["verdict_id"]
    assert [item["position"] for item in page["items"]] == list(range(1, 8))
    assert page["next"] == 7
    assert await feed(fieldwork, after=7) == {"items": [], "next": 7}


async def test_the_feed_is_read_page_by_page(fieldwork: Fieldwork) -> None:
    await fieldwork.sync(*(visit() for _ in range(5)))
    first = await feed(fieldwork, query="&limit=3")
    rest = await feed(fieldwork, after=first["next"], query="&limit=3")
    assert [item["position"] for item in first["items"] + rest["items"]] == [1, 2, 3, 4, 5]


async def test_a_township_sees_its_own_part_and_a_city_says_which_county(fieldwork: Fieldwork) -> None:
    await fieldwork.sync(visit(), visit(village=FAR_VILLAGE))
    assert [item["position"] for item in (await feed(fieldwork, division="411622200"))["items"]] == [2]
    assert len((await feed(fieldwork, query="&county=411622", division="4116"))["items"]) == 2
    unsaid = await fieldwork.get("/v1/changes", division="4116")
    assert (unsaid.status_code, unsaid.json()["code"]) == (422, "fieldwork.county_required")
    assert (await fieldwork.get("/v1/changes?county=411623")).status_code == 404


async def test_restricted_work_is_in_the_feed_of_the_cleared_only(fieldwork: Fieldwork) -> None:
    secret = visit(kind="key_person_visit", unit="person", details={}, with_officer={"id": str(OFFICER)})
    await fieldwork.sync(secret)
    await fieldwork.decide(verdict(secret), clearance="restricted")
    await fieldwork.sync(visit())
    again = visit(kind="key_person_visit", unit="person", details={}, with_officer={"id": str(OFFICER)})
    await fieldwork.sync(again | {"supersedes": secret["id"]})
    assert [item["position"] for item in (await feed(fieldwork))["items"]] == [3]
    assert (await feed(fieldwork, clearance="open"))["items"] == []
    told = [item["what"] for item in (await feed(fieldwork, clearance="restricted"))["items"]]
    assert told == ["recorded", "verified", "recorded", "recorded", "superseded"]


async def test_a_county_is_named_in_plain_digits(fieldwork: Fieldwork) -> None:
    assert (await fieldwork.get("/v1/changes?county=41162２", division="4116")).status_code == 422


async def test_a_change_is_visible_only_after_all_before_it(fieldwork: Fieldwork) -> None:
    await fieldwork.sync(visit())
    async with fieldwork.database.unit() as unit:
        await changes.append(unit.connection, [Change(VILLAGE, "activity", new_id(), "recorded")], unit.now)
        later = asyncio.create_task(fieldwork.sync(visit()))
        await fieldwork.until_blocked(later)
        assert (await feed(fieldwork))["next"] == 1
    assert outcomes(await later) == ["created"]
    assert [item["position"] for item in (await feed(fieldwork))["items"]] == [1, 2, 3]


async def test_eight_writers_at_once_lose_nothing(fieldwork: Fieldwork) -> None:
    batches = [[[visit() for _ in range(5)] for _ in range(6)] for _ in range(8)]
    seen: list[str] = []
    await feed(fieldwork)

    async def write(own: list[list[dict[str, Any]]]) -> None:
        for batch in own:
            assert set(outcomes(await fieldwork.sync(*batch))) == {"created"}

    async def read(writers: asyncio.Future[Any]) -> None:
        after, finished = 0, False
        while not finished:
            # Read once more after the last writer has ended.
            finished = writers.done()
            page = await feed(fieldwork, after, "&limit=7")
            finished = finished and not page["items"]
            seen.extend(item["item_id"] for item in page["items"])
            after = page["next"]

    writers = asyncio.gather(*(write(own) for own in batches))
    await asyncio.gather(writers, read(writers))
    sent = [item["id"] for own in batches for batch in own for item in batch]
    assert len(seen) == len(sent) == 240
    assert set(seen) == set(sent)
