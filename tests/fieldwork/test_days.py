from __future__ import annotations

import asyncio
from datetime import date
from typing import Any

import pytest
from sqlalchemy import text

from services.fieldwork.repository import sessions
from services.fieldwork.service import days as days_module
from services.fieldwork.service.days import work_out_days
from shared.contracts.personnel import AreaV1, AssignmentV1, Where
from shared.ids import foreign_id
from tests.fieldwork.support import (
    ASSIGNMENT,
    AUXILIARY,
    COUNTY,
    FAR_VILLAGE,
    NEXT_VILLAGE,
    OFFICER,
    VILLAGE,
    WORLD,
    Fieldwork,
    arrival,
    assignment,
    departure,
    outcomes,
    stay,
)

AREA_ASSIGNMENT = foreign_id("test", "area assignment")


async def presence(fieldwork: Fieldwork) -> list[dict[str, Any]]:
    await fieldwork.tick()
    return await fieldwork.facts("presence")


async def attendance(fieldwork: Fieldwork) -> list[tuple[str, str, int]]:
    await fieldwork.tick()
    return [(fact["day"], fact["state"], fact["revision"]) for fact in await fieldwork.facts("attendance")]


async def test_a_stay_becomes_a_presence_day(fieldwork: Fieldwork) -> None:
    await fieldwork.sync(*stay("09:00", "12:59"), *stay("14:00", "14:30"))
    (fact,) = await presence(fieldwork)
    assert fact["officer_id"] == str(AUXILIARY)
    assert (fact["assignment_id"], fact["village"], fact["day"]) == (str(ASSIGNMENT), VILLAGE, "2026-10-19")
    assert (fact["minutes_in_village"], fact["longest_minutes"], fact["sessions"]) == (269, 239, 2)
    assert (fact["open_sessions"], fact["revision"]) == (0, 1)


async def test_overlapping_stays_count_no_minute_twice(fieldwork: Fieldwork) -> None:
    await fieldwork.sync(*stay("09:00", "11:00"), *stay("10:00", "12:00"), *stay("10:30", "10:45"))
    (fact,) = await presence(fieldwork)
    assert (fact["minutes_in_village"], fact["longest_minutes"], fact["sessions"]) == (180, 180, 1)


async def test_a_minute_in_two_villages_belongs_to_the_stay_that_began_first(fieldwork: Fieldwork) -> None:
    await fieldwork.sync(*stay("09:00", "11:00"), *stay("10:00", "12:00", village=NEXT_VILLAGE))
    (fact,) = await presence(fieldwork)
    assert (fact["minutes_in_village"], fact["minutes_in_area"]) == (120, 180)


async def test_who_came_has_come_though_the_minutes_belong_to_another_stay(fieldwork: Fieldwork) -> None:
    await fieldwork.sync(*stay("07:00", "20:00", village=FAR_VILLAGE), *stay("09:00", "12:00"))
    (fact,) = await presence(fieldwork)
    assert (fact["minutes_in_village"], fact["sessions"], fact["open_sessions"]) == (0, 1, 0)


async def test_a_stay_without_a_minute_is_a_session(fieldwork: Fieldwork) -> None:
    await fieldwork.sync(*stay("09:00", "09:00"), *stay("10:00", "10:00"))
    (fact,) = await presence(fieldwork)
    assert (fact["minutes_in_village"], fact["sessions"]) == (0, 2)


async def test_a_stay_over_midnight_is_split_at_shanghai_midnight(fieldwork: Fieldwork) -> None:
    await fieldwork.sync(*stay("2026-10-18T22:00:00+08:00", "2026-10-19T01:30:00+08:00"))
    days = {fact["day"]: fact["minutes_in_village"] for fact in await presence(fieldwork)}
    assert days == {"2026-10-18": 120, "2026-10-19": 90}


async def test_a_forgotten_departure_invents_nothing_and_may_still_come(fieldwork: Fieldwork) -> None:
    came = arrival("2026-10-19T09:00:00+08:00")
    await fieldwork.sync(came)
    (fact,) = await presence(fieldwork)
    assert (fact["minutes_in_village"], fact["sessions"], fact["open_sessions"]) == (0, 0, 1)
    await fieldwork.sync(departure(came, "2026-10-19T10:00:00+08:00"))
    (_, fact) = await presence(fieldwork)
    assert (fact["minutes_in_village"], fact["sessions"], fact["open_sessions"], fact["revision"]) == (60, 1, 0, 2)


async def test_nothing_is_published_when_nothing_changed(fieldwork: Fieldwork) -> None:
    await fieldwork.sync(*stay("09:00", "11:00"))
    await presence(fieldwork)
    await fieldwork.sync(*stay("09:30", "10:00"), *stay("09:00", "10:00", village=FAR_VILLAGE))
    assert len(await presence(fieldwork)) == 1


