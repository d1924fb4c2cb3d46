"""The plan of the county and of its month: whole, the same every time, and wrong only where it means to be."""

import subprocess
import sys
from collections import Counter
from hashlib import sha256

import orjson
import pytest
from pydantic import BaseModel

from demo.county import COUNTY, TERMS, County, xihua
from demo.month import BATCH, Month, plan_month
from demo.presence import ROSTERED_DAYS
from demo.rates import RATES
from services.fieldwork.schemas.given import Activity, Arrival, Departure, Reject, Verify
from services.fieldwork.scheme import FieldworkScheme
from shared.schemes.loader import load_scheme


@pytest.fixture(scope="module")
def county() -> County:
    return xihua()


@pytest.fixture(scope="module")
def month(county: County) -> Month:
    return plan_month(county)


def test_the_county_has_its_official_divisions(county: County) -> None:
    assert len(county.stations) == 24
    assert len(county.villages) == len({village.code for village in county.villages}) == 480
    assert all(village.code.startswith(COUNTY) for village in county.villages)


def test_staff_is_what_the_county_published_and_leaves_28_gaps(county: County) -> None:
    assert (len(county.officers), len(county.auxiliaries), len(county.heads)) == (64, 452, 24)
    assert len({person.place for person in county.auxiliaries}) == 452
    assert len(county.gaps) == 28
    assert len({person.officer_id for person in county.people}) == len({p.badge for p in county.people}) == 540


def test_areas_hold_every_village_once_in_code_order_inside_one_township(county: County) -> None:
    held = [village.code for area in county.areas for village in area.villages]
    assert len(county.areas) == 64
    assert held == sorted(village.code for village in county.villages)
    assert all(v.code.startswith(area.station.township.code) for area in county.areas for v in area.villages)


def test_no_township_has_more_areas_than_a_larger_one(county: County) -> None:
    areas = Counter(area.station for area in county.areas)
    villages = Counter(area.station for area in county.areas for _ in area.villages)
    assert all(areas[a] <= areas[b] for a in areas for b in areas if villages[a] < villages[b])


def test_names_are_plainly_made_up(county: County) -> None:
    assert len(set(TERMS)) == 24
    assert all(person.name.startswith(("示例警员", "示例所长·", "演示辅警·")) for person in county.people)


def test_the_month_is_a_twelfth_of_the_published_year(month: Month) -> None:
    kinds = Counter(work.item["kind"] for work in month.activities)
    assert kinds["household_visit"] == 30_168
    assert kinds["dispute"] == 201
    hazards = Counter(w.item["details"]["category"] for w in month.activities if w.item["kind"] == "hazard")
    assert hazards["public_order"] == 153
    assert sum(kinds.values()) == sum(rate.in_month(1.0) for rate in RATES) + 1


def test_a_share_of_the_month_keeps_the_roster_whole(county: County) -> None:
    small = plan_month(county, 0.02)
    visits = [work for work in small.activities if work.item["kind"] == "household_visit"]
    assert len(visits) == 603
    assert len(small.roster) == 452 * ROSTERED_DAYS
    assert small.overruled.officer != small.unsettled.officer


def test_the_month_is_the_same_in_another_process() -> None:
    other = {"PYTHONHASHSEED": "7", "PYTHONPATH": ":".join(sys.path)}
    program = "from tests.demo.test_plan import digest; print(digest())"
    answer = subprocess.run([sys.executable, "-c", program], env=other, capture_output=True, text=True, check=True)
    assert answer.stdout.strip() == digest()


def test_the_work_is_uneven_enough_for_a_scoreboard(month: Month) -> None:
    visits = Counter(work.officer for work in month.activities if work.item["kind"] == "household_visit")
    below_quota = [person for person in month.county.auxiliaries if visits[person] < 20]
    absent = {duty.person for duty in month.roster if not duty.came}
    assert 20 < len(below_quota) < 120
    assert 40 < len(absent) < 200


def test_every_item_is_as_fieldwork_takes_it(month: Month) -> None:
    models: dict[str, type[BaseModel]] = {"activity": Activity, "arrival": Arrival, "departure": Departure}
    for work in month.work:
        models[work.item["type"]].model_validate(work.item)


def test_every_activity_fits_its_kind_in_the_scheme(month: Month) -> None:
    kinds = load_scheme("wenquan", "fieldwork", FieldworkScheme).value.kinds
    for item in (work.item for work in month.activities):
        assert item["unit"] in kinds[item["kind"]].units
        assert kinds[item["kind"]].faults(item["details"]) == []


def test_every_verdict_is_as_fieldwork_takes_it_and_never_the_authors_own(month: Month) -> None:
    author = {work.item["id"]: work.officer.officer_id for work in month.activities}
    for verdict in month.verdicts():
        taken = (Verify if verdict["verdict"] == "verify" else Reject).model_validate(verdict)
        assert taken.verified_by != author[verdict["activity_id"]]


def test_most_work_is_verified_some_rejected_some_still_waiting(month: Month) -> None:
    fates = Counter(work.fate for work in month.activities)
    assert 0.90 < fates["verify"] / len(month.activities) < 0.94
    assert fates["reject"] > 500
    assert fates["wait"] > 500


def test_batches_hold_everything_out_of_order_and_some_of_it_twice(month: Month) -> None:
    batches = list(month.batches())
    sent = [item["id"] for batch in batches for item in batch]
    assert all(len(batch) <= BATCH for batch in batches)
    assert set(sent) == {work.item["id"] for work in month.work} | {bad.item["id"] for bad in month.bad}
    assert len(sent) > len(set(sent)) + 2 * BATCH
    assert sent[:BATCH] != [work.item["id"] for work in month.work[:BATCH]]


def test_bad_items_are_bad_in_five_ways_and_nothing_else_is(month: Month) -> None:
    assert len({bad.code for bad in month.bad}) == 5
    good = {work.item["id"] for work in month.work}
    assert len(good) == len(month.work)
    assert not good & {bad.item["id"] for bad in month.bad}
    assert month.clash.item["id"] in good


def test_only_villages_without_a_dispute_are_quiet(month: Month) -> None:
    loud = {work.village for work in month.activities if work.item["kind"] == "dispute"}
    assert set(month.quiet_villages()) == {village.code for village in month.county.villages} - loud


def digest() -> str:
    month = plan_month(xihua(), 0.02)
    items = [work.item for work in month.work] + list(month.verdicts())
    return sha256(orjson.dumps([items, list(month.batches())])).hexdigest()
