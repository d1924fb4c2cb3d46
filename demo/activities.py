"""Activities as a phone enters them: one item of POST /v1/sync each, with details that fit its kind."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from random import Random
from typing import Any, Literal
from uuid import UUID

from demo.county import SEED, SYSTEM, County, Person, Unit
from demo.rates import RATES, Rate
from shared.clock import SHANGHAI
from shared.ids import foreign_id

FIRST_DAY = date(2026, 10, 1)
DAYS = 31
HOUSEHOLDS = 240  # of a village, as far as visits go round
NIGHT = range(20, 23)
OFFICERS_SHARE = 0.06
ELSEWHERE_SHARE = 0.01
DISPUTES = ("land_contract", "marriage", "family", "forest", "neighbours", "demolition", "children", "grudge")

Fate = Literal["verify", "reject", "wait"]
Item = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """One item, when the phone gets it through (days since the month began), and what its station will say."""

    item: Item
    officer: Person
    village: str
    reaches: float
    fate: Fate


@dataclass(frozen=True, slots=True)
class Workforce:
    """Who works where and how much: the diligence of the auxiliaries is uneven on purpose."""

    county: County
    weights: tuple[float, ...]

    @classmethod
    def of(cls, county: County) -> Workforce:
        """Most do three times the quota of 20 households, some stay below it, one in 60 does next to nothing."""
        random = Random(f"{SEED}/diligence")  # noqa: S311
        return cls(county, tuple(_diligence(random) for _ in county.auxiliaries))

    def draw(self, random: Random, count: int) -> Iterator[tuple[Person, Unit]]:
        """Who did each of `count` pieces of work, and in which village."""
        for person in random.choices(self.county.auxiliaries, self.weights, k=count):
            if random.random() < OFFICERS_SHARE:
                yield self._officer(person, random)
            else:
                yield person, self._village(person, random)

    def _officer(self, neighbour: Person, random: Random) -> tuple[Person, Unit]:
        area = self.county.area_of[neighbour.place]
        officer = self.county.officer_of[area.area_id]
        return officer, random.choice(area.villages)

    def _village(self, person: Person, random: Random) -> Unit:
        villages = self.county.area_of[person.place].villages
        if random.random() < ELSEWHERE_SHARE:  # kept, marked and not counted (C-39)
            return random.choice(villages)
        return self.county.unit_of[person.place]


def activities(workforce: Workforce, scale: float) -> Iterator[Work]:
    """All activities of the month, kind by kind."""
    for rate in RATES:
        random = Random(f"{SEED}/{rate.label}")  # noqa: S311
        for number, (person, village) in enumerate(workforce.draw(random, rate.in_month(scale))):
            yield _work(rate, foreign_id(SYSTEM, f"{rate.label}/{number}"), person, village, random)


def instant(day: float) -> str:
    """Local time, with its offset, so many days after the month began."""
    start = datetime(FIRST_DAY.year, FIRST_DAY.month, FIRST_DAY.day, tzinfo=SHANGHAI)
    return (start + timedelta(minutes=round(day * 1440))).isoformat()


def reaches(ended: float, random: Random) -> float:
    """When the item gets through: mostly within hours, one in twenty after days without a signal."""
    return ended + (random.uniform(2, 7) if random.random() < 0.05 else random.expovariate(12))


def _diligence(random: Random) -> float:
    return 0.02 if random.random() < 1 / 60 else random.gammavariate(2.6, 1.0)


def _work(rate: Rate, item_id: UUID, person: Person, village: Unit, random: Random) -> Work:
    details = {**_DETAILS[rate.kind](random), **rate.fixed}
    began = _began(random, night=bool(details.get("night")))
    ended = began + random.randint(10, 50) / 1440
    item: Item = {
        "type": "activity",
        "id": str(item_id),
        "officer": {"id": str(person.officer_id)},
        "village": village.code,
        "kind": rate.kind,
        "from": instant(began),
        "to": instant(ended),
        "quantity": "1",
        "unit": rate.unit,
        "details": details | _dates(rate.kind, began, random),
        **_extras(rate.kind, item_id, village, random),
    }
    return Work(item, person, village.code, reaches(ended, random), _fate(random))


def _began(random: Random, *, night: bool) -> float:
    hour = random.choice(NIGHT) if night else random.randint(8, 18)
    return random.randrange(DAYS) + (hour + random.random()) / 24


def _fate(random: Random) -> Fate:
    draw = random.random()
    return "verify" if draw < 0.92 else "reject" if draw < 0.95 else "wait"


def _extras(kind: str, item_id: UUID, village: Unit, random: Random) -> Item:
    if kind == "household_visit":
        return {"target_key": f"{village.code}/{random.randrange(HOUSEHOLDS):03}"}
    if kind in ("dispute", "hazard"):
        return {"matter_id": str(foreign_id(SYSTEM, f"matter/{item_id}"))}
    return {}


def _dates(kind: str, began: float, random: Random) -> Item:
    if kind != "household_business":
        return {}
    received = FIRST_DAY + timedelta(days=int(began))
    handed_in = received + timedelta(days=random.choices(range(8), (20, 25, 20, 12, 8, 6, 5, 4))[0])
    return {"received_on": received.isoformat(), "handed_in_on": handed_in.isoformat()}


def _purposes(random: Random) -> list[str]:
    return [name for name in ("law", "safety", "disputes", "care") if random.random() < 0.3] or ["opinions"]


_DETAILS: Mapping[str, Callable[[Random], Item]] = {
    "household_visit": lambda random: {"purposes": _purposes(random)},
    "dispute": lambda random: {
        "category": random.choice(DISPUTES),
        "on_spot_lawful": True,  # else intel makes a report of it: reports are for demo/reports.py
        "state": random.choices(("resolved", "open"), (85, 15))[0],
    },
    "hazard": lambda random: {"state": random.choices(("rectified", "reported", "found"), (6, 3, 1))[0]},
    "publicity": lambda random: {
        "form": random.choice(("meeting", "broadcast", "display", "campus")),
        "audience": random.randint(15, 120),
    },
    "site_check": lambda random: {
        "object": random.choice(("place", "special_trade", "key_unit", "knives")),
        "first_entry": random.random() < 0.2,
    },
    "assistance": lambda random: {"paired": random.random() < 0.5},
    "household_business": lambda random: {},
    "patrol": lambda random: {
        "mode": random.choice(("vehicle", "foot", "bicycle")),
        "night": random.random() < 0.6,
        "people": random.randint(2, 6),
    },
}
