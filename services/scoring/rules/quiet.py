"""A base for a month certified quiet, points for each matter of a month that was not (S-108, S-109)."""

from collections import defaultdict
from dataclasses import dataclass, field
from decimal import Decimal

from services.scoring.rubric import BaseAdd, Rubric
from services.scoring.rules.earning import ZERO, mean
from services.scoring.rules.entries import Entry, Period
from services.scoring.rules.selectors import Evidence
from services.scoring.rules.sheet import Counted, Figure, NotCounted, Outcome
from services.scoring.rules.units import Matter, matters
from services.scoring.rules.windows import month_key, posted, windows_of

CellKey = tuple[str | None, tuple[int, int]]


@dataclass(slots=True)
class Cell:
    """One village in one month."""

    month: Period
    certificates: list[Entry] = field(default_factory=list)
    earned: list[Matter] = field(default_factory=list)
    unsettled: set[int] = field(default_factory=set)

    @property
    def disturbed(self) -> bool:
        """True when a matter is known: a certificate that says none is then a conflict."""
        return bool(self.earned or self.unsettled)


def base_add(name: str, part: BaseAdd, evidence: Evidence, rubric: Rubric) -> Outcome:
    """Score each village and month, then bring the months together as the reading says (C-12)."""
    outcome = Outcome()
    cells = _cells(evidence)
    known = matters(evidence, part.earns, outcome, extra=part.matters)
    for number, matter in enumerate(known):
        _place(number, matter, part, evidence, cells, outcome)
    _certify(part, evidence, cells, outcome)
    scores = [_score(part, cell, rubric.choice(part.base_mode), outcome) for cell in cells.values()]
    outcome.points = _over_months(part, cells, scores, rubric, outcome)
    _figures(name, part, cells, scores, outcome)
    return outcome


def _cells(evidence: Evidence) -> dict[CellKey, Cell]:
    context = evidence.context
    months = windows_of(context.period, 1)
    stays = sorted(context.stays, key=lambda stay: stay.village)
    return {
        (stay.village, month_key(month.first)): Cell(month) for month in months for stay in stays if posted(month, stay)
    }


def _place(
    number: int, matter: Matter, part: BaseAdd, evidence: Evidence, cells: dict[CellKey, Cell], outcome: Outcome
) -> None:
    """Put a matter into the month that earns it and into each earlier month it was known in."""
    anchor = matter.anchor
    cell = cells.get(_key(anchor)) if anchor else None
    if cell:
        cell.earned.append(matter)
    period = evidence.context.period
    why = "incomplete" if anchor is None else "same_matter" if cell else "other_period"
    if not cell:
        matter.used = ()
    outcome.not_counted += matter.leftovers(period, why)
    for entry in (entry for fact in part.matters for entry in matter.good.get(fact, ())):
        # What follows a settlement no longer disturbs the month it happens in.
        if anchor is None or entry.occurred_at <= anchor.occurred_at:
            disturbed = cells.get(_key(entry))
            if disturbed:
                disturbed.unsettled.add(number)


def _key(entry: Entry) -> CellKey:
    return entry.village, month_key(entry.day)


def _certify(part: BaseAdd, evidence: Evidence, cells: dict[CellKey, Cell], outcome: Outcome) -> None:
    for entry, why in evidence.within(part.certificate, evidence.context.period):
        cell = cells.get(_key(entry))
        if why or cell is None:
            outcome.not_counted.append(NotCounted(entry.id, why or "other_period"))
        elif cell.disturbed:
            # a month cannot be certified quiet and have a matter; somebody has to look.
            outcome.not_counted.append(NotCounted(entry.id, "conflict_with_matter"))
            outcome.warnings.append(("certificate_beside_matter", (entry.id,)))
        else:
            cell.certificates.append(entry)


def _score(part: BaseAdd, cell: Cell, mode: str | None, outcome: Outcome) -> Decimal:
    base, each, cap = part.base.get(), part.each.get(), part.monthly_cap.get()
    if not cell.disturbed:
        outcome.counted += [Counted(entry.id, base, "certified") for entry in cell.certificates[:1]]
        return base if cell.certificates else ZERO
    earned = _count_matters(cell, each, cap, outcome)
    if not earned:
        return ZERO
    if mode is None:
        outcome.open.append(part.base_mode)
    if mode == "exclusive" and earned < base:
        # C-11: read literally, a month with a settled matter is worth less than a quiet one.
        ids = tuple(matter.used[0].id for matter in cell.earned)
        outcome.warnings.append(("fewer_points_than_a_quiet_month", ids))
    return min(cap, {"floor": max(base, earned), "additive": base + earned}.get(mode or "", earned))


def _count_matters(cell: Cell, each: Decimal, cap: Decimal, outcome: Outcome) -> Decimal:
    room = cap
    for matter in cell.earned:
        points = min(each, room)
        room -= points
        if points:
            outcome.counted += matter.count(points)
        else:
            outcome.cap_used = True
            outcome.not_counted.append(NotCounted(matter.used[0].id, "cap"))
    return cap - room


def _over_months(
    part: BaseAdd, cells: dict[CellKey, Cell], scores: list[Decimal], rubric: Rubric, outcome: Outcome
) -> Decimal:
    if len(scores) < 2:
        return sum(scores, ZERO)
    reading = rubric.choice(part.aggregator)
    if reading is None:
        outcome.open.append(part.aggregator)
    if reading == "sum_capped":
        return min(sum(scores, ZERO), part.monthly_cap.get())
    if reading == "min":
        return min(scores)
    if reading == "last":
        last = max(cell.month.last for cell in cells.values())
        scores = [score for score, cell in zip(scores, cells.values(), strict=True) if cell.month.last == last]
    return mean(scores)


def _figures(name: str, part: BaseAdd, cells: dict[CellKey, Cell], scores: list[Decimal], outcome: Outcome) -> None:
    """Say for each kind of month how many there were, with how many matters and points."""
    sums: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
    for cell, score in zip(cells.values(), scores, strict=True):
        line = sums[_kind(cell)]
        line[0] += 1
        line[1] += len(cell.earned) or len(cell.unsettled)
        line[2] += score
    for code, (periods, count, points) in sorted(sums.items()):
        numbers = {"periods": periods, "count": count, "points": points, "base": part.base.get()}
        outcome.figures.append(Figure(name, code, numbers, part.say.get(code, "")))


def _kind(cell: Cell) -> str:
    if cell.earned:
        return "settled"
    if cell.unsettled:
        return "unsettled"
    return "quiet" if cell.certificates else "uncertified"
