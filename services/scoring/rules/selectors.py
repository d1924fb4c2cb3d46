"""Selectors of a rubric compiled to plain functions over entries."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone
from typing import Any

from services.scoring.rubric import Check, Condition, Conditions, Rubric, Selector, Within
from services.scoring.rules.entries import Context, Entry, Period
from services.scoring.rules.workdays import NO_CALENDAR

# A scheme's days are China's days.
_CHINA = timezone(timedelta(hours=8))

Predicate = Callable[[Entry], bool]
# Why an entry does not count; None when it does.
Judge = Callable[[Entry, Context], str | None]
Judged = tuple[Entry, str | None]

UNDECIDED = "reading_undecided"


@dataclass(frozen=True, slots=True)
class CompiledSelector:
    """`belongs` says whether an entry is meant at all, `judge` why it does not count; `open` names rules it lacks."""

    kind: str
    belongs: Predicate
    judge: Judge
    open: tuple[str, ...]


class Evidence:
    """The entries of one officer, ordered, with each selector run at most once.

    `everybody` has in addition what others did about matters of his villages: it disturbs a quiet month, no more.
    """

    def __init__(
        self,
        entries: Iterable[Entry],
        selectors: Mapping[str, CompiledSelector],
        context: Context,
        everybody: "Evidence | None" = None,
    ) -> None:
        self.context = context
        self.everybody = everybody or self
        self._selectors = selectors
        self._by_kind: dict[str, list[Entry]] = {}
        self._found: dict[str, list[Judged]] = {}
        for entry in sorted(entries, key=lambda entry: (entry.occurred_at, entry.id.int)):
            self._by_kind.setdefault(entry.kind, []).append(entry)

    def find(self, name: str) -> list[Judged]:
        """Return the entries a selector means, each with the reason it does not count."""
        found = self._found.get(name)
        if found is None:
            selector = self._selectors[name]
            belongs, judge, context = selector.belongs, selector.judge, self.context
            entries = self._by_kind.get(selector.kind, ())
            found = self._found[name] = [(entry, judge(entry, context)) for entry in entries if belongs(entry)]
        return found

    def within(self, name: str, period: Period) -> list[Judged]:
        """Return what a selector means on the days of a period."""
        return [judged for judged in self.find(name) if touches(judged[0], period)]

    def open_readings(self, name: str) -> tuple[str, ...]:
        """Name the open rules without which this selector cannot judge."""
        return self._selectors[name].open


def touches(entry: Entry, period: Period) -> bool:
    """True when the entry happened or lasted within the period."""
    return entry.day <= period.last and (entry.until or entry.day) >= period.first


def compile_selectors(rubric: Rubric) -> dict[str, CompiledSelector]:
    """Prepare every selector of a rubric once."""
    return {name: _compile(selector, rubric) for name, selector in rubric.facts.items()}


def _compile(selector: Selector, rubric: Rubric) -> CompiledSelector:
    required = tuple((why, _all(conditions)) for why, conditions in selector.require.items())
    limits = (_deadline(selector.within, rubric), _in_time(selector, rubric))
    judges = tuple(limit for limit, _ in limits if limit)
    unanswered = tuple(rule for _, rules in limits for rule in rules)

    def judge(entry: Entry, context: Context) -> str | None:
        if not entry.verified:
            return "rejected" if entry.state == "rejected" else "not_verified"
        if not entry.own:  # C-39
            return "outside_assignment"
        for why, met in required:
            if not met(entry):
                return why
        return next(filter(None, (limit(entry, context) for limit in judges)), None)

    return CompiledSelector(selector.kind, _all(selector.where), judge, unanswered)


def _all(conditions: Conditions) -> Predicate:
    tests = tuple(_predicate(path, condition) for path, condition in conditions.items())
    if len(tests) == 1:
        return tests[0]

    def every(entry: Entry) -> bool:
        for test in tests:  # noqa: SIM110 - a generator costs more than the tests themselves
            if not test(entry):
                return False
        return True

    return every


def _predicate(path: str, condition: Condition) -> Predicate:
    read = _reader(path)
    if isinstance(condition, (bool, int, str)):
        return lambda entry: bool(read(entry) == condition)
    holds = _holds(condition)
    return lambda entry: holds(read(entry))


def _reader(path: str) -> Callable[[Entry], Any]:
    if path == "state":
        return lambda entry: entry.state
    first, *rest = path.split(".")
    if not rest:
        return lambda entry: entry.attributes.get(first)

    def read(entry: Entry) -> Any:
        value = entry.attributes.get(first)
        for step in rest:
            value = value.get(step) if isinstance(value, Mapping) else None
        return value

    return read


def _holds(condition: tuple[str, ...] | Check) -> Callable[[Any], bool]:
    if isinstance(condition, tuple):
        return lambda value: value in condition
    if condition.contains is not None:
        return lambda value: isinstance(value, Sequence) and condition.contains in value
    if condition.other_than is not None:
        return lambda value: bool(value != condition.other_than)
    least = condition.at_least
    if least is not None:
        return lambda value: value is not None and value >= least
    return lambda value: (value is not None) is condition.given


def _deadline(within: Within | None, rubric: Rubric) -> tuple[Judge | None, tuple[str, ...]]:
    """Compile a deadline (C-16); while a reading of it is open no entry can be judged."""
    if within is None:
        return None, ()
    readings = (within.day_type, within.start.reading, within.end.reading)
    unanswered = tuple(rubric.source(name) for name in readings if rubric.choice(name) is None)
    if unanswered:
        return (lambda entry, context: UNDECIDED), unanswered
    start = _reader(within.start.at[rubric.choice(within.start.reading) or ""])
    end = _reader(within.end.at[rubric.choice(within.end.reading) or ""])
    days, working = within.days.get(), rubric.choice(within.day_type) == "working"

    def judge(entry: Entry, context: Context) -> str | None:
        began, ended = as_day(start(entry)), as_day(end(entry))
        if began is None or ended is None:
            return "no_dates"
        if ended < began:
            return "dates_reversed"
        taken = (ended - began).days
        if working and taken > days:
            taken = context.calendar.worked(began, ended)
            missing = context.calendar.missing(began, ended)
            if taken <= days and missing is not None:
                return f"{NO_CALENDAR}/{missing}"
        return "late" if taken > days else None

    return judge, ()


def _in_time(selector: Selector, rubric: Rubric) -> tuple[Judge | None, tuple[str, ...]]:
    """Compile 及时 (I-201): intel's word; what was filed while nobody had given it a figure is measured by it later."""
    if not selector.in_time or rubric.report_hours is None:
        return None, ()
    hours = rubric.report_hours.value

    def judge(entry: Entry, context: Context) -> str | None:
        said = entry.attributes["in_time"]
        if said == "undecided":
            if hours is None:
                return UNDECIDED
            noticed_at = datetime.fromisoformat(entry.attributes["noticed_at"])
            said = "yes" if entry.occurred_at - noticed_at <= timedelta(hours=hours) else "no"
        return None if said == "yes" else "too_late"

    return judge, (rubric.report_hours.source,) if hours is None else ()


def as_day(value: Any) -> date | None:
    """Read a date, an instant or their ISO text as a day in China; None if it is neither."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return (value.astimezone(_CHINA) if value.tzinfo else value).date()
    return value if isinstance(value, date) else None
