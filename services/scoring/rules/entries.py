"""What the evaluator reads: ledger entries of one officer and where he was posted."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from services.scoring.rules.workdays import Calendar

# Entry kind (before the colon) → the fact that says it; a line whose facts nobody publishes is shown as such.
FACTS: Mapping[str, str] = {
    "activity": "fieldwork.activity_verified",
    "presence_day": "fieldwork.presence_day_updated",
    "attendance": "fieldwork.attendance_judged",
    "knowledge": "fieldwork.knowledge_tested",
    "finding": "fieldwork.finding_recorded",
    "nothing_certified": "fieldwork.nothing_certified",
    "group": "personnel.group",
    "conduct": "personnel.conduct_decided",
    "report": "intel.report_filed",
}


class Entry(NamedTuple):
    """One thing known of one officer, merged from its facts.

    `attributes` are the fact's own fields, `details` nested as sent. `until` is the last day of what lasts (a
    group, a certified month). `own` is false outside the officer's villages or dates (C-39).
    """

    id: UUID
    kind: str
    state: str
    officer_id: UUID | None
    village: str | None
    day: date
    occurred_at: datetime
    quantity: Decimal = Decimal(1)
    matter_id: UUID | None = None
    target: str | None = None
    attributes: Mapping[str, Any] = MappingProxyType({})
    verified: bool = True
    own: bool = True
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Period:
    """Days from `first` to `last`, both included."""

    first: date
    last: date

    def __contains__(self, day: object) -> bool:
        return isinstance(day, date) and self.first <= day <= self.last

    @property
    def days(self) -> int:
        """How many days it has."""
        return (self.last - self.first).days + 1


@dataclass(frozen=True, slots=True)
class Stay:
    """A village an officer is posted to, from the first to the last day; open while `last` is None."""

    village: str
    first: date
    last: date | None = None


@dataclass(frozen=True, slots=True)
class Context:
    """Whose sheet, for which days, where he was posted, which facts anybody publishes.

    `calendar` is needed only where a rubric counts working days.
    """

    officer_id: UUID
    period: Period
    stays: tuple[Stay, ...]
    connected: frozenset[str] = frozenset(FACTS.values())
    calendar: Calendar = field(default_factory=Calendar)


def spells(valid: Period, told: Sequence[tuple[date, str]]) -> Iterator[tuple[str, Period]]:
    """Yield each state something was in and for which days: what was told first holds from its beginning.

    What is told later holds from that day on, so that a change takes nothing from the months before it.
    """
    begins = [valid.first, *(max(valid.first, day) for day, _ in told[1:])]
    ends = [*(min(valid.last, day - timedelta(days=1)) for day in begins[1:]), valid.last]
    for (_, state), first, last in zip(told, begins, ends, strict=True):
        if first <= last:
            yield state, Period(first, last)
