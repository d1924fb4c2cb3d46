from __future__ import annotations

import asyncio
from uuid import UUID

import pytest

from services.personnel.schemas.items import OfficerItem
from services.personnel.service.officers import Officers
from tests.personnel.support import WHY, Body, Personnel, officer, organisation

# Made up, with a right check digit; the area code 999999 is nobody's.
CITIZEN_NUMBER = "999999199001010016"
PHONE = "13800138000"


@pytest.fixture
async def auxiliary(personnel: Personnel) -> Body:
    station = organisation()
    await personnel.store("organisations", station)
    body = officer(station, phone=PHONE, citizen_number=CITIZEN_NUMBER)
    await personnel.store("officers", body)
    return body


async def read(personnel: Personnel, auxiliary: Body) -> Body:
    answer: Body = (await personnel.get(f"/v1/officers/{auxiliary['officer_id']}")).json()
    return answer


async def everything_kept(personnel: Personnel) -> str:
    tables = ("officer", "officer_number", "audit", "outbox")
    return " ".join([str(await personnel.rows(f"SELECT t::text AS row FROM {table} t")) for table in tables])


async def test_numbers_are_masked_in_answers(personnel: Personnel, auxiliary: Body) -> None:
    answer = await read(personnel, auxiliary)

    assert (answer["phone"], answer["citizen_number"]) == ("138****8000", "999***********0016")


async def test_numbers_stand_nowhere_in_clear(personnel: Personnel, auxiliary: Body) -> None:
    bodies = str(await personnel.facts("personnel.officer"))

    assert len(await personnel.rows("SELECT 1 FROM officer_number")) == 2
    for number in (PHONE, CITIZEN_NUMBER):
        assert number not in await everything_kept(personnel)
        assert number.encode().hex() not in await everything_kept(personnel)
        assert number not in bodies


async def test_an_officer_is_found_by_number(personnel: Personnel, auxiliary: Body) -> None:
    async def found(caller: str, **number: str) -> Body:
        answer: Body = (await personnel.call("POST", "/v1/officers/search", caller=caller, json=number)).json()
        return answer

    assert await found("411622", phone=PHONE) == {"officers": [auxiliary["officer_id"]]}
    assert await found("411622", citizen_number=CITIZEN_NUMBER) == {"officers": [auxiliary["officer_id"]]}
    assert await found("430903", phone=PHONE) == {"officers": []}
    assert await found("411622", phone="13900139000") == {"officers": []}


async def test_the_same_numbers_again_change_nothing(personnel: Personnel, auxiliary: Body) -> None:
    before = await personnel.rows("SELECT sealed FROM officer_number ORDER BY kind")

    (outcome,) = await personnel.put_all("officers", [auxiliary])

    assert outcome["outcome"] == "unchanged"
    assert await personnel.rows("SELECT sealed FROM officer_number ORDER BY kind") == before


async def test_an_absent_number_is_kept_and_null_empties_it(personnel: Personnel, auxiliary: Body) -> None:
    without = {name: value for name, value in auxiliary.items() if name != "citizen_number"}

    (outcome,) = await personnel.put_all("officers", [without | {"phone": None}])

    answer = await read(personnel, auxiliary)
    assert outcome["outcome"] == "changed"
    assert (answer["phone"], answer["citizen_number"]) == (None, "999***********0016")
    assert len(await personnel.facts("personnel.officer")) == 1  # numbers are in no fact, so there is nothing to say


async def test_erasure_empties_everything_personal_and_tells_the_readers(personnel: Personnel, auxiliary: Body) -> None:
    answer = await personnel.call("POST", f"/v1/officers/{auxiliary['officer_id']}/erasure", json=WHY)

    assert answer.status_code == 200
    erased = answer.json()
    assert (erased["name"], erased["badge"], erased["phone"], erased["citizen_number"]) == ("", None, None, None)
    assert erased["erased_at"] is not None
    last = (await personnel.facts("personnel.officer", auxiliary["officer_id"]))[-1]
    assert last["name"] == ""
    assert "badge" not in last
    assert last["employer"] == auxiliary["employer"]
    assert await personnel.rows("SELECT 1 FROM officer_number") == []
    audited = await personnel.rows("SELECT object FROM audit WHERE action = 'personnel.officer.erase'")
    assert audited == [{"object": auxiliary["officer_id"]}]


async def test_erasing_twice_says_it_once(personnel: Personnel, auxiliary: Body) -> None:
    for _ in range(2):
        await personnel.call("POST", f"/v1/officers/{auxiliary['officer_id']}/erasure", json=WHY)

    assert len(await personnel.facts("personnel.officer")) == 2


async def test_an_erased_officer_is_never_filled_again(personnel: Personnel, auxiliary: Body) -> None:
    await personnel.call("POST", f"/v1/officers/{auxiliary['officer_id']}/erasure", json=WHY)

    answer = await personnel.put(f"/v1/officers/{auxiliary['officer_id']}", auxiliary)

    assert (answer.status_code, answer.json()["code"]) == (409, "personnel.officer_erased")
    assert (await read(personnel, auxiliary))["name"] == ""


async def test_who_writes_an_officer_while_he_is_erased_is_refused(personnel: Personnel, auxiliary: Body) -> None:
    async with personnel.unit() as states:
        await Officers(states).erase(UUID(auxiliary["officer_id"]), "测试")
        writing = asyncio.create_task(personnel.put_all("officers", [auxiliary | {"name": "另一名字"}]))
        await personnel.until_blocked(writing)

    assert (await writing)[0]["problem"]["code"] == "personnel.officer_erased"
    assert (await read(personnel, auxiliary))["name"] == ""


async def test_an_erasure_takes_what_is_just_being_written(personnel: Personnel, auxiliary: Body) -> None:
    without = {name: value for name, value in auxiliary.items() if name != "citizen_number"}
    await personnel.store("officers", without | {"phone": None})
    async with personnel.unit() as states:
        await states.put(OfficerItem, [OfficerItem.model_validate(without | {"name": "另一名字"})])
        erasing = asyncio.create_task(
            personnel.call("POST", f"/v1/officers/{auxiliary['officer_id']}/erasure", json=WHY)
        )
        await personnel.until_blocked(erasing)

    assert (await erasing).json()["phone"] is None
    assert await personnel.rows("SELECT name FROM officer WHERE name <> ''") == []
    assert await personnel.rows("SELECT 1 FROM officer_number") == []


async def test_of_two_erasures_at_once_one_is_published(personnel: Personnel, auxiliary: Body) -> None:
    async with personnel.unit() as states:
        await Officers(states).erase(UUID(auxiliary["officer_id"]), "测试")
        again = asyncio.create_task(personnel.call("POST", f"/v1/officers/{auxiliary['officer_id']}/erasure", json=WHY))
        await personnel.until_blocked(again)

    assert (await again).json()["name"] == ""
    assert len(await personnel.facts("personnel.officer")) == 2
