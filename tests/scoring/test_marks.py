"""A fact marks every sheet that it can change, and of a matter no more than the months it touches."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.scoring.handlers import HANDLERS
from services.scoring.repository.marks import take_marks
from services.scoring.repository.sheets import Key
from shared.ids import new_id
from tests.scoring.facts import DAY, OFFICER, OTHER_VILLAGE, VILLAGE, Said, at
from tests.scoring.test_recompute import until_blocked
from tests.scoring.world import World

NEIGHBOUR, BACKUP = UUID(int=78), UUID(int=79)
EVERYBODY = (OFFICER, NEIGHBOUR, BACKUP)
PLACES = (VILLAGE, OTHER_VILLAGE)
MONTHS = range(7, 13)


@dataclass
class History:
    """What may be said about a handful of matters, in any order: done, moved, judged, reported, closed, certified."""

    world: World
    chance: random.Random
    matters: list[UUID] = field(default_factory=lambda: [new_id() for _ in range(3)])
    done: list[Said] = field(default_factory=list)
    filed: list[Said] = field(default_factory=list)
    numbers: Iterator[int] = field(default_factory=lambda: count(1_000))

    def facts(self, number: int) -> Iterator[Said]:
        ways: list[Callable[[], Said]] = [self._work, self._work, self._moved, self._judged, self._judged]
        ways += [self._report, self._answered, self._answered, self._certificate]
        for _ in range(number):
            yield self.chance.choice(ways)()._replace(sequence=next(self.numbers))

    def _day(self) -> date:
        return date(2026, self.chance.choice(MONTHS), self.chance.randint(1, 28))

    def _place(self) -> dict[str, Any]:
        return {
            "officer": self.chance.choice(EVERYBODY),
            "village": self.chance.choice(PLACES),
            "day": self._day(),
            "matter_id": self.chance.choice([*self.matters, None]),
        }

    def _work(self, **changes: Any) -> Said:
        kind = self.chance.choice(["dispute", "dispute", "instability_support"])
        states = {"dispute": {"state": self.chance.choice(["open", "resolved"])}}
        said = self.world.facts.activity(kind, states.get(kind, {"step": "handle"}), **self._place(), **changes)
        self.done.append(said)
        return said

    def _moved(self) -> Said:
        """The same work told anew: elsewhere, on another day, of another matter."""
        return self._work(activity_id=self.chance.choice(self.done).data.activity_id) if self.done else self._work()

    def _judged(self) -> Said:
        if not self.done:
            return self._work()
        work = self.chance.choice(self.done)
        return self.world.facts.rejected(work) if self.chance.random() < 0.3 else self.world.facts.verified(work)

    def _report(self) -> Said:
        day = self._day()
        said = self.world.facts.report(
            self.chance.choice(["dispute", "instability"]),
            "family",
            self.chance.choice(self.matters),
            village=self.chance.choice(PLACES),
            reporter=self.chance.choice(EVERYBODY),
            noticed_at=at(day),
            reported_at=at(day, 11),
            severity=self.chance.choice([None, "urgent"]),
        )
        self.filed.append(said)
        return said

    def _answered(self) -> Said:
        if not self.filed:
            return self._report()
        filed = self.chance.choice(self.filed)
        outcome = self.chance.choice(["resolved", "withdrawn", None])
        return self.world.facts.closed(filed, outcome) if outcome else self.world.facts.acknowledged(filed)

    def _certificate(self) -> Said:
        first = self._day().replace(day=1)
        month = {"from": first, "to": first.replace(day=28)}
        of = self.chance.choice(["dispute", "instability"])
        return self.world.facts.certificate(of, village=self.chance.choice(PLACES), month=month)


async def two_villages(world: World) -> None:
    """A village each for two officers, and a third who is a backup in the first and lives in the second for a while."""
    valid = {"from": date(2026, 9, 10), "to": date(2026, 11, 20)}
    await world.hear(
        world.facts.assignment(NEIGHBOUR, OTHER_VILLAGE),
        world.facts.assignment(BACKUP, VILLAGE, role="backup"),
        world.facts.assignment(BACKUP, OTHER_VILLAGE, valid=valid),
    )
    await world.hear(*(fact for month in MONTHS for fact in world.facts.visits(1, day=date(2026, month, 1))))
    await world.recompute()


async def stored(world: World) -> dict[Key, str]:
    return {key: sheet.digest for key, sheet in (await world.sheets(*EVERYBODY)).items()}


@pytest.mark.parametrize("seed", range(8))
async def test_whatever_is_said_of_matters_the_marked_sheets_are_all_that_change(world: World, seed: int) -> None:
    await two_villages(world)
    chance = random.Random(seed)
    history = History(world, chance)
    for step in range(20):
        said = list(history.facts(chance.choice([1, 1, 1, 4])))
        await world.hear(*said)
        await world.recompute()
        assert await stored(world) == await world.from_nothing(EVERYBODY), (step, said)


async def marked(world: World) -> dict[UUID, tuple[date, date]]:
    rows = await world.rows("SELECT officer_id, min(since), max(until) FROM dirty_mark GROUP BY officer_id")
    return {officer: (since, until) for officer, since, until in rows}


async def test_a_fact_of_a_matter_marks_the_months_of_the_matter_for_everybody_of_its_village(world: World) -> None:
    await two_villages(world)
    await world.hear(world.facts.assignment(UUID(int=80)))
    matter = new_id()
    for month, until in ((10, DAY), (11, date(2026, 11, 12)), (11, date(2026, 11, 12))):
        await world.recompute()
        await world.hear(
            world.facts.activity("dispute", {"state": "open"}, matter_id=matter, day=DAY.replace(month=month))
        )
        days = (DAY, until)
        assert await marked(world) == {OFFICER: days, BACKUP: days, UUID(int=80): days}


async def test_a_verdict_marks_the_days_of_its_matter_in_each_of_its_villages(world: World) -> None:
    await two_villages(world)
    matter = new_id()
    here = world.facts.activity("dispute", {"state": "resolved"}, matter_id=matter)
    there = world.facts.activity(
        "dispute", {"state": "open"}, matter_id=matter, day=date(2026, 8, 3), officer=NEIGHBOUR, village=OTHER_VILLAGE
    )
    await world.hear(here, there)
    await world.recompute()

    await world.hear(world.facts.verified(here))

    days = await marked(world)
    assert days[OFFICER] == (date(2026, 8, 3), DAY)
    assert days[NEIGHBOUR] == (date(2026, 8, 3), date(2026, 8, 3))


async def test_two_facts_of_one_matter_committed_side_by_side_both_reach_every_sheet(world: World) -> None:
    await two_villages(world)
    matter = new_id()
    opened = world.facts.done("dispute", {"state": "open"}, matter_id=matter, day=date(2026, 11, 5), officer=NEIGHBOUR)
    resolved = world.facts.done("dispute", {"state": "resolved"}, matter_id=matter, day=date(2026, 8, 5))
    november = {"from": date(2026, 11, 1), "to": date(2026, 11, 30)}
    await world.hear(world.facts.certificate("dispute", month=november))
    async with world.database.unit() as first:
        for said in resolved:
            await HANDLERS[type(said.data)]([said], first)
        second = asyncio.create_task(world.hear(*opened))
        await until_blocked(world)
        await world.recompute()
    await second
    await world.recompute()

    assert await stored(world) == await world.from_nothing(EVERYBODY)


async def test_work_that_turns_out_to_be_of_another_matter_marks_the_matter_it_leaves(world: World) -> None:
    await two_villages(world)
    matter = new_id()
    november = {"from": date(2026, 11, 1), "to": date(2026, 11, 30)}
    settled = world.facts.activity("dispute", {"state": "resolved"}, matter_id=matter, day=date(2026, 8, 5))
    later = world.facts.done("dispute", {"state": "open"}, matter_id=matter, day=date(2026, 11, 5))
    certificate = world.facts.certificate("dispute", month=november)
    await world.hear(settled, world.facts.verified(settled), *later, certificate)
    await world.recompute()
    before = await stored(world)

    again = {"activity_id": settled.data.activity_id, "matter_id": new_id(), "day": date(2026, 8, 5)}
    await world.hear(world.facts.activity("dispute", {"state": "resolved"}, **again))
    await world.recompute()

    key = (OFFICER, "wenquan", date(2026, 11, 1))
    assert (await stored(world))[key] != before[key]
    assert await stored(world) == await world.from_nothing(EVERYBODY)


@pytest.mark.parametrize(("officers", "facts", "taken"), [(1, 5_000, True), (30, 20, False)])
async def test_hundreds_of_facts_keep_others_waiting_only_when_they_are_many_officers(
    world: World, officers: int, facts: int, taken: bool
) -> None:
    marks = """
        INSERT INTO dirty_mark (officer_id, since, until, facts, marked_at)
        SELECT id, date '2026-10-01', date '2026-10-31', :facts, clock_timestamp() + CAST(:ago AS interval)
        FROM unnest(CAST(:ids AS uuid[])) AS of(id)
    """
    ids = [UUID(int=1_000 + number) for number in range(officers)]
    async with world.database.unit() as unit:
        await unit.connection.execute(text("DELETE FROM dirty_mark"))
        await unit.connection.execute(text(marks), {"ids": ids, "facts": facts, "ago": timedelta(minutes=1)})
        await unit.connection.execute(text(marks), {"ids": [OFFICER], "facts": 1, "ago": timedelta(seconds=-0.1)})
        assert [mark.officer_id for mark in await take_marks(unit.connection, 10)] == [OFFICER] * taken