async def test_a_stay_elsewhere_is_kept_and_not_counted(fieldwork: Fieldwork) -> None:
    answer = await fieldwork.sync(*stay("09:00", "11:00", village=FAR_VILLAGE))
    assert (outcomes(answer), answer.json()["items"][0]["outside_assignment"]) == (["created", "created"], True)
    assert await presence(fieldwork) == []


async def test_presence_waits_for_the_assignment_and_goes_back_with_it(blank: Fieldwork) -> None:
    await blank.learn(*(data for data in WORLD if not isinstance(data, AssignmentV1)))
    await blank.sync(*stay("09:00", "11:00"))
    assert await presence(blank) == []
    await blank.learn(assignment())
    assert [fact["minutes_in_village"] for fact in await presence(blank)] == [120]
    await blank.learn(assignment(since=date(2026, 10, 20)))
    assert [(f["minutes_in_village"], f["revision"]) for f in await presence(blank)] == [(120, 1), (0, 2)]


async def test_an_area_assignment_counts_all_villages_of_the_area(fieldwork: Fieldwork) -> None:
    area = next(data for data in WORLD if isinstance(data, AreaV1))
    place = Where(type="area", id=str(area.area_id))
    posted = assignment(id=AREA_ASSIGNMENT).model_copy(
        update={"officer_id": OFFICER, "where": place, "post": "community_officer"}
    )
    await fieldwork.learn(posted)
    who = {"officer": {"id": str(OFFICER)}}
    await fieldwork.sync(*stay("09:00", "10:00", **who), *stay("11:00", "12:00", village=FAR_VILLAGE, **who))
    (fact,) = await presence(fieldwork)
    assert (fact["area_id"], fact["minutes_in_area"]) == (str(area.area_id), 60)
    assert "village" not in fact
    await fieldwork.learn(area.model_copy(update={"villages": (*area.villages, FAR_VILLAGE)}))
    assert [f["minutes_in_area"] for f in await presence(fieldwork)] == [60, 120]


async def test_a_rostered_day_is_judged_once_it_is_over(fieldwork: Fieldwork) -> None:
    await fieldwork.rostered("2026-10-18", "2026-10-19", "2026-10-20")
    await fieldwork.sync(arrival("2026-10-19T09:00:00+08:00"))
    assert await attendance(fieldwork) == [("2026-10-18", "absent", 1), ("2026-10-19", "present", 1)]
    assert len(await attendance(fieldwork)) == 2
    fieldwork.time.move(hours=3.9)
    assert len(await attendance(fieldwork)) == 2
    fieldwork.time.move(hours=0.2)
    assert (await attendance(fieldwork))[2:] == [("2026-10-20", "absent", 1)]


async def test_a_late_arrival_turns_absent_into_present(fieldwork: Fieldwork) -> None:
    await fieldwork.rostered("2026-10-19")
    await attendance(fieldwork)
    await fieldwork.sync(arrival("2026-10-19T09:00:00+08:00"))
    assert await attendance(fieldwork) == [("2026-10-19", "absent", 1), ("2026-10-19", "present", 2)]


async def test_an_arrival_elsewhere_does_not_keep_the_day(fieldwork: Fieldwork) -> None:
    await fieldwork.rostered("2026-10-19")
    await fieldwork.sync(arrival("2026-10-19T09:00:00+08:00", village=FAR_VILLAGE))
    assert await attendance(fieldwork) == [("2026-10-19", "absent", 1)]


async def test_without_a_known_assignment_the_day_is_undecided(blank: Fieldwork) -> None:
    await blank.learn(*(data for data in WORLD if not isinstance(data, AssignmentV1)))
    await blank.rostered("2026-10-19")
    assert await attendance(blank) == [("2026-10-19", "undecided", 1)]
    await blank.learn(assignment())
    assert await attendance(blank) == [("2026-10-19", "undecided", 1), ("2026-10-19", "absent", 2)]


async def test_two_workers_and_many_phones_at_once_end_with_the_right_minutes(fieldwork: Fieldwork) -> None:
    async def work() -> None:
        for _ in range(20):
            async with fieldwork.database.unit() as unit:
                await work_out_days(unit)

    stays = [stay(f"{hour:02}:00", f"{hour:02}:30") for hour in range(6, 18)]
    await asyncio.gather(work(), work(), *(fieldwork.sync(*pieces) for pieces in stays))
    facts = await presence(fieldwork)
    assert [fact["revision"] for fact in facts] == list(range(1, len(facts) + 1))
    assert (facts[-1]["minutes_in_village"], facts[-1]["sessions"]) == (12 * 30, 12)


