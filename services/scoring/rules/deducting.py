"""Parts that take points away: single occurrences, and units missing from a quota."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from math import floor

from services.scoring.rubric import Deduct, Rubric, Shortfall
from services.scoring.rules.entries import Entry, Period, Stay
from services.scoring.rules.selectors import UNDECIDED, Evidence, Judged
from services.scoring.rules.sheet import Counted, Figure, Number, Outcome
from services.scoring.rules.units import first_of_each, gather
from services.scoring.rules.windows import posted, share, windows_of

ZERO = Decimal(0)


def deduct(name: str, part: Deduct, evidence: Evidence) -> Outcome:
    """Take points for each occurrence, times its quantity."""
    outcome = Outcome()
    each, done = part.each.get(), ZERO
    for entry in first_of_each(gather(evidence, part.of, evidence.context.period, outcome), part.once_per, outcome):
        done += entry.quantity
        outcome.counted.append(Counted(entry.id, -each * entry.quantity, name))
    outcome.points = -each * done
    code = "some" if done else "none"
    outcome.figures.append(Figure(name, code, {"done": done, "points": each * done}, part.say.get(code, "")))
    return outcome


def shortfall(name: str, part: Shortfall, evidence: Evidence, rubric: Rubric) -> Outcome:
    """Take points for each unit that misses a quota, window by window (F-001)."""
    outcome = Outcome()
    done = required = short = ZERO
    windows = windows_of(evidence.context.period, part.months.get())
    for window in windows:
        found = _right_unit(gather(evidence, part.of, window, outcome), part, rubric, outcome)
        counted = list(first_of_each(found, part.once_per, outcome))
        outcome.counted += [Counted(entry.id, ZERO, name) for entry in counted]
        for mine, stays in _owed(part, counted, evidence.context.stays, window):
            worked = _amount(part, mine)
            owed = _required(part, window, stays, rubric, outcome)
            done, required, short = done + worked, required + owed, short + max(ZERO, owed - worked)
    outcome.points = -part.each.get() * short
    code = "not_due" if not required else "short" if short else "met"
    numbers: dict[str, Number] = {
        "done": done,
        "required": required,
        "short": short,
        "points": -outcome.points,
        "periods": len(windows),
    }
    outcome.figures.append(Figure(name, code, numbers, part.say.get(code, "")))
    return outcome


def _owed(
    part: Shortfall, counted: Sequence[Entry], stays: Sequence[Stay], window: Period
) -> Iterator[tuple[Sequence[Entry], Sequence[Stay]]]:
    """Yield who or what owes the quota: the officer once, or each of his villages."""
    if part.per == "officer":
        yield counted, stays
        return
    for village in sorted({stay.village for stay in stays if posted(window, stay)}):
        mine = [entry for entry in counted if entry.village == village]
        yield mine, [stay for stay in stays if stay.village == village]


def _amount(part: Shortfall, entries: Sequence[Entry]) -> Decimal:
    if part.count == "occurrences":
        return Decimal(len(entries))
    return sum((entry.quantity for entry in entries), ZERO)


def _required(part: Shortfall, window: Period, stays: Sequence[Stay], rubric: Rubric, outcome: Outcome) -> Decimal:
    """Return what a window asks for; part of a window asks for its part, rounded in the officer's favour."""
    posted_share, reading = share(window, stays), rubric.choice(part.partial)
    if posted_share in (0, 1):
        return part.minimum.get() * int(posted_share)
    if reading is None:
        outcome.open.append(rubric.source(part.partial))
    if reading == "whole":
        return part.minimum.get()
    return Decimal(floor(part.minimum.get() * posted_share.numerator / posted_share.denominator))


def _right_unit(found: list[Judged], part: Shortfall, rubric: Rubric, outcome: Outcome) -> list[Judged]:
    """Count households, persons or either (C-03)."""
    if part.unit is None or not found:
        return found
    wanted = rubric.choice(part.unit)
    if wanted is None:
        outcome.open.append(rubric.source(part.unit))
        return [(entry, why or UNDECIDED) for entry, why in found]
    units = ("household", "person") if wanted == "either" else (wanted,)
    return [(entry, why or (None if entry.attributes.get("unit") in units else "other_unit")) for entry, why in found]
