"""The plan of the county: who is where. Divisions are real, everything else is made up from a fixed seed."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby, pairwise
from pathlib import Path
from random import Random
from typing import Literal
from uuid import UUID

from shared.ids import foreign_id

COUNTY = "411622"
COUNTY_NAME = "西华县"
SYSTEM = "cunjing-demo"
DIVISIONS = Path(__file__).parents[1] / "deploy" / "demo" / "divisions"

AREAS = 64  # T-1: 64 police rooms with one community officer each
AUXILIARIES = 452  # T-1: 452 auxiliaries at their posts
SEED = 411622

# One of the 24 solar terms for each of the 24 townships: nobody is called that.
_TERMS = "立春雨水惊蛰春分清明谷雨立夏小满芒种夏至小暑大暑立秋处暑白露秋分寒露霜降立冬小雪大雪冬至小寒大寒"
TERMS = tuple(_TERMS[start : start + 2] for start in range(0, len(_TERMS), 2))


@dataclass(frozen=True, slots=True)
class Unit:
    """A division of the county: a township by 9 digits or a village-level unit by 12."""

    code: str
    name: str


@dataclass(frozen=True, slots=True)
class Station:
    """The police station of one township; its people are named after its solar term."""

    org_id: UUID
    name: str
    township: Unit
    term: str


@dataclass(frozen=True, slots=True)
class Area:
    """A responsibility area: villages next to each other in code order, of one station."""

    area_id: UUID
    name: str
    station: Station
    villages: tuple[Unit, ...]


Post = Literal["village_auxiliary", "community_officer", "station_head"]


@dataclass(frozen=True, slots=True)
class Person:
    """A member of staff and his one post; `place` is a village code, or the id of an area or organisation."""

    officer_id: UUID
    name: str
    badge: str
    post: Post
    station: Station
    place: str


@dataclass(frozen=True, slots=True)
class Group:
    """A mass-prevention group of a village."""

    group_id: UUID
    kind: Literal["patrol_team", "fire_team"]
    village: Unit
    members: int
    state: Literal["formed", "effective"]


@dataclass(frozen=True)
class County:
    """Everything the loader tells personnel."""

    bureau: UUID
    binding: UUID
    villages: tuple[Unit, ...]
    stations: tuple[Station, ...]
    areas: tuple[Area, ...]
    auxiliaries: tuple[Person, ...]
    officers: tuple[Person, ...]
    heads: tuple[Person, ...]
    groups: tuple[Group, ...]

    @property
    def people(self) -> Iterator[Person]:
        """All staff."""
        yield from self.heads
        yield from self.officers
        yield from self.auxiliaries

    @cached_property
    def gaps(self) -> tuple[Unit, ...]:
        """The units without an auxiliary."""
        covered = {person.place for person in self.auxiliaries}
        return tuple(village for village in self.villages if village.code not in covered)

    @cached_property
    def head_of(self) -> dict[UUID, Person]:
        """The head of each station, who verifies its people's work."""
        return {head.station.org_id: head for head in self.heads}

    @cached_property
    def officer_of(self) -> dict[UUID, Person]:
        """The community officer of each responsibility area."""
        return {UUID(officer.place): officer for officer in self.officers}

    @cached_property
    def unit_of(self) -> dict[str, Unit]:
        """Each village-level unit by its code."""
        return {village.code: village for village in self.villages}

    @cached_property
    def area_of(self) -> dict[str, Area]:
        """The responsibility area of each village code."""
        return {village.code: area for area in self.areas for village in area.villages}


