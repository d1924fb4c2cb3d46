"""Time: stored in UTC, days and months of a scheme in Asia/Shanghai; the clock is always injected."""

from collections.abc import Callable
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]

SHANGHAI = ZoneInfo("Asia/Shanghai")


def system_clock() -> datetime:
    """Now, aware, in UTC."""
    return datetime.now(UTC)


def shanghai_day(instant: datetime) -> date:
    """The calendar day in Asia/Shanghai on which the instant falls; the instant must be aware."""
    if instant.tzinfo is None:
        raise ValueError("an instant needs an offset")
    return instant.astimezone(SHANGHAI).date()
