"""One sheet: each line's parts, the line's limits, the limits lines share, total, vetoes, grade."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from services.scoring.rubric import Add, BaseAdd, Choice, Counting, Deduct, Level, Line, Rubric, Shortfall
from services.scoring.rules.deducting import deduct, shortfall
from services.scoring.rules.earning import add, level
from services.scoring.rules.entries import FACTS, Context, Entry
from services.scoring.rules.limits import Draft, share_points
from services.scoring.rules.quiet import base_add
from services.scoring.rules.selectors import CompiledSelector, Evidence, compile_selectors
from services.scoring.rules.sentences import reason
from services.scoring.rules.sheet import LineResult, Notice, Outcome, Sheet
from services.scoring.rules.workdays import missing_year
from shared.schemes.sourced import OpenPoint, sourced_values, undecided

ZERO = Decimal(0)
CALENDAR_FILE, CALENDAR_KEEPER = "calendar.yaml", "系统管理员"


@dataclass(frozen=True, slots=True)
class Plan:
    """A rubric prepared for evaluating many officers."""

    rubric: Rubric
    selectors: Mapping[str, CompiledSelector]
    lines: tuple["PlannedLine", ...]
    open: tuple[OpenPoint, ...]


@dataclass(frozen=True, slots=True)
class PlannedLine:
    """A line with its readings chosen; `open` names the open rules that would choose a way of counting."""

    item: str
    line: Line
    parts: tuple[tuple[str, Counting], ...]
    needs: tuple[frozenset[str], ...]
    rules: tuple[str, ...]
    open: tuple[str, ...]


def compile_rubric(rubric: Rubric) -> Plan:
    """Prepare a rubric once; the result is immutable and may be shared."""
    lines = tuple(_plan(item, line, rubric) for item, line in rubric.lines.items())
    return Plan(rubric, compile_selectors(rubric), lines, tuple(undecided(rubric)))


def evaluate(plan: Plan, entries: Iterable[Entry], context: Context, matters: Iterable[Entry] = ()) -> Sheet:
    """Score one officer; the answer depends on the set of entries, not on their order.

    `matters` are the entries about matters of his villages, whoever did the work.
    """
    evidence = _evidence(plan, list(entries), list(matters), context)
    drafts = [_draft(planned, evidence, plan.rubric) for planned in plan.lines]
    lines = tuple(share_points(drafts, plan.rubric))
    total = sum((line.points for line in lines if line.points is not None), ZERO)
    vetoes = tuple(line.item for line in lines if line.veto)
    notices = tuple(Notice(code, draft.item, ids) for draft in drafts for code, ids in draft.outcome.warnings)
    if any(line.points is None for line in lines):
        notices += (Notice("total_without_some_lines", ""),)
    withheld = (*plan.open, *_missing_years(lines))
    return Sheet(total, lines, _grade(plan, lines, total, vetoes), withheld, vetoes, notices)


def _evidence(plan: Plan, entries: Sequence[Entry], matters: Sequence[Entry], context: Context) -> Evidence:
    if not matters:
        return Evidence(entries, plan.selectors, context)
    known = {entry.id: entry for entry in (*entries, *matters)}
    return Evidence(entries, plan.selectors, context, Evidence(known.values(), plan.selectors, context))


def _grade(plan: Plan, lines: Iterable[LineResult], total: Decimal, vetoes: tuple[str, ...]) -> str | None:
    """Return the grade, none while anything is open (C-17) or a line has no points; a veto stands whatever they are."""
    if plan.open:
        return None
    if vetoes:
        veto = plan.rubric.lines[vetoes[0]].veto
        return veto.grade if veto else None
    grades = plan.rubric.grades
    # With a weight on the supervising unit's score the total alone says nothing.
    if any(line.points is None for line in lines) or grades.supervising_weight.get():
        return None
    return next((band.label for band in grades.bands.get() if band.least is None or total >= band.least), None)


def _missing_years(lines: Iterable[LineResult]) -> Iterator[OpenPoint]:
    """Yield for each line the years of the calendar that it cannot be judged without."""
    for line in lines:
        for code in filter(missing_year, line.lacking):
            yield OpenPoint(CALENDAR_FILE, line.item, reason(code, {}), CALENDAR_KEEPER)


def _draft(planned: PlannedLine, evidence: Evidence, rubric: Rubric) -> Draft:
    draft = Draft(planned.item, planned.line, planned.rules)
    if not all(need & evidence.context.connected for need in planned.needs):
        draft.status = "not_connected"
        return draft
    outcomes: dict[str, Outcome] = {}
    for name, part in planned.parts:
        outcomes[name] = _run(name, part, evidence, rubric, outcomes)
    draft.collect(outcomes.values(), planned.open)
    return draft


def _run(name: str, part: Counting, evidence: Evidence, rubric: Rubric, done: Mapping[str, Outcome]) -> Outcome:
    if isinstance(part, Deduct):
        return deduct(name, part, evidence)
    if isinstance(part, Shortfall):
        return shortfall(name, part, evidence, rubric)
    if isinstance(part, Level):
        return level(name, part, evidence, rubric)
    if isinstance(part, Add):
        return add(name, part, evidence, rubric, done.get(part.gate.part) if part.gate else None)
    return base_add(name, part, evidence, rubric)


def _plan(item: str, line: Line, rubric: Rubric) -> PlannedLine:
    parts: list[tuple[str, Counting]] = []
    unanswered: list[str] = []
    for name, part in line.parts.items():
        if not isinstance(part, Choice):
            parts.append((name, part))
        elif (chosen := rubric.choice(part.reading)) is None:
            unanswered.append(rubric.source(part.reading))
        else:
            parts.append((name, part.readings[chosen]))
    needs = tuple(need for _, part in parts for need in _needs(part, rubric))
    return PlannedLine(item, line, tuple(parts), needs, tuple(_rules(item, line, rubric)), tuple(unanswered))


def _needs(part: Counting, rubric: Rubric) -> Iterator[frozenset[str]]:
    """Yield the facts a part needs: any one of each set must have a publisher."""
    facts = [FACTS[rubric.facts[name].kind.partition(":")[0]] for name in part.facts()]
    if isinstance(part, (Level, BaseAdd)):
        yield from (frozenset({fact}) for fact in facts)
    else:
        yield frozenset(facts)


def _rules(item: str, line: Line, rubric: Rubric) -> Iterator[str]:
    """Yield the rules behind a line, its own first."""
    selectors = [rubric.facts[name] for part in line.parts.values() for name in part.facts()]
    refs = [reading for part in line.parts.values() for reading, _ in part.refs()]
    refs += [reading for selector in selectors if selector.within for reading, _ in selector.within.refs()]
    refs += [line.veto.over] if line.veto else []
    refs += [floor] if line.group and (floor := rubric.groups[line.group].floor) else []
    sources = [value.source for part in (line, *selectors) for _, value in sourced_values(part)]
    sources += [rubric.report_hours.source for selector in selectors if selector.in_time and rubric.report_hours]
    sources += [rubric.readings[reading].source for reading in refs]
    yield from dict.fromkeys([item, *(source.partition("/")[0] for source in sources)])
