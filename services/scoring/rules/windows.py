"""Months and longer windows of a quota: each is judged once, in the period in which it ends."""

from calendar import monthrange
from collections.abc import Iterable
from datetime import date
from fractions import Fraction

from services.scoring.rubric import Choice, Rubric, Shortfall
from services.scoring.rules.entries import Period, Stay

MONTHS = {"month": 1, "quarter": 3, "half_year": 6, "year": 12}


def window_of(day: date, months: int) -> Period:
    """Return the window of so many months around `day`, counted from January."""
    first = (day.month - 1) // months * months + 1
    last = first + months - 1
    return Period(date(day.year, first, 1), date(day.year, last, monthrange(day.year, last)[1]))


def windows_of(period: Period, months: int) -> list[Period]:
    """Return the windows that end within the period."""
    windows = []
    window = window_of(period.first, months)
    while window.last <= period.last:
        windows.append(window)
        window = window_of(date.fromordinal(window.last.toordinal() + 1), months)
    return windows


def month_key(day: date) -> tuple[int, int]:
    """Name the calendar month of a day."""
    return day.year, day.month


def share(window: Period, stays: Iterable[Stay]) -> Fraction:
    """Return which part of the window the officer was posted for; overlapping postings count once."""
    first, last = window.first.toordinal(), window.last.toordinal()
    days: set[int] = set()
    for stay in stays:
        start = max(first, stay.first.toordinal())
        end = min(last, stay.last.toordinal()) if stay.last else last
        if (start, end) == (first, last):
            return Fraction(1)
        days.update(range(start, end + 1))
    return Fraction(len(days), window.days)


def posted(window: Period, stay: Stay) -> bool:
    """True when the posting touches the window."""
    return stay.first <= window.last and (stay.last is None or stay.last >= window.first)


def measure_period(rubric: Rubric, day: date) -> Period:
    """Return the period whose sheet holds `day`; only for a rubric that says how long one is (C-08)."""
    return window_of(day, MONTHS[rubric.readings[rubric.measure_period].get()])


def end_of_periods(months: Iterable[date]) -> date:
    """Return a day after which no measure period of these months goes on: none leaves its calendar year."""
    return date(max(months, default=date.min).year, 12, 31)


def evidence_from(rubric: Rubric, period: Period) -> date:
    """Return the first day of evidence a sheet of the period needs: quotas may reach back before it."""
    lengths = {1, *(part.months.get() for part in _shortfalls(rubric))}
    return min(window_of(period.first, months).first for months in lengths)


def _shortfalls(rubric: Rubric) -> Iterable[Shortfall]:
    for line in rubric.lines.values():
        for part in line.parts.values():
            ways = part.readings.values() if isinstance(part, Choice) else (part,)
            yield from (way for way in ways if isinstance(way, Shortfall))
