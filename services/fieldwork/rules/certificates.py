"""When a month may be certified as quiet (A-202)."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Literal

From = Literal["first_day", "last_day", "month_over"]


def last_day(first_day: date) -> date:
    """The last day of a month that begins with this day."""
    return (first_day + timedelta(days=31)).replace(day=1) - timedelta(days=1)


def may_be_certified(certify_from: From | None, first_day: date, today: date) -> bool:
    """Whether the month has come far enough; while the scheme leaves it open only a month that is over has."""
    match certify_from:
        case "first_day":
            return today >= first_day
        case "last_day":
            return today >= last_day(first_day)
        case _:
            return today > last_day(first_day)
