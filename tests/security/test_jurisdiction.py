"""Where somebody's jurisdiction ends."""

from collections.abc import Callable

import pytest
from sqlalchemy import Column, MetaData, Table, Text, select, text
from sqlalchemy.ext.asyncio import create_async_engine

from shared.security.jurisdiction import covers, normal_division, within

PLACES = (
    "41",
    "4116",
    "411600000000",
    "411622",
    "411622000000",
    "411622102",
    "411622102000",
    "411622102201",
    "411623000000",
    "411700000000",
    "441900003000",
    "461000000000",
)


@pytest.mark.parametrize(
    ("code", "normal"),
    [
        ("", ""),
        ("41", "41"),
        ("410000", "41"),
        ("410000000000", "41"),
        ("411600000000", "4116"),
        ("411622000", "411622"),
        ("411622000000", "411622"),
        ("411622102000", "411622102"),
        ("411622100000", "411622100"),
        ("411622102201", "411622102201"),
        ("441900003", "441900003"),
        ("441900003000", "441900003"),
        ("441900003001", "441900003001"),
        ("419001000000", "419001"),
    ],
)
def test_padding_is_cut_only_between_levels(code: str, normal: str) -> None:
    assert normal_division(code) == normal


@pytest.mark.parametrize(
    "code",
    [
        "4",
        "411",
        "41162",
        "4116220",
        "4116221020",
        "4116221022011",
        "00",
        "000000000000",
        "4116%",
        "41162_",
        "４１",
        "abcdef",
    ],
)
def test_anything_else_is_refused(code: str) -> None:
    with pytest.raises(ValueError, match="division code"):
        normal_division(code)


def test_a_county_covers_its_villages_and_no_other_county() -> None:
    assert covers("411622", "411622102201")
    assert covers("411622000000", "411622000000")
    assert covers("", "411622102201")
    assert not covers("411622", "411623102201")
    assert not covers("411622", "4116")
    assert not covers("411622", "")


async def test_the_sql_condition_agrees_with_covers(make_database: Callable[[], str]) -> None:
    place = Table("place", MetaData(), Column("code", Text))
    engine = create_async_engine(make_database())
    divisions = ["", "41", "4116", "411622", "411622102", "411622102201", "411600000000", "4419", "44", "46"]
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE place (code text)"))
        await connection.execute(place.insert(), [{"code": code} for code in PLACES])
        for division in divisions:
            query = select(place.c.code).where(within(place.c.code, division))
            found = set((await connection.execute(query)).scalars())
            assert found == {code for code in PLACES if covers(division, code)}, division
    await engine.dispose()
