"""Jurisdiction is a prefix of the statistical division code, cut only between province, city, county, town, village."""

from typing import Any

from sqlalchemy import ColumnElement, and_, true

_BOUNDARIES = (2, 4, 6, 9, 12)


def normal_division(code: str) -> str:
    """The code without its zero padding: 411600000000 → 4116, 411622000 → 411622; "" is the whole nation."""
    if code == "":
        return code
    if len(code) not in _BOUNDARIES or not (code.isascii() and code.isdecimal()) or code.startswith("00"):
        raise ValueError("a division code has 2, 4, 6, 9 or 12 digits and begins with a province")
    for shorter, longer in zip(reversed(_BOUNDARIES[:-1]), reversed(_BOUNDARIES), strict=False):
        # Cut only what is padding as a whole: 441900003 (a town straight under a city) keeps its "00".
        if len(code) == longer and set(code[shorter:]) == {"0"}:
            code = code[:shorter]
    return code


def covers(division: str, code: str) -> bool:
    """Whether a division contains the place with this code."""
    return code.startswith(normal_division(division))


def within(column: ColumnElement[Any], division: str) -> ColumnElement[bool]:
    """SQL condition: the division code in `column` lies inside `division`. A range, so that an index serves it."""
    prefix = normal_division(division)
    if not prefix:
        return true()
    # Digits sort alike in every collation and a shorter text before a longer one, so this is "starts with".
    return and_(column >= prefix, column < str(int(prefix) + 1).zfill(len(prefix)))
