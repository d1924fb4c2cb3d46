"""Facts become ledger entries, whatever order they come in."""

from __future__ import annotations

import random
from datetime import date
from uuid import UUID

import pytest

from services.scoring.repository.evidence import postings
from services.scoring.repository.marks import take_marks
from services.scoring.rules.windows import end_of_periods
from shared.contracts.base import Period
from shared.ids import new_id
from tests.scoring.facts import DAY, OTHER_VILLAGE, Facts, Said
from tests.scoring.world import World, line


async def entries(world: World) -> list[object]:
    columns = "entry_id, source, officer_id, village, day, until, matter_id, recorded::text, judged::text, closed::text"
    states = await world.rows("SELECT * FROM group_state ORDER BY group_id, told_on")
    return [*await world.rows(f"SELECT {columns} FROM ledger_entry ORDER BY entry_id"), *states]


def month_with_everything(facts: Facts) -> list[Said]:
    """Each kind of fact at least once, revisions, a reversed verdict, a reopened report."""
    visit = facts.visit("house-1")
    filed = facts.report("instability", "unpaid_wages")
    certificate = facts.certificate("dispute")
    revoked = facts.certificate("dispute", certificate_id=certificate.data.certificate_id, state="revoked")
    team = facts.group("fire_team", "formed", told=date(2026, 9, 1))
    later = {"group_id": team.data.group_id, "told": date(2026, 10, 20)}
    return [
        *facts.quiet_month(12),
        *(visit, facts.verified(visit), facts.rejected(visit), facts.verified(visit)),
        *(facts.presence(DAY, 120, 1), facts.presence(DAY, 240, 2)),
        *(facts.absence(DAY, "undecided", 1), facts.absence(DAY, "absent", 2)),
        *(filed, facts.acknowledged(filed, "received"), facts.acknowledged(filed), facts.closed(filed)),
        facts.closed(filed, "withdrawn", 2),
        *(certificate, revoked),
        *(team, facts.group("fire_team", **later), facts.group("fire_team", "dissolved", **later)),
    ]


async def test_any_order_and_any_repetition_give_the_same_ledger_and_the_same_sheets(world: World) -> None:
    facts = month_with_everything(world.facts)
    await world.score(*facts)
    ledger, sheets = await entries(world), await world.digests()

    for seed in range(3):
        await world.forget()
        shuffled = facts + facts[::3]
        random.Random(seed).shuffle(shuffled)
        for start in range(0, len(shuffled), 7):
            await world.hear(*shuffled[start : start + 7])
            await world.recompute()
        assert await entries(world) == ledger
        assert await world.digests() == sheets == await world.from_nothing()


async def test_a_verdict_that_comes_before_its_activity_waits_for_it(world: World) -> None:
    visit = world.facts.visit("house-1")
    await world.hear(world.facts.verified(visit))
    assert await world.rows("SELECT judged IS NOT NULL, recorded IS NULL FROM ledger_entry") == [(True, True)]

    sheet = await world.score(visit)

    assert line(sheet, "S-101")["sentences"][1] == "走访1户,还差19户,扣9.5分"


async def test_a_fact_heard_twice_counts_once_and_marks_nobody(world: World) -> None:
    visit = world.facts.visit("house-1")
    await world.score(visit, world.facts.verified(visit))

    await world.hear(visit)

    assert await world.rows("SELECT * FROM dirty_mark") == []
    assert await world.rows("SELECT count(*) FROM ledger_entry") == [(1,)]


async def test_a_later_revision_replaces_an_earlier_one_and_never_the_other_way_round(world: World) -> None:
    first, second = world.facts.presence(DAY, 120, 1), world.facts.presence(DAY, 300, 2)

    await world.hear(second)
    await world.hear(first)

    assert await world.rows("SELECT recorded->>'minutes_in_village' FROM ledger_entry") == [("300",)]


async def test_a_presence_day_goes_with_its_assignment_to_another_area(world: World) -> None:
    before, after = world.facts.presence(DAY, 120, 1), world.facts.presence(DAY, 120, 2)
    moved = after.data.model_copy(update={"village": None, "area_id": UUID(int=7)})

    await world.hear(before, after._replace(data=moved))

    assert await world.rows("SELECT count(*) FROM ledger_entry") == [(1,)]


