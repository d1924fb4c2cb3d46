"""Parts that give points: levels reached, and matters dealt with."""

from collections import Counter
from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from services.scoring.rubric import Add, Level, Rubric
from services.scoring.rules.entries import Entry, Period
from services.scoring.rules.selectors import Evidence, touches
from services.scoring.rules.sheet import Counted, Figure, NotCounted, Outcome
from services.scoring.rules.units import Matter, matters, order
from services.scoring.rules.windows import posted

ZERO = Decimal(0)
NO_LEVEL = "none"


def mean(points: Sequence[Decimal]) -> Decimal:
    """Return the mean to two places, halves up."""
    return (sum(points, ZERO) / len(points)).quantize(Decimal("0.01"), ROUND_HALF_UP)


def level(name: str, part: Level, evidence: Evidence, rubric: Rubric) -> Outcome:
    """Give each village the first level it reaches; several villages are brought together as the reading says."""
    outcome = Outcome()
    context = evidence.context
    villages = sorted({stay.village for stay in context.stays if posted(context.period, stay)})
    known = _good_by_village(part, evidence, outcome)
    reached = [_reached(part, known.get(village, {}), outcome) for village in villages]
    if NO_LEVEL in reached:
        outcome.lacking.append("unmeasured")
    points = [part.levels[code].points.get() if code != NO_LEVEL else ZERO for code in reached] or [ZERO]
    outcome.points = over_villages(points, part.villages, rubric, outcome)
    for code, count in sorted(Counter(reached or [NO_LEVEL]).items()):
        worth = part.levels[code].points.get() if code in part.levels else ZERO
        outcome.figures.append(Figure(name, code, {"points": worth, "periods": count}, part.say.get(code, "")))
    return outcome


def over_villages(points: Sequence[Decimal], name: str, rubric: Rubric, outcome: Outcome) -> Decimal:
    """Bring the points of an officer's villages together as the reading says; equal ones need none."""
    if len(set(points)) == 1:
        return points[0]
    reading = rubric.choice(name)
    if reading is None:
        outcome.open.append(rubric.source(name))
    return min(points) if reading == "min" else mean(points)


def _good_by_village(part: Level, evidence: Evidence, outcome: Outcome) -> dict[str, dict[str, Entry]]:
    """Find what each village has of each fact, the latest one of all where only the latest counts."""
    known: dict[str, dict[str, Entry]] = {}
    for fact in dict.fromkeys(part.facts()):
        for entry, why in evidence.within(fact, evidence.context.period):
            if why:
                outcome.not_counted.append(NotCounted(entry.id, why))
            elif entry.village:
                known.setdefault(entry.village, {}).setdefault(fact, entry)
                if part.latest:
                    known[entry.village][fact] = entry
    if not part.latest:
        return known
    return {village: _only_latest(facts) for village, facts in known.items()}


def _only_latest(facts: dict[str, Entry]) -> dict[str, Entry]:
    latest = max(facts, key=lambda fact: order(facts[fact]))
    return {latest: facts[latest]}


def _reached(part: Level, known: dict[str, Entry], outcome: Outcome) -> str:
    for code, step in part.levels.items():
        if step.when and all(fact in known for fact in step.when):
            first, *others = (known[fact] for fact in step.when)
            outcome.counted.append(Counted(first.id, step.points.get(), code))
            outcome.counted += [Counted(entry.id, ZERO, code) for entry in others]
            return code
    return next((code for code, step in part.levels.items() if not step.when), NO_LEVEL)


def add(name: str, part: Add, evidence: Evidence, rubric: Rubric, gate: Outcome | None) -> Outcome:
    """Give points once for each matter or occurrence that is known to be done."""
    outcome = Outcome()
    each, period = part.each.get(), evidence.context.period
    credited = 0
    for matter in matters(evidence, part.earns, outcome, once_per=part.once_per):
        refused = _not_now(matter, period) or _not_credited(part, rubric, gate, credited, outcome)
        if refused is None:
            credited += 1
            outcome.counted += matter.count(each)
            outcome.not_counted += matter.leftovers(period, "same_matter")
        else:
            matter.used = ()
            outcome.not_counted += matter.leftovers(period, refused)
    outcome.points = each * credited
    code = "some" if credited else "none"
    numbers = {"done": Decimal(credited), "points": outcome.points}
    outcome.figures.append(Figure(name, code, numbers, part.say.get(code, "")))
    return outcome


def _not_now(matter: Matter, period: Period) -> str | None:
    """Say why a matter earns nothing in this period: its point falls in one period only."""
    if matter.anchor is None:
        return "incomplete"
    return None if touches(matter.anchor, period) else "other_period"


def _not_credited(part: Add, rubric: Rubric, gate: Outcome | None, credited: int, outcome: Outcome) -> str | None:
    """Say why a matter that is done earns nothing: a closed gate (C-13), credit given once (C-15)."""
    if part.gate and gate and gate.points <= 0:
        scope = rubric.choice(part.gate.reading)
        if scope == "item":
            return "item_not_scored"
        outcome.open += [rubric.source(part.gate.reading)] if scope is None else []
    if part.credit and credited:
        credit = rubric.choice(part.credit)
        if credit == "appraisal":
            return "once_per_appraisal"
        outcome.open += [rubric.source(part.credit)] if credit is None else []
    return None
