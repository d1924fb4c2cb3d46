"""A base for a month certified quiet, points for each matter of a month that was not (S-108, S-109)."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from services.scoring.rubric import BaseAdd, Rubric
from services.scoring.rules.earning import ZERO, mean, over_villages
from services.scoring.rules.entries import Entry, Period
from services.scoring.rules.selectors import Evidence, touches
from services.scoring.rules.sheet import Counted, Figure, NotCounted, Outcome
from services.scoring.rules.units import Matter, matters
from services.scoring.rules.windows import month_key, posted, windows_of

Month = tuple[int, int]
CellKey = tuple[str | None, Month]


@dataclass(slots=True)
class Cell:
    """One village in one month; of a village he does not owe, as a backup, he earns and owes nothing (C-39).

    `unsettled` and `others` number the matters that disturb it: his own ones, and those that others alone dealt with.
    """

    owed: bool = True
    certificates: list[Entry] = field(default_factory=list)
    earned: list[Matter] = field(default_factory=list)
    unsettled: set[int] = field(default_factory=set)
    others: set[int] = field(default_factory=set)
    undecided: bool = False

    @property
    def disturbed(self) -> bool:
        """True when a matter is known: a certificate that says none is then a conflict."""
        return bool(self.earned or self.unsettled or self.others)

    @property
    def kind(self) -> str:
        """Name the sentence that fits; a month that an open rule decides has none yet."""
        if self.earned:
            return "settled"
        if self.unsettled:
            return "undecided" if self.undecided else "unsettled"
        if self.others:
            return "others"
        return "quiet" if self.certificates else "uncertified"


Cells = dict[CellKey, Cell]


def base_add(name: str, part: BaseAdd, evidence: Evidence, rubric: Rubric) -> Outcome:
    """Score each village and month, then bring the villages and the months together as the readings say."""
    outcome = Outcome()
    cells = _owed(evidence)
    for matter in matters(evidence, part.earns, outcome, extra=part.matters):
        _earn(matter, evidence.context.period, cells, outcome)
    for number, matter in enumerate(matters(evidence.everybody, part.earns, Outcome(), extra=part.matters)):
        _disturb(number, matter, part, evidence, cells)
    _certify(part, evidence, cells, outcome)
    scores = {key: _score(part, cell, rubric, outcome) for key, cell in cells.items()}
    outcome.points = _together(part, cells, scores, rubric, outcome)
    _figures(name, part, cells, scores, outcome)
    return outcome


def _owed(evidence: Evidence) -> Cells:
    context = evidence.context
    months = windows_of(context.period, 1)
    stays = sorted(context.stays, key=lambda stay: stay.village)
    return {(stay.village, month_key(month.first)): Cell() for month in months for stay in stays if posted(month, stay)}


def _earn(matter: Matter, period: Period, cells: Cells, outcome: Outcome) -> None:
    """Put a settled matter into the village and month that earn it."""
    anchor = matter.anchor
    if anchor is None:
        outcome.not_counted += matter.leftovers(period, "incomplete")
    elif not touches(anchor, period):
        matter.used = ()
        outcome.not_counted += matter.leftovers(period, "other_period")
    else:
        cells.setdefault(_key(anchor), Cell(owed=False)).earned.append(matter)
        outcome.not_counted += matter.leftovers(period, "same_matter")


def _disturb(number: int, matter: Matter, part: BaseAdd, evidence: Evidence, cells: Cells) -> None:
    """Note a matter in each month it was known in; what follows its settlement no longer disturbs."""
    anchor = matter.anchor
    his = any(entry.officer_id == evidence.context.officer_id for entry in matter.entries)
    for entry in (entry for fact in part.matters for entry in matter.good.get(fact, ())):
        cell = cells.get(_key(entry))
        if cell and (anchor is None or entry.occurred_at <= anchor.occurred_at):
            (cell.unsettled if his else cell.others).add(number)
            cell.undecided |= his and matter.undecided


def _key(entry: Entry) -> CellKey:
    return entry.village, month_key(entry.day)


def _certify(part: BaseAdd, evidence: Evidence, cells: Cells, outcome: Outcome) -> None:
    for entry, why in evidence.within(part.certificate, evidence.context.period):
        cell = cells.get(_key(entry))
        if why or cell is None or not cell.owed:
            outcome.not_counted.append(NotCounted(entry.id, why or "outside_assignment"))
        elif cell.disturbed:
            # a month cannot be certified quiet and have a matter; somebody has to look.
            outcome.not_counted.append(NotCounted(entry.id, "conflict_with_matter"))
            outcome.warnings.append(("certificate_beside_matter", (entry.id,)))
        else:
            cell.certificates.append(entry)


def _score(part: BaseAdd, cell: Cell, rubric: Rubric, outcome: Outcome) -> Decimal:
    base, each, cap = part.base.get(), part.each.get(), part.monthly_cap.get()
    if not cell.disturbed:
        outcome.counted += [Counted(entry.id, base, "certified") for entry in cell.certificates[:1]]
        return base if cell.certificates else ZERO
    earned = _count_matters(cell, each, cap, outcome)
    if not (earned and cell.owed):
        return earned
    mode = rubric.choice(part.base_mode)
    if mode is None:
        outcome.open.append(rubric.source(part.base_mode))
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
            outcome.not_counted += [NotCounted(entry.id, "cap") for entry in matter.used]
    return cap - room


def _together(
    part: BaseAdd, cells: Cells, scores: Mapping[CellKey, Decimal], rubric: Rubric, outcome: Outcome
) -> Decimal:
    """Bring the villages of each month together, add what he earned elsewhere, then bring the months together."""
    owed: dict[Month, list[Decimal]] = defaultdict(list)
    elsewhere: dict[Month, Decimal] = defaultdict(Decimal)
    for (village, month), cell in cells.items():
        if cell.owed:
            owed[month].append(scores[village, month])
        else:
            elsewhere[month] += scores[village, month]
    # Months he owes nothing in are not compared with the others: what he earned in them comes on top.
    on_top = sum((points for month, points in elsewhere.items() if month not in owed), ZERO)
    months = [
        _capped(over_villages(points, part.villages, rubric, outcome) + elsewhere[month], part, outcome)
        for month, points in owed.items()
    ]
    return _capped(_over_months(part, months, rubric, outcome) + on_top, part, outcome)


def _capped(points: Decimal, part: BaseAdd, outcome: Outcome) -> Decimal:
    cap = part.monthly_cap.get()
    outcome.cap_used |= points > cap
    return min(points, cap)


def _over_months(part: BaseAdd, months: list[Decimal], rubric: Rubric, outcome: Outcome) -> Decimal:
    """Bring several months together as the reading says (C-12)."""
    if len(months) < 2:
        return sum(months, ZERO)
    reading = rubric.choice(part.aggregator)
    if reading is None:
        outcome.open.append(rubric.source(part.aggregator))
    if reading == "sum_capped":
        return sum(months, ZERO)
    if reading == "min":
        return min(months)
    return months[-1] if reading == "last" else mean(months)


def _figures(name: str, part: BaseAdd, cells: Cells, scores: Mapping[CellKey, Decimal], outcome: Outcome) -> None:
    """Say for each kind of month how many there were, with how many matters and points."""
    sums: dict[str, list[Decimal]] = defaultdict(lambda: [ZERO, ZERO, ZERO])
    for key, cell in cells.items():
        line = sums[cell.kind]
        line[0] += 1
        line[1] += len(cell.earned) or len(cell.unsettled) or len(cell.others)
        line[2] += scores[key]
    for code, (periods, count, points) in sorted(sums.items()):
        numbers = {"periods": periods, "count": count, "points": points, "base": part.base.get()}
        outcome.figures.append(Figure(name, code, numbers, part.say.get(code, "")))
