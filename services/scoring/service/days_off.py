"""The working days of China: as published and packaged, and as a deployer adds them for the years that are not yet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Annotated

import chinese_calendar
import structlog
from chinese_calendar.constants import holidays as published
from pydantic import BaseModel, ConfigDict, Field, RootModel, model_validator

from services.scoring.rules import Calendar
from shared.observability.metrics import SCHEME_BROKEN
from shared.schemes import Finding, SchemeError
from shared.schemes.documents import read_document
from shared.schemes.loader import validate
from shared.values import Day

FILE = "calendar.yaml"
"""In the folder of scheme decisions: `2027: {holidays: [2027-01-01, …], workdays: [2027-01-03, …]}`."""

log = structlog.get_logger(__name__)


class _Year(BaseModel):
    """What the State Council announces: days off from Monday to Friday, weekend days that are worked."""

    model_config = ConfigDict(extra="forbid")

    holidays: list[Day]
    workdays: list[Day] = []


class DaysOffFile(RootModel[dict[Annotated[int, Field(ge=2000, le=2199)], _Year]]):
    """The years of calendar.yaml."""

    @model_validator(mode="after")
    def _holds_together(self) -> DaysOffFile:
        for number, year in self.root.items():
            if any(day.year != number for day in (*year.holidays, *year.workdays)):
                raise ValueError(f"{number}: a day of another year")
            if any(day.isoweekday() < 6 for day in year.workdays):
                raise ValueError(f"{number}: workdays are the Saturdays and Sundays that are worked")
            if set(year.holidays) & set(year.workdays):
                raise ValueError(f"{number}: a day cannot be both a holiday and a workday")
        return self


@dataclass(frozen=True)
class DaysOff:
    """The calendar in use, and a digest that tells when it has changed."""

    calendar: Calendar

    @property
    def version(self) -> str:
        """The same for the same days."""
        days = sorted(day.isoformat() for year in self.calendar.days_off.values() for day in year)
        return sha256(" ".join([*map(str, sorted(self.calendar.days_off)), *days]).encode()).hexdigest()


def read_days_off(folder: Path | None) -> DaysOff:
    """The packaged years, and those of the deployer's file over them; while that is broken, without it."""
    try:
        added = _added(folder)
    except SchemeError as error:
        log.error("calendar.unusable", error=str(error))
        SCHEME_BROKEN.labels("scoring", FILE).set(1)
        added = {}
    return DaysOff(Calendar(dict(_packaged()) | added))


def faults_of_days_off(folder: Path | None) -> Sequence[Finding]:
    """What is wrong with the deployer's file."""
    try:
        _added(folder)
    except SchemeError as error:
        return error.findings
    return ()


def _added(folder: Path | None) -> dict[int, frozenset[date]]:
    file = folder / FILE if folder else None
    if file is None or not file.is_file():
        return {}
    told = validate(read_document(file), DaysOffFile)
    return {number: frozenset(_off(number, year)) for number, year in told.root.items()}


def _off(number: int, year: _Year) -> Iterator[date]:
    day = date(number, 1, 1)
    while day.year == number:
        if day in year.holidays or (day.isoweekday() > 5 and day not in year.workdays):
            yield day
        day += timedelta(days=1)


@cache
def _packaged() -> dict[int, frozenset[date]]:
    years = range(min(published).year, max(published).year + 1)
    return {year: frozenset(chinese_calendar.get_holidays(date(year, 1, 1), date(year, 12, 31))) for year in years}
