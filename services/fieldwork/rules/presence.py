"""From arrivals and departures to the minutes of one day (F-022, F-025, C-02)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache, partial
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Session:
    """One stay in a village; without an end it is open and adds no minute."""

    id: UUID
    village: str
    begun: datetime
    ended: datetime | None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A part of a day in one village that no other stretch overlaps."""

    village: str
    begun: datetime
    ended: datetime


@dataclass(frozen=True, slots=True)
class Place:
    """What an assignment covers on a day: a village (in its area, if it has one) or a whole area."""

    assignment_id: UUID
    village: str | None
    area_id: UUID | None
    villages_of_area: frozenset[str]

    @property
    def own(self) -> frozenset[str]:
        """The villages that count as one's own."""
        return frozenset((self.village,)) if self.village else self.villages_of_area


@dataclass(frozen=True, slots=True)
class Day:
    """An assignment's presence on one day."""

    minutes_in_village: int
    minutes_in_area: int
    longest_minutes: int
    sessions: int
    open_sessions: int


NOTHING = Day(0, 0, 0, 0, 0)

Attendance = Literal["present", "absent", "undecided"]


def stretches(sessions: Iterable[Session], begin: datetime, end: datetime) -> list[Stretch]:
    """The parts of the closed sessions between `begin` and `end`.

    What overlaps belongs to the one that began first: our reading, F-022 says nothing of two places at once.
    """
    found: list[Stretch] = []
    counted_until = begin
    for session in sorted(sessions, key=lambda s: (s.begun, s.id)):
        start, stop = max(session.begun, counted_until), min(session.ended or session.begun, end)
        if start < stop:
            found.append(Stretch(session.village, start, stop))
            counted_until = stop
    return found


def presences(
    places: Iterable[Place], sessions: Sequence[Session], begin: datetime, end: datetime
) -> Iterator[tuple[Place, Day]]:
    """What each assignment has of a day's sessions; those that cover the same have the same, worked out once."""
    found = stretches(sessions, begin, end)
    covered = cache(partial(_presence, found, sessions))
    for place in places:
        yield place, covered(place.own, place.own | place.villages_of_area)


def _presence(
    found: Sequence[Stretch], sessions: Iterable[Session], own_villages: Set[str], wider_area: Set[str]
) -> Day:
    """Who came has come, though every minute of his stay belongs to another or the stay had none."""
    own, wider = _runs(found, own_villages), _runs(found, wider_area)
    stays = [session for session in sessions if session.village in own_villages]
    return Day(
        minutes_in_village=_minutes(sum(own, timedelta())),
        minutes_in_area=_minutes(sum(wider, timedelta())),
        longest_minutes=_minutes(max(own, default=timedelta())),
        sessions=_visits((stay.begun, stay.ended) for stay in stays if stay.ended is not None),
        open_sessions=sum(1 for stay in stays if stay.ended is None),
    )


def attendance(places: Sequence[Place], visited: Collection[str]) -> Attendance:
    """A rostered day that is over: kept by one arrival in an own village (F-021, C-09).

    Nobody can say whose day it was while no assignment is known for it.
    """
    if not places:
        return "undecided"
    return "present" if any(place.own & set(visited) for place in places) else "absent"


def _runs(found: Sequence[Stretch], villages: Collection[str]) -> list[timedelta]:
    runs: list[timedelta] = []
    last_end: datetime | None = None
    for stretch in found:
        if stretch.village not in villages:
            continue
        length = stretch.ended - stretch.begun
        if stretch.begun == last_end:
            runs[-1] += length
        else:
            runs.append(length)
        last_end = stretch.ended
    return runs


def _visits(stays: Iterable[tuple[datetime, datetime]]) -> int:
    """How often somebody was there: stays that touch are one."""
    visits, last_end = 0, None
    for begun, ended in sorted(stays):
        if last_end is None or begun > last_end:
            visits += 1
        last_end = max(last_end or ended, ended)
    return visits


def _minutes(length: timedelta) -> int:
    return int(length.total_seconds() // 60)
