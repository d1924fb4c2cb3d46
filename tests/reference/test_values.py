"""The forms of instants, days, quantities and identifiers that every service takes."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import RFC_4122

import pytest
from pydantic import TypeAdapter, ValidationError

from shared.identifiers import Badge, ForeignSystem, normal_village
from shared.ids import county_id, county_in, foreign_id, is_derived, new_id
from shared.values import Day, Instant, Quantity

INSTANT, QUANTITY, DAY = TypeAdapter[datetime](Instant), TypeAdapter[Decimal](Quantity), TypeAdapter[date](Day)


@pytest.mark.parametrize(
    "text", ["2026-10-01T08:00:00+08:00", "2026-10-01T00:00:00Z", "2026-10-01T00:00:00.000000000Z"]
)
def test_an_instant_is_rfc_3339_with_seconds_and_offset(text: str) -> None:
    assert INSTANT.validate_python(text) == datetime(2026, 10, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "other",
    [
        1792544400,
        "1792544400",
        "2026-10-01 08:00:00Z",
        " 2026-10-01T08:00:00Z",
        "2026-10-01T08:00:00+0800",
        "2026-10-01T08:00:00",
        "2026-10-01T25:00:00Z",
        "2026-02-30T00:00:00Z",
        "1999-12-31T23:59:59Z",
        "２０２６-10-01T08:00:00Z",
        None,
    ],
)
def test_nothing_else_is_an_instant(other: Any) -> None:
    with pytest.raises(ValidationError):
        INSTANT.validate_python(other)


def test_javas_missing_seconds_are_told_by_name() -> None:
    with pytest.raises(ValidationError, match="Java"):
        INSTANT.validate_python("2026-10-01T08:00+08:00")


@pytest.mark.parametrize("given", [1, "1", "1.0", "1.000"])
def test_a_quantity_is_a_decimal_text_or_an_integer(given: Any) -> None:
    assert QUANTITY.validate_python(given) == 1


@pytest.mark.parametrize("other", [1.5, True, "1e3", "１２", "1_000", "+1", " 1", "0", 0, -1, "1.0001", 10**12, "NaN"])
def test_nothing_else_is_a_quantity(other: Any) -> None:
    with pytest.raises(ValidationError):
        QUANTITY.validate_python(other)


@pytest.mark.parametrize("other", [86400, "86400", "2026-10-01T00:00:00", "20261001", "2026-13-01"])
def test_nothing_but_a_date_is_a_day(other: Any) -> None:
    assert DAY.validate_python("2026-10-01") == date(2026, 10, 1)
    with pytest.raises(ValidationError):
        DAY.validate_python(other)


@pytest.mark.parametrize("written", ["XHF0001", "xhf0001", "ＸＨＦ０００１", " xhf0001 "])
def test_a_badge_is_one_however_it_is_written(written: str) -> None:
    assert TypeAdapter[str](Badge).validate_python(written) == "XHF0001"


@pytest.mark.parametrize("code", ["411622001002", "411622001002001", " 411622001002"])
def test_a_village_is_named_by_twelve_or_fifteen_digits(code: str) -> None:
    assert normal_village(code) == "411622001002"


@pytest.mark.parametrize("other", ["4116220010021", "411622001", "41162200100a", ""])
def test_nothing_is_cut_off_silently(other: str) -> None:
    assert normal_village(other) is None


def test_an_items_id_is_its_countys_alone_and_nobody_elses_kind_of_id() -> None:
    own = county_id("411622", "app", "A-1")
    assert own == county_id("411622", "app", "A-1")
    assert (
        len({own, county_id("411623", "app", "A-1"), county_id("411622", "ap", "pA-1"), foreign_id("app", "A-1")}) == 4
    )
    assert [is_derived(id) for id in (own, new_id(), foreign_id("app", "A-1"))] == [True, False, False]
    assert [county_in(id) for id in (own, county_id("999999", "a", "b"), county_id("011622", "a", "b"), new_id())] == [
        *("411622", "999999", "011622"),
        None,
    ]
    assert own.variant == RFC_4122


@pytest.mark.parametrize("system", ["fieldwork.activity", "Intel", "ｃｕｎｊｉｎｇ.x", " scoring "])
def test_the_names_of_our_own_services_are_nobodys_system(system: str) -> None:
    with pytest.raises(ValidationError, match="保留"):
        TypeAdapter[str](ForeignSystem).validate_python(system)


@pytest.mark.parametrize("system", ["cunjing-demo", "provincial-app", "intelligence"])
def test_other_systems_may_sound_alike(system: str) -> None:
    assert TypeAdapter[str](ForeignSystem).validate_python(system) == system