async def test_an_officer_with_years_of_days_is_marked_in_pieces(
    fieldwork: Fieldwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days_module, "BATCH", 3)
    async with fieldwork.database.engine.begin() as connection:
        await connection.execute(
            text(
                """
                INSERT INTO presence_day (assignment_id, day, officer, county, minutes_in_village, minutes_in_area,
                                          longest_minutes, sessions, open_sessions, revision)
                SELECT gen_random_uuid(), day, CAST(:officer AS uuid), '411622', 1, 1, 1, 1, 0, 1
                FROM generate_series(date '2026-01-01', date '2026-01-10', interval '1 day') AS day
                """
            ),
            {"officer": AUXILIARY},
        )
        await sessions.mark_officers(connection, {AUXILIARY})
    marked = []
    for _ in range(5):
        async with fieldwork.database.unit() as unit:
            await days_module.spread_marks(unit)
            marked.append(await unit.connection.scalar(text("SELECT count(*) FROM day_due")))
    assert marked == [3, 6, 9, 10, 10]
    async with fieldwork.database.unit() as unit:
        assert not await days_module.spread_marks(unit)


async def test_days_that_thousands_of_stays_touch_are_worked_out_some_at_a_time(fieldwork: Fieldwork) -> None:
    """Each of so many made-up stays touches a month of days: together they would hold a worker for minutes."""
    await fieldwork.rows_changed(
        f"""
        INSERT INTO arrival (id, content_hash, subject, recorded_at, officer, village, day, at, session)
        SELECT id, 'x', 'x', now(), '{AUXILIARY}', '{VILLAGE}', '2026-09-01', '2026-09-01 02:00+00', id
        FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, 4000)) AS made
        """
    )
    await fieldwork.rows_changed(
        f"""
        INSERT INTO departure (id, content_hash, subject, recorded_at, session, officer, county, at)
        SELECT gen_random_uuid(), 'x', 'x', now(), id, officer, '{COUNTY}', '2026-09-30 02:00+00' FROM arrival
        """
    )
    await fieldwork.rows_changed(
        f"""
        INSERT INTO day_due SELECT '{AUXILIARY}', CAST(day AS date)
        FROM generate_series(date '2026-09-01', date '2026-09-30', interval '1 day') AS day
        """
    )
    left: list[int] = []
    while not left or left[-1]:
        async with fieldwork.database.unit() as unit:
            assert not await work_out_days(unit), "the worker is the others' until the next interval"
        left.append(len(await fieldwork.rows("SELECT 1 FROM day_due")))
    assert left[0] == 27, "the first and two others have as many as a tick takes"
    assert len(await fieldwork.facts("presence_day_updated")) == 30


async def test_a_day_marked_again_and_again_comes_after_those_that_wait(
    fieldwork: Fieldwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days_module, "SESSIONS", 1)
    busy, waiting = (AUXILIARY, date(2026, 10, 19)), (AUXILIARY, date(2026, 10, 20))
    for day in ("2026-10-19", "2026-10-20"):
        await fieldwork.sync(*stay(f"{day}T09:00:00+08:00", f"{day}T10:00:00+08:00"))
        await fieldwork.sync(*stay(f"{day}T11:00:00+08:00", f"{day}T12:00:00+08:00"))
    left = []
    for _ in range(2):
        async with fieldwork.database.unit() as unit:
            assert await work_out_days(unit)
        async with fieldwork.database.unit() as unit:
            left.append(await sessions.marked(unit.connection, 5))
            await sessions.mark(unit.connection, [busy])
    assert left == [[waiting], [busy]]


async def test_a_day_with_few_stays_does_not_wait_for_crowded_ones(
    fieldwork: Fieldwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(days_module, "SESSIONS", 4)
    first, crowded, quiet = date(2026, 5, 10), date(2026, 7, 10), date(2026, 9, 10)
    for day, stays in ((first, 5), (crowded, 5), (quiet, 1)):
        await fieldwork.rows_changed(
            f"""
            INSERT INTO arrival (id, content_hash, subject, recorded_at, officer, village, day, at, session)
            SELECT id, 'x', 'x', now(), '{AUXILIARY}', '{VILLAGE}', '{day}', '{day} 02:00+00', id
            FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, {stays})) AS made
            """
        )
        await fieldwork.rows_changed(f"INSERT INTO day_due (officer, day) VALUES ('{AUXILIARY}', '{day}')")
    async with fieldwork.database.unit() as unit:
        await work_out_days(unit)
    async with fieldwork.database.unit() as unit:
        assert await sessions.marked(unit.connection, 5) == [(AUXILIARY, crowded)]
