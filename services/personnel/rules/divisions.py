"""What a division code says (E-52, E-53)."""

from typing import Literal

Level = Literal["province", "city", "county", "township", "village"]
VillageKind = Literal["village_committee", "residents_committee", "similar", "none"]

DIGITS: dict[Level, int] = {"province": 2, "city": 4, "county": 6, "township": 9, "village": 12}
"""Digits of a code by level, without its zero padding."""


def padded(code: str) -> str:
    """The code with 12 digits."""
    return code.ljust(12, "0")


def fits_level(code12: str, level: Level) -> bool:
    """Whether a padded code can be that of a division of this level."""
    return code12 == padded(code12[: DIGITS[level]])


def is_village(code12: str) -> bool:
    """Whether a code is a village's own and not a higher division's, padded."""
    return not code12.endswith("000")


def village_kind(code12: str, level: Level) -> VillageKind:
    """The kind by the last three digits (E-53), never by a word in the name (C-41); "none" above the village."""
    if level != "village" or not is_village(code12):
        return "none"
    number = int(code12[-3:])
    if number < 200:
        return "residents_committee"
    return "village_committee" if number < 400 else "similar"
