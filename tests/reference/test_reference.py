from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import MetaData, select, text

from shared.contracts.base import FactData, Period
from shared.contracts.envelope import Fact
from shared.contracts.personnel import (
    AreaV1,
    AssignmentV1,
    DivisionV1,
    GroupV1,
    OfficerV1,
    OrganisationV1,
    SchemeBindingV1,
    Where,
)
from shared.contracts.registry import topics_for
from shared.database.unit import Database
from shared.ids import new_id
from shared.messaging.handling import in_one
from shared.reference.handlers import REFERENCE, reference_handlers
from shared.reference.queries import active_on, own_work, station_at
from shared.reference.tables import reference_tables

VILLAGE, NEIGHBOUR = "411622101201", "411622101202"
TOWNSHIP, COUNTY = "411622101000", "411622000000"
DAY = date(2026, 10, 15)
ALWAYS = Period(since=date(2020, 1, 1))
KNOWN = MetaData()
reference_tables(KNOWN)


@pytest.fixture(scope="module")
async def migrated(make_database: Callable[[], str]) -> AsyncIterator[Database]:
    made = Database(make_database())
    async with made.engine.begin() as connection:
        await connection.run_sync(KNOWN.create_all)
    yield made
    await made.close()


@pytest.fixture
async def database(migrated: Database) -> Database:
    async with migrated.engine.begin() as connection:
        await connection.exec_driver_sql(f"TRUNCATE {', '.join(KNOWN.tables)}")
    return migrated


async def tell(database: Database, *data: FactData) -> None:
    """Hand the facts to their handlers, one batch per topic, as a consumer does."""
    facts = [
        Fact.of(d, time=datetime.now(UTC), actor="test", jurisdiction="411622")._replace(sequence=n)
        for n, d in enumerate(data, start=1)
    ]
    async with database.unit() as unit:
        assert not await in_one(REFERENCE)(facts, unit)


async def rows(database: Database, table: str) -> Sequence[dict[str, Any]]:
    async with database.engine.connect() as connection:
        return [dict(row) for row in (await connection.execute(select(KNOWN.tables[table]))).mappings()]


def station(*serves: str, valid: Period = ALWAYS) -> OrganisationV1:
    return OrganisationV1(org_id=new_id(), name="测试派出所", kind="station", serves=serves, valid=valid)


def area(holder: UUID, *villages: str, valid: Period = ALWAYS) -> AreaV1:
    return AreaV1(area_id=new_id(), name="测试责任区", villages=villages, station=holder, rural=True, valid=valid)


def assignment(officer_id: UUID, where: Where, valid: Period = ALWAYS) -> AssignmentV1:
    return AssignmentV1(
        assignment_id=new_id(), officer_id=officer_id, post="village_auxiliary", role="main", where=where, valid=valid
    )


async def test_each_fact_becomes_a_row(database: Database) -> None:
    org, officer_id = station(TOWNSHIP), new_id()
    patch = area(org.org_id, VILLAGE)
    ended = Period(since=date(2020, 1, 1), until=date(2026, 12, 31))
    await tell(
        database,
        DivisionV1(code=VILLAGE, name="测试村", level="village", village_kind="similar", parent=TOWNSHIP, valid=ended),
        org,
        patch,
        OfficerV1(
            officer_id=officer_id,
            kind="auxiliary",
            name="甲",
            badge="F1",
            employer=org.org_id,
            full_time=True,
            status="active",
            account="open",
            valid=ALWAYS,
        ),
        assignment(officer_id, Where(type="village", id=VILLAGE)),
        GroupV1(
            group_id=new_id(),
            kind="patrol_team",
            village=VILLAGE,
            members=9,
            trained_members=8,
            state="formed",
            valid=ALWAYS,
        ),
        SchemeBindingV1(
            binding_id=new_id(), jurisdiction="411622", scheme="wenquan", version="a", posts=("x", "y"), valid=ALWAYS
        ),
    )

    assert await rows(database, "known_division") == [
        {
            "code": VILLAGE,
            "name": "测试村",
            "level": "village",
            "village_kind": "similar",
            "parent": TOWNSHIP,
            "valid_from": date(2020, 1, 1),
            "valid_until": date(2026, 12, 31),
        }
    ]
    assert (await rows(database, "known_area"))[0]["villages"] == [VILLAGE]
    assert (await rows(database, "known_officer"))[0]["full_time"] is True
    assert (await rows(database, "known_assignment"))[0]["where_id"] == VILLAGE
    assert (await rows(database, "known_group"))[0]["members"] == 9
    assert (await rows(database, "known_binding"))[0]["posts"] == ["x", "y"]


async def test_the_last_state_of_a_key_counts_within_a_batch_and_after_it(database: Database) -> None:
    org = station(TOWNSHIP)

    await tell(database, org, org.model_copy(update={"name": "二"}))
    assert [row["name"] for row in await rows(database, "known_organisation")] == ["二"]

    await tell(database, org.model_copy(update={"name": "三", "serves": ()}))
    assert [(row["name"], row["serves"]) for row in await rows(database, "known_organisation")] == [("三", [])]


async def test_erasure_arrives_as_an_ordinary_fact(database: Database) -> None:
    officer = OfficerV1(
        officer_id=new_id(),
        kind="auxiliary",
        name="甲",
        badge="F1",
        employer=new_id(),
        full_time=True,
        status="left",
        account="closed",
        valid=ALWAYS,
    )

    await tell(database, officer, officer.model_copy(update={"name": "", "badge": None}))

    assert [(row["name"], row["badge"]) for row in await rows(database, "known_officer")] == [("", None)]


