"""Presence and attendance of a day, worked out from the register whenever something about the day changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from uuid import UUID

from services.fieldwork.repository import sessions as repository
from services.fieldwork.repository.sessions import OfficerDay
from services.fieldwork.rules.places import county_of
from services.fieldwork.rules.presence import NOTHING, Day, Place, Session, attendance, presences
from shared.clock import SHANGHAI, shanghai_day
from shared.contracts.envelope import Fact
from shared.contracts.fieldwork import AttendanceJudgedV1, PresenceDayUpdatedV1
from shared.database.unit import Unit
from shared.turns import in_turns

BATCH = 500
SESSIONS = 10_000
"""So many of them are read and worked out in one tick: a day may be touched by thousands that somebody made up."""
CROWDED = 1_000
"""After a day with so many, which nobody has in truth, the worker is the others' until the next interval."""
OFFICERS = 20
WITHDRAWN = "withdrawn"
"""Kept as the judgement of a day whose roster no longer holds."""


async def mark_days_over(unit: Unit) -> bool:
    """Have rostered days judged once they are over (F-021)."""
    return await repository.mark_days_over(unit.connection, shanghai_day(unit.now), BATCH) == BATCH


async def spread_marks(unit: Unit) -> bool:
    """Have the days of officers whose assignments changed worked out anew, some at a time."""
    return await repository.spread_marks(unit.connection, OFFICERS, BATCH) > 0


async def work_out_days(unit: Unit) -> bool:
    """Work out marked days; True when there may be more that should not wait."""
    marked = await repository.marked(unit.connection, BATCH)
    if not marked:
        return False
    sessions = await repository.how_many(unit.connection, marked, SESSIONS)
    now = _in_one_go(marked, sessions)
    await repository.take(unit.connection, now)
    await Days(unit).work_out(now)
    return sessions[marked[0]] < CROWDED and (len(now) < len(marked) or len(marked) == BATCH)


def _in_one_go(marked: Sequence[OfficerDay], sessions: Mapping[OfficerDay, int]) -> list[OfficerDay]:
    """The day that was marked first, and of the others those with the fewest sessions, as many as a tick may read."""
    first, *others = marked
    now, total = [first], 0
    for day in sorted(others, key=sessions.__getitem__):
        total += sessions[day]
        if total >= SESSIONS:
            break
        now.append(day)
    return now


class Days:
    """Officer days whose marks this transaction has taken; the register is read after that."""

    def __init__(self, unit: Unit) -> None:
        self._unit = unit
        self._presence: list[dict[str, Any]] = []
        self._attendance: list[tuple[UUID, date, str, int]] = []

    async def work_out(self, days: Sequence[OfficerDay]) -> None:
        """Publish what became different, each with the next revision."""
        connection = self._unit.connection
        sessions = await repository.sessions(connection, days)
        places = await repository.places(connection, days)
        stored = await repository.stored_presence(connection, days)
        rostered = await repository.rostered(connection, days)
        async for key in in_turns(sorted(days), turn=1):
            own = places.get(key, [])
            self._compare_presence(key, own, sessions.get(key, []), stored.get(key, []))
            if key in rostered:
                self._compare_attendance(key, own, sessions.get(key, []), rostered[key])
        await repository.keep_presence(connection, self._presence)
        await repository.keep_attendance(connection, self._attendance)

    def _compare_presence(
        self, key: OfficerDay, places: Sequence[Place], sessions: Sequence[Session], stored: Sequence[Any]
    ) -> None:
        now = {place.assignment_id: (place, day) for place, day in presences(places, sessions, *_bounds(key[1]))}
        before = {row.assignment_id: row for row in stored}
        # A day published for an assignment that no longer holds goes back to nothing, visibly.
        for assignment_id in sorted(now.keys() | before.keys()):
            place, day = now.get(assignment_id) or (_former(before[assignment_id]), NOTHING)
            self._keep_presence(key, place, day, before.get(assignment_id))

    def _keep_presence(self, key: OfficerDay, place: Place, day: Day, stored: Any) -> None:
        state = {"village": place.village, "area_id": place.area_id, **asdict(day)}
        if stored is None and day == NOTHING:
            return
        if stored is not None and all(getattr(stored, name) == value for name, value in state.items()):
            return
        officer, on = key
        row = {"assignment_id": place.assignment_id, "officer": officer, "day": on, **state}
        row["revision"] = stored.revision + 1 if stored is not None else 1
        row["county"] = county_of(min(place.own)) if place.own else stored.county
        self._presence.append(row)
        self._publish(PresenceDayUpdatedV1.model_validate(row | {"officer_id": officer}), row["county"])

    def _compare_attendance(
        self, key: OfficerDay, places: Sequence[Place], sessions: Sequence[Session], judged: Any
    ) -> None:
        officer, day = key
        if day >= shanghai_day(self._unit.now) or not (judged.on_duty or judged.state):
            return
        # A stay that goes on past midnight is an arrival of the new day too.
        visited = {session.village for session in sessions}
        state = attendance(places, visited) if judged.on_duty else WITHDRAWN
        if state == judged.state:
            return
        revision = judged.revision + 1
        self._attendance.append((officer, day, state, revision))
        self._publish(_judgement(officer, day, state, revision), judged.county)

    def _publish(self, data: PresenceDayUpdatedV1 | AttendanceJudgedV1, county: str) -> None:
        fact = Fact.of(data, time=self._unit.now, actor=data.officer_id, jurisdiction=county)
        self._unit.outbox.add(fact)


def _judgement(officer: UUID, day: date, state: str, revision: int) -> AttendanceJudgedV1:
    """A day taken off the roster after it was judged asks nothing of him any more."""
    on_duty = state != WITHDRAWN
    told = {"officer_id": officer, "day": day, "rostered": on_duty, "state": state if on_duty else "excused"}
    return AttendanceJudgedV1.model_validate(told | {"revision": revision})


def _former(row: Any) -> Place:
    return Place(row.assignment_id, row.village, row.area_id, frozenset())


def _bounds(day: date) -> tuple[datetime, datetime]:
    midnight = datetime.combine(day, time(), SHANGHAI)
    return midnight.astimezone(UTC), (midnight + timedelta(days=1)).astimezone(UTC)
