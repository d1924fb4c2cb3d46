"""What is entered days after it happened is marked; it is refused only after the days a scheme allows (I-201)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from services.fieldwork.errors.items import TooLate
from services.fieldwork.service.kinds import Kinds


def require_in_time(kinds: Kinds, schemes: Sequence[str], day: date, today: date) -> None:
    """Raises `TooLate` after the longest time that a scheme bound there gives; none while nobody has said."""
    limits = kinds.late_after(schemes)
    if limits and None not in limits and days_late(day, today) > max(limit for limit in limits if limit):
        raise TooLate("已超过方案规定的登记期限,请联系派出所")


def days_late(day: date, today: date) -> int:
    """How many days lie between what happened and its record."""
    return max((today - day).days, 0)