async def test_a_restored_publisher_counts_its_revisions_anew_and_is_the_later_word(world: World) -> None:
    old, new = world.facts.presence(DAY, 120, 9), world.facts.presence(DAY, 300, 1)

    await world.hear(old._replace(sequence=9, epoch=1))
    await world.hear(new._replace(sequence=5, epoch=2))

    assert await world.rows("SELECT recorded->>'minutes_in_village' FROM ledger_entry") == [("300",)]


async def test_a_fact_of_an_earlier_epoch_never_replaces_one_of_a_restored_publisher(world: World) -> None:
    old = world.facts.group("patrol_team", "dissolved")
    new = world.facts.group("patrol_team", group_id=old.data.group_id)

    await world.hear(new._replace(sequence=1, epoch=2))
    await world.hear(old._replace(sequence=9, epoch=1))

    assert await world.rows("SELECT recorded->>'state' FROM ledger_entry") == [("effective",)]


async def test_an_entry_keeps_the_ids_of_the_facts_it_came_from(world: World) -> None:
    filed = world.facts.report("hazard", "fire")
    said = [filed, world.facts.acknowledged(filed), world.facts.closed(filed, "rectified")]

    await world.hear(*said)

    rows = await world.rows("SELECT recorded->>'fact', judged->>'fact', closed->>'fact' FROM ledger_entry")
    assert rows == [tuple(str(fact.id) for fact in said)]


@pytest.mark.parametrize("village_fact", ["certificate", "group"])
async def test_a_fact_of_a_village_marks_everybody_assigned_to_it(world: World, village_fact: str) -> None:
    await world.recompute()
    facts = {"certificate": world.facts.certificate("dispute"), "group": world.facts.group("fire_team")}

    await world.hear(facts[village_fact])

    assert [row.officer_id for row in await world.rows("SELECT DISTINCT officer_id FROM dirty_mark")] == [world.officer]


async def test_a_fact_of_another_village_marks_nobody(world: World) -> None:
    await world.score(*world.facts.visits(1))

    await world.hear(world.facts.certificate("dispute", village=OTHER_VILLAGE))

    assert await world.rows("SELECT * FROM dirty_mark") == []


async def test_marks_of_one_officer_are_taken_as_one_range_of_days(world: World) -> None:
    await world.score(*world.facts.visits(1))

    await world.hear(world.facts.visit("late", day=date(2026, 8, 3)))
    await world.hear(world.facts.visit("new", day=date(2026, 10, 30)))

    await world.all_due()
    async with world.database.unit() as unit:
        [mark] = await take_marks(unit.connection, 10)
    assert (mark.since, mark.until) == (date(2026, 8, 1), date(2026, 10, 30))


async def test_a_dispute_without_a_code_and_the_report_of_it_are_one_matter(world: World) -> None:
    dispute = world.facts.activity("dispute", {"state": "failed"})

    await world.hear(dispute, world.facts.report("dispute", "family", matter=dispute.data.activity_id))

    assert await world.rows("SELECT matter_id FROM ledger_entry") == [(dispute.data.activity_id,)] * 2


async def test_an_officer_has_one_posting_for_days_that_touch_and_none_that_no_sheet_can_need(world: World) -> None:
    """Otherwise thousands of made-up assignments hold up whoever is scored with him."""
    officer = new_id()

    def posted(since: date, until: date) -> Said:
        return world.facts.assignment(officer, valid=Period(since=since, until=until))

    october = [date(2026, 10, day) for day in range(1, 32)]
    later = [date(2026, 11, 2), date(2027, 1, 1), date(2027, 1, 3)]
    reversed_days = posted(date(2026, 12, 2), date(2026, 12, 1))
    await world.hear(*(posted(day, day) for day in 20 * october + later), reversed_days)
    async with world.database.engine.connect() as connection:
        found = await postings(connection, [officer], end_of_periods([date(2026, 10, 1)]))
    assert [(one.first, one.last) for one in found] == [
        (date(2026, 10, 1), date(2026, 10, 31)),
        (date(2026, 11, 2), date(2026, 11, 2)),
    ]
