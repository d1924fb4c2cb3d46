"""Working days: a year that no calendar tells of is unknown, and so is what depends on it (C-16)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date

NO_CALENDAR = "no_calendar"
"""Why an entry cannot be judged; behind a slash the first year that is missing."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """The days off (weekends and holidays, without those worked instead) of each year that is known."""

    days_off: Mapping[int, frozenset[date]] = field(default_factory=dict)

    def worked(self, after: date, until: date) -> int:
        """How many working days lie after one day up to another, in the years that are known."""
        years = (year for year in range(after.year, until.year + 1) if year in self.days_off)
        return sum(self._worked_in(year, after, until) for year in years)

    def missing(self, after: date, until: date) -> int | None:
        """The first year between the days that nothing is known of."""
        return next((year for year in range(after.year, until.year + 1) if year not in self.days_off), None)

    def _worked_in(self, year: int, after: date, until: date) -> int:
        before, last = max(after, date(year - 1, 12, 31)), min(until, date(year, 12, 31))
        return (last - before).days - sum(before < day <= last for day in self.days_off[year])


def missing_year(why: str | None) -> str | None:
    """The year whose absence keeps an entry from being judged; None when that is not the reason."""
    code, _, year = (why or "").partition("/")
    return year if code == NO_CALENDAR else None