def plan_county(townships: Sequence[Unit], villages: Sequence[Unit]) -> County:
    """The same plan for the same divisions, every time."""
    random = Random(SEED)  # noqa: S311 - a plan, not a secret
    stations = tuple(_station(township, term) for township, term in zip(townships, TERMS, strict=True))
    areas = tuple(_areas(stations, villages))
    gaps = set(random.sample([village.code for village in villages], len(villages) - AUXILIARIES))
    covered = [(area.station, village) for area in areas for village in area.villages if village.code not in gaps]
    return County(
        bureau=_id("bureau", COUNTY),
        binding=_id("binding", COUNTY),
        villages=tuple(villages),
        stations=stations,
        areas=areas,
        auxiliaries=tuple(_auxiliary(number, *where) for number, where in enumerate(covered, start=1)),
        officers=tuple(_officer(number, area) for number, area in enumerate(areas, start=1)),
        heads=tuple(_head(station) for station in stations),
        groups=tuple(_groups(villages, random)),
    )


def read_units(file: Path) -> tuple[Unit, ...]:
    """The divisions of a published CSV file in the order of their codes."""
    with file.open(encoding="utf-8", newline="") as lines:
        return tuple(sorted((Unit(row["code"], row["name"]) for row in csv.DictReader(lines)), key=lambda u: u.code))


def xihua() -> County:
    """西华县 as of 2023-06-30 with 24 stations, 64 areas and 452 auxiliaries."""
    return plan_county(read_units(DIVISIONS / "streets.csv"), read_units(DIVISIONS / "villages.csv"))


def _id(kind: str, key: str) -> UUID:
    return foreign_id(SYSTEM, f"{kind}/{key}")


def _station(township: Unit, term: str) -> Station:
    return Station(_id("station", township.code), f"{township.name}派出所", township, term)


def _areas(stations: Sequence[Station], villages: Sequence[Unit]) -> Iterator[Area]:
    by_township = {code: tuple(units) for code, units in groupby(villages, key=lambda unit: unit.code[:9])}
    shares = _shares({code: len(units) for code, units in by_township.items()}, AREAS)
    for station in stations:
        code = station.township.code
        for number, part in enumerate(_parts(by_township[code], shares[code]), start=1):
            name = f"{station.township.name}第{number}警务责任区"
            yield Area(_id("area", f"{code}/{number}"), name, station, part)


def _shares(sizes: dict[str, int], seats: int) -> dict[str, int]:
    """Seats in proportion to sizes, at least one each, by the largest quotient (Sainte-Laguë)."""
    shares = dict.fromkeys(sizes, 1)
    for _ in range(seats - len(sizes)):
        shares[max(sizes, key=lambda code: (sizes[code] / (2 * shares[code] + 1), code))] += 1
    return shares


def _parts(units: tuple[Unit, ...], count: int) -> Iterator[tuple[Unit, ...]]:
    edges = [round(len(units) * edge / count) for edge in range(count + 1)]
    yield from (units[start:end] for start, end in pairwise(edges))


def _auxiliary(number: int, station: Station, village: Unit) -> Person:
    name = f"演示辅警·{station.term}{number:03}"
    return Person(_id("auxiliary", village.code), name, f"XHF{number:04}", "village_auxiliary", station, village.code)


def _officer(number: int, area: Area) -> Person:
    name, badge = f"示例警员{number:04}", f"XHJ{number:04}"
    officer_id = _id("officer", str(area.area_id))
    return Person(officer_id, name, badge, "community_officer", area.station, str(area.area_id))


def _head(station: Station) -> Person:
    officer_id = _id("head", station.township.code)
    badge = f"XHS{station.township.code[-3:]}"
    return Person(officer_id, f"示例所长·{station.term}", badge, "station_head", station, str(station.org_id))


def _groups(villages: Sequence[Unit], random: Random) -> Iterator[Group]:
    """Patrol teams in three villages of four, fire teams in three of five: figures of the demonstration."""
    for village in villages:
        if random.random() < 0.75:
            yield _group("patrol_team", village, random)
        if random.random() < 0.6:
            yield _group("fire_team", village, random)


def _group(kind: Literal["patrol_team", "fire_team"], village: Unit, random: Random) -> Group:
    state: Literal["formed", "effective"] = "effective" if random.random() < 0.8 else "formed"
    return Group(_id(kind, village.code), kind, village, random.randint(4, 9), state)
