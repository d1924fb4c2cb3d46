"""Citizen numbers (GB 11643) and how they and phone numbers are shown."""

import re
from datetime import date

from shared.clock import shanghai_day, system_clock

EARLIEST_BIRTH = date(1900, 1, 1)
_SHAPE = re.compile(r"[1-9][0-9]{16}[0-9X]")
_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
_CHECK_DIGITS = "10X98765432"


def is_citizen_number(text: str) -> bool:
    """Whether the text is a citizen number with a birth date from 1900 to today and the right check digit."""
    number = text.upper()
    return bool(_SHAPE.fullmatch(number)) and _has_birth_date(number) and _check_digit(number) == number[17]


def normal_citizen_number(text: str) -> str:
    """The one way to write it, for sealing and the blind index; ValueError (which never repeats it) if it is none."""
    number = text.strip().upper()
    if not is_citizen_number(number):
        raise ValueError("not a citizen number")
    return number


def mask_citizen_number(number: str) -> str:
    """410***********123X → what an answer may show; anything of another length is hidden whole."""
    return f"{number[:3]}{'*' * 11}{number[-4:]}" if len(number) == 18 else "*" * len(number)


def mask_phone(phone: str) -> str:
    """138****8000; anything of another length is hidden whole."""
    return f"{phone[:3]}****{phone[-4:]}" if len(phone) == 11 else "*" * len(phone)


def _check_digit(number: str) -> str:
    total = sum(int(digit) * weight for digit, weight in zip(number[:17], _WEIGHTS, strict=True))
    return _CHECK_DIGITS[total % 11]


def _has_birth_date(number: str) -> bool:
    try:
        born = date(int(number[6:10]), int(number[10:12]), int(number[12:14]))
    except ValueError:
        return False
    return EARLIEST_BIRTH <= born <= shanghai_day(system_clock())