@pytest.mark.parametrize("service", ["fieldwork", "scoring", "intel"])
def test_a_service_keeps_the_reference_topics_it_reads(service: str) -> None:
    assert reference_handlers(service).keys() == {kind for kind in REFERENCE if kind.TOPIC in topics_for(service)}


async def test_own_work_is_work_in_an_assigned_village_or_area_on_a_day_of_the_assignment(database: Database) -> None:
    direct, by_area, elsewhere = new_id(), new_id(), new_id()
    october = Period(since=date(2026, 10, 1), until=date(2026, 10, 15))
    patch = area(new_id(), VILLAGE, NEIGHBOUR)
    await tell(
        database,
        patch,
        assignment(direct, Where(type="village", id=VILLAGE), october),
        assignment(by_area, Where(type="area", id=str(patch.area_id))),
        assignment(elsewhere, Where(type="org", id=str(new_id()))),
    )
    inside = {
        (direct, VILLAGE, date(2026, 10, 1)),
        (direct, VILLAGE, date(2026, 10, 15)),
        (by_area, NEIGHBOUR, DAY),
        (by_area, VILLAGE, DAY),
    }
    outside = {
        (direct, VILLAGE, date(2026, 9, 30)),
        (direct, VILLAGE, date(2026, 10, 16)),
        (direct, NEIGHBOUR, DAY),
        (elsewhere, VILLAGE, DAY),
        (by_area, VILLAGE, date(2019, 12, 31)),
    }

    async with database.engine.connect() as connection:
        assert await own_work(connection, [*inside, *outside]) == inside


async def test_a_village_that_left_the_area_is_no_longer_own_work(database: Database) -> None:
    officer_id = new_id()
    patch = area(new_id(), VILLAGE, valid=Period(since=date(2020, 1, 1), until=date(2026, 9, 30)))
    await tell(database, patch, assignment(officer_id, Where(type="area", id=str(patch.area_id))))

    async with database.engine.connect() as connection:
        assert await own_work(connection, [(officer_id, VILLAGE, DAY)]) == set()


async def station_of(database: Database, village: str, day: date) -> UUID | None:
    statement = text(f"SELECT {station_at('CAST(:village AS text)', 'CAST(:day AS date)')}")
    async with database.engine.connect() as connection:
        found: UUID | None = await connection.scalar(statement, {"village": village, "day": day})
    return found


async def test_the_station_is_that_of_the_area_then_of_the_narrowest_division_served(database: Database) -> None:
    province, city, county = station("410000000000"), station("411600000000"), station(COUNTY)
    township, single, own = station(TOWNSHIP), station("411622101203"), station("411622102000")
    bureau = OrganisationV1(org_id=new_id(), name="局", kind="bureau", serves=(TOWNSHIP,), valid=ALWAYS)
    await tell(database, province, city, county, township, single, own, bureau, area(own.org_id, VILLAGE))

    expected = {
        VILLAGE: own,
        "411622101203": single,
        NEIGHBOUR: township,
        "411622103201": county,
        "411623103201": city,
        "410903103201": province,
    }
    for village, holder in expected.items():
        assert await station_of(database, village, DAY) == holder.org_id
    assert await station_of(database, "430903103201", DAY) is None


async def test_the_station_of_a_day_is_the_one_valid_then(database: Database) -> None:
    before = station(TOWNSHIP, valid=Period(since=date(2020, 1, 1), until=date(2026, 10, 14)))
    after = station(TOWNSHIP, valid=Period(since=DAY))
    await tell(database, before, after)

    assert await station_of(database, VILLAGE, date(2026, 10, 14)) == before.org_id
    assert await station_of(database, VILLAGE, DAY) == after.org_id
    async with database.engine.connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM known_organisation"))).scalar_one() == 2


TODAY = date(2026, 11, 20)
ENDED, ENDS = Period(since=date(2020, 1, 1), until=DAY), Period(since=date(2020, 1, 1), until=date(2027, 6, 30))


@pytest.mark.parametrize(
    ("changes", "day", "active"),
    [
        ({}, DAY, True),
        ({"account": "none"}, DAY, True),
        ({"status": "confirmed"}, DAY, True),
        ({}, date(2019, 12, 31), False),
        ({"valid": ENDED}, DAY, True),
        ({"valid": ENDED}, date(2026, 10, 16), False),
        ({"status": "left"}, DAY, False),
        ({"account": "closed"}, DAY, False),
        # Who left on a day that is past was there before it, however late the day is told.
        ({"status": "left", "account": "closed", "valid": ENDED}, DAY, True),
        ({"status": "left", "account": "closed", "valid": ENDED}, date(2026, 10, 16), False),
        # A last day to come does not say when the account was closed.
        ({"account": "closed", "valid": ENDS}, DAY, False),
        ({"name": "", "valid": ENDED}, DAY, False),
    ],
)
async def test_who_is_in_service_on_a_day(database: Database, changes: dict[str, Any], day: date, active: bool) -> None:
    said = {"officer_id": new_id(), "kind": "officer", "name": "测试", "employer": new_id(), "full_time": True}
    states = {"status": "active", "account": "open", "valid": ALWAYS}
    await tell(database, OfficerV1.model_validate(said | states | changes))
    query = text(f"SELECT {active_on('o', ':day', ':today')} FROM known_officer o")
    async with database.engine.connect() as connection:
        assert await connection.scalar(query, {"day": day, "today": TODAY}) is active
