"""Caps and floors: of a line, and of lines that share their points."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from itertools import groupby

from services.scoring.rubric import Group, Line, Rubric
from services.scoring.rules.sheet import Counted, LineResult, NotCounted, Outcome, Status

ZERO = Decimal(0)


@dataclass(slots=True)
class Draft:
    """A line while it is being limited."""

    item: str
    line: Line
    rules: tuple[str, ...]
    outcome: Outcome = field(default_factory=Outcome)
    status: Status = "computed"
    floor_used: bool = False
    veto: bool = False

    def collect(self, outcomes: Iterable[Outcome], unanswered: Sequence[str]) -> None:
        """Add the parts up within the line's own limits."""
        mine = self.outcome
        parts = list(outcomes)
        for part in parts:
            mine.counted += part.counted
            mine.not_counted += part.not_counted
            mine.figures += part.figures
            mine.warnings += part.warnings
            mine.open += part.open
            mine.lacking += part.lacking
            mine.cap_used |= part.cap_used
        full = self.line.full.get() if self.line.full else None
        start = full if full is not None and self.line.starts_full else ZERO
        mine.points = start + sum((part.points for part in parts), ZERO)
        deducted = -sum((part.points for part in parts if part.points < 0), ZERO)
        self.veto = self.line.veto is not None and deducted >= self.line.veto.deducted.get()
        if full is not None:
            self.cap(full)
        if self.line.floor is not None:
            self.lift_to(self.line.floor.get())
        mine.open += unanswered
        if mine.open or mine.lacking:
            self.withhold()

    def cap(self, room: Decimal) -> None:
        """Keep at most `room` points; the latest facts are the ones that no longer count."""
        excess = self.outcome.points - room
        if excess <= 0:
            return
        self.outcome.points, self.outcome.cap_used = room, True
        kept: list[Counted] = []
        for counted in reversed(self.outcome.counted):
            given = min(excess, counted.points) if counted.points > 0 else ZERO
            excess -= given
            if given and given == counted.points:
                self.outcome.not_counted.append(NotCounted(counted.id, "cap"))
            else:
                kept.append(Counted(counted.id, counted.points - given, counted.why))
        self.outcome.counted = kept[::-1]

    def lift_to(self, least: Decimal) -> None:
        """Take no more than there is to take."""
        if self.outcome.points < least:
            self.outcome.points, self.floor_used = least, True

    def withhold(self) -> None:
        """Show the line without points: something that is open or not known decides over them."""
        self.status = "withheld"

    def result(self) -> LineResult:
        """Freeze the line."""
        mine = self.outcome
        return LineResult(
            item=self.item,
            title=self.line.title,
            points=mine.points if self.status == "computed" else None,
            full=self.line.full.get() if self.line.full else None,
            group=self.line.group,
            status=self.status,
            cap_used=mine.cap_used,
            floor_used=self.floor_used,
            veto=self.veto,
            rules=self.rules,
            counted=tuple(mine.counted),
            not_counted=tuple(mine.not_counted),
            figures=tuple(mine.figures),
            open=tuple(dict.fromkeys(mine.open)),
            lacking=tuple(dict.fromkeys(mine.lacking)),
        )


def share_points(drafts: Sequence[Draft], rubric: Rubric) -> Iterator[LineResult]:
    """Yield the lines in the rubric's order, those of a group within the group's points."""
    for name, members in groupby(drafts, key=lambda draft: draft.line.group):
        if name is None:
            yield from (draft.result() for draft in members)
        else:
            yield from _group(name, rubric.groups[name], list(members), rubric)


def _group(name: str, group: Group, members: Sequence[Draft], rubric: Rubric) -> Iterator[LineResult]:
    computed = [draft for draft in members if draft.status == "computed"]
    if group.starts_full:
        yield _start(name, group, computed, members, rubric)
    else:
        room = group.full.get()
        for draft in computed:
            draft.cap(room)
            room -= draft.outcome.points
    yield from (draft.result() for draft in members)


def _start(name: str, group: Group, computed: Sequence[Draft], members: Sequence[Draft], rubric: Rubric) -> LineResult:
    """Give the points a group starts with as a line of its own, so that all lines add up to the total."""
    full = group.full.get()
    left = full + sum((draft.outcome.points for draft in computed), ZERO)
    reading = rubric.choice(group.floor) if group.floor else "none"
    open_floor: tuple[str, ...] = ()
    if left < 0 and reading is None and group.floor:
        open_floor = (rubric.source(group.floor),)
        for draft in computed:
            draft.outcome.open += open_floor
            draft.withhold()
    elif reading == "zero":
        _stop_at_zero(full, computed)
    status: Status = "withheld" if open_floor else members[0].status if not computed else "computed"
    points = full if status == "computed" else None
    return LineResult(
        name, group.title, points, full, group=name, status=status, rules=(group.full.source,), open=open_floor
    )


def _stop_at_zero(full: Decimal, members: Sequence[Draft]) -> None:
    left = full
    for draft in members:
        draft.lift_to(-left)
        left += draft.outcome.points
