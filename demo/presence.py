"""Duty rosters of the month, and the arrivals and departures of those who came."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random

from demo.activities import DAYS, FIRST_DAY, Item, Work, Workforce, instant, reaches
from demo.county import SEED, SYSTEM, Person
from shared.ids import foreign_id

ROSTERED_DAYS = 6


@dataclass(frozen=True, slots=True)
class Duty:
    """A rostered day of one auxiliary, and whether he came and signed out again."""

    person: Person
    day: int
    came: bool
    left: bool

    @property
    def date(self) -> date:
        """The calendar day."""
        return FIRST_DAY + timedelta(days=self.day)


def duties(workforce: Workforce) -> Iterator[Duty]:
    """Six days each; the less diligent are absent more often, and three in a hundred forget to sign out."""
    random = Random(f"{SEED}/duties")  # noqa: S311
    for person, weight in zip(workforce.county.auxiliaries, workforce.weights, strict=True):
        absence = 0.95 if weight < 0.05 else 0.12 / (1 + weight)
        for day in sorted(random.sample(range(DAYS), ROSTERED_DAYS)):
            yield Duty(person, day, came=random.random() >= absence, left=random.random() >= 0.03)


def register(duties: Iterator[Duty]) -> Iterator[Work]:
    """The lines of the arrival register, as phones send them."""
    random = Random(f"{SEED}/register")  # noqa: S311
    for duty in duties:
        if duty.came:
            yield from _session(duty, random)


def _session(duty: Duty, random: Random) -> Iterator[Work]:
    arrived = duty.day + random.uniform(7.5, 9.5) / 24
    left = arrived + random.uniform(3.5, 9) / 24
    session = str(foreign_id(SYSTEM, f"arrival/{duty.person.badge}/{duty.day}"))
    yield _line(duty, _arrival(duty, session, arrived), reaches(arrived, random))
    if duty.left:
        yield _line(duty, _departure(duty, session, left), reaches(left, random))


def _line(duty: Duty, item: Item, reaches: float) -> Work:
    return Work(item, duty.person, duty.person.place, reaches, "wait")


def _arrival(duty: Duty, session: str, at: float) -> Item:
    officer = {"badge": duty.person.badge}  # a phone may name its officer by badge as well as by id
    return {"type": "arrival", "id": session, "officer": officer, "village": duty.person.place, "at": instant(at)}


def _departure(duty: Duty, session: str, at: float) -> Item:
    item_id = foreign_id(SYSTEM, f"departure/{duty.person.badge}/{duty.day}")
    return {"type": "departure", "id": str(item_id), "session": session, "at": instant(at)}
