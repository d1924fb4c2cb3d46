"""The county of the bench: 450 auxiliaries on 450 villages of one scheme, and their household visits."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from itertools import groupby
from typing import Any
from uuid import UUID

from shared.contracts.base import FactData, Period
from shared.contracts.envelope import Fact
from shared.contracts.fieldwork import ActivityRecordedV1
from shared.contracts.personnel import AssignmentV1, DivisionV1, OfficerV1, OrganisationV1, SchemeBindingV1, Where
from shared.database.unit import Database
from shared.ids import foreign_id, new_id
from shared.reference.handlers import reference_handlers

OFFICERS = 450
MONTH = date(2026, 10, 1)
COUNTY = "411622"
STATION = foreign_id("bench", "station")


@dataclass(frozen=True)
class Posted:
    """An auxiliary and his village."""

    officer: UUID
    village: str


def posted() -> list[Posted]:
    return [Posted(foreign_id("bench", f"officer {n}"), f"{COUNTY}100{n:03d}") for n in range(1, OFFICERS + 1)]


def _states() -> Iterator[FactData]:
    valid = Period(since=date(2026, 1, 1))
    yield DivisionV1(code=f"{COUNTY}000000", name="西华县", level="county", valid=valid)
    yield OrganisationV1(org_id=STATION, name="示例派出所", kind="station", serves=(f"{COUNTY}000000",), valid=valid)
    yield SchemeBindingV1(
        binding_id=foreign_id("bench", "binding"),
        jurisdiction=COUNTY,
        scheme="wenquan",
        version="0" * 64,
        posts=("village_auxiliary",),
        valid=valid,
    )
    for person in posted():
        yield DivisionV1(code=person.village, name="示例村", level="village", village_kind="similar", valid=valid)
        yield OfficerV1(
            officer_id=person.officer,
            kind="auxiliary",
            name="示例辅警",
            employer=STATION,
            full_time=True,
            status="active",
            account="open",
            valid=valid,
        )
        yield AssignmentV1(
            assignment_id=foreign_id("bench", f"assignment {person.village}"),
            officer_id=person.officer,
            post="village_auxiliary",
            role="main",
            where=Where(type="village", id=person.village),
            valid=valid,
        )


async def seed(database: Database, service: str) -> None:
    """Bring the read models of a service to the state of the county, through its own handlers."""
    handlers = reference_handlers(service)
    facts = [
        Fact.of(state, time=datetime(2026, 1, 1, tzinfo=UTC), actor="bench", jurisdiction=COUNTY) for state in _states()
    ]
    for kind, of_kind in groupby(facts, key=lambda fact: type(fact.data)):
        if kind in handlers:
            async with database.unit() as unit:
                await handlers[kind](list(of_kind), unit)


def visits(count: int, seed_number: int) -> list[dict[str, Any]]:
    """Items for `POST /v1/sync`: household visits of October, each with an id of its own."""
    chance = random.Random(seed_number)
    people = posted()
    items = []
    for _ in range(count):
        person = chance.choice(people)
        began = datetime(2026, 10, chance.randint(1, 31), chance.randint(0, 9), chance.randint(0, 59), tzinfo=UTC)
        items.append(
            {
                "type": "activity",
                "id": str(new_id()),
                "officer": {"id": str(person.officer)},
                "village": person.village,
                "kind": "household_visit",
                "from": began.isoformat(),
                "to": (began + timedelta(minutes=20)).isoformat(),
                "quantity": "1",
                "unit": "household",
                "details": {"purposes": ["law", "safety"]},
            }
        )
    return items


def backlog(count: int) -> Iterator[Fact[ActivityRecordedV1]]:
    """Facts as fieldwork publishes them, each with its place in its officer's stream."""
    place: dict[UUID, tuple[int, UUID | None]] = {}
    for item in visits(count, 1):
        officer = UUID(item["officer"]["id"])
        data = ActivityRecordedV1.model_validate(
            {**item, "activity_id": item["id"], "author": officer, "done_by": officer, "quantity": Decimal(1)}
        )
        fact = Fact.of(data, time=data.since, actor=officer, jurisdiction=data.village)
        sequence, previous = place.get(officer, (0, None))
        place[officer] = (sequence + 1, fact.id)
        yield fact._replace(sequence=sequence + 1, previous=previous, epoch=1)


def batches(items: Sequence[dict[str, Any]], size: int) -> list[list[dict[str, Any]]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]
