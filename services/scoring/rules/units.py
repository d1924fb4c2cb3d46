"""What counts once: repeats of a household, facts of one matter (C-03, C-49)."""

from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from services.scoring.rubric import Alternative, Key
from services.scoring.rules.entries import Entry, Period
from services.scoring.rules.selectors import UNDECIDED, Evidence, Judged, touches
from services.scoring.rules.sheet import Counted, NotCounted, Outcome
from services.scoring.rules.windows import month_key
from services.scoring.rules.workdays import missing_year
from shared.schemes.sourced import Sourced

_KEYS: Mapping[Key, Callable[[Entry], Hashable]] = {
    "target": lambda entry: entry.target,
    "village": lambda entry: entry.village,
    "day": lambda entry: entry.day,
    "month": lambda entry: month_key(entry.day),
}

OncePer = Sourced[tuple[Key, ...]] | None


def order(entry: Entry) -> tuple[datetime, int]:
    """Order entries by when they happened, never by when they arrived."""
    return entry.occurred_at, entry.id.int


def gather(evidence: Evidence, names: Sequence[str], period: Period, outcome: Outcome) -> list[Judged]:
    """Return the entries any of the selectors means in the period; a rule they need is noted when it is open."""
    if len(names) == 1:
        found = evidence.within(names[0], period)
    else:
        best: dict[UUID, Judged] = {}
        for name in names:
            for entry, why in evidence.within(name, period):
                if why is None or entry.id not in best:
                    best[entry.id] = (entry, why)
        found = sorted(best.values(), key=lambda judged: order(judged[0]))
    _note_unjudged({why for _, why in found}, names, evidence, outcome)
    return found


def _note_unjudged(whys: Iterable[str | None], names: Iterable[str], evidence: Evidence, outcome: Outcome) -> None:
    """Note the open rules and the years of the calendar without which some entries cannot be judged."""
    if UNDECIDED in whys:
        outcome.open += [reading for name in names for reading in evidence.open_readings(name)]
    outcome.lacking += sorted(why for why in whys if why and missing_year(why))


def repeat_key(entry: Entry, once_per: OncePer) -> Hashable:
    """Name what an entry is counted once for; an entry that lacks it is counted alone."""
    if once_per is None:
        return entry.id
    key = tuple([_KEYS[name](entry) for name in once_per.get()])
    return entry.id if None in key else key


def first_of_each(found: Iterable[Judged], once_per: OncePer, outcome: Outcome) -> Iterator[Entry]:
    """Yield the entries that count; the others are noted with their reason."""
    seen: set[Hashable] = set()
    for entry, why in found:
        key = repeat_key(entry, once_per)
        if why is None and key in seen:
            why = "repeat"
        if why is not None:
            outcome.not_counted.append(NotCounted(entry.id, why))
            continue
        seen.add(key)
        yield entry


@dataclass(slots=True)
class Matter:
    """All that is known of one matter; `earned` names the alternative met, `used` the entries that meet it.

    `held_up` names the facts that wait for an open rule or a calendar; `undecided` is true when that decides whether it
    earns.
    """

    entries: list[Entry] = field(default_factory=list)
    reasons: dict[UUID, str | None] = field(default_factory=dict)
    good: dict[str, list[Entry]] = field(default_factory=dict)
    held_up: set[str] = field(default_factory=set)
    undecided: bool = False
    earned: str = ""
    used: tuple[Entry, ...] = ()

    @property
    def anchor(self) -> Entry | None:
        """Return the entry that earns the point and sets its month."""
        return self.used[0] if self.used else None

    def add(self, name: str, entry: Entry, why: str | None) -> None:
        """Note an entry that a selector found."""
        if entry.id not in self.reasons:
            self.entries.append(entry)
        self.reasons[entry.id] = self.reasons.get(entry.id) or why
        if why is None:
            self.good.setdefault(name, []).append(entry)
        elif why == UNDECIDED or missing_year(why):
            self.held_up.add(name)

    def settle(self, earns: Mapping[str, Alternative]) -> None:
        """Find the first alternative whose facts are all known."""
        possible = {name: way for name, way in earns.items() if not any(fact in self.good for fact in way.none)}
        for name, way in possible.items():
            if all(fact in self.good for fact in way.all):
                self.earned, self.used = name, tuple(self.good[fact][0] for fact in way.all)
                return
        known = self.good.keys() | self.held_up
        self.undecided = any(known.issuperset(way.all) for way in possible.values())

    def count(self, points: Decimal) -> Iterator[Counted]:
        """Yield the facts behind the point, the one that earns it first."""
        for place, entry in enumerate(self.used):
            yield Counted(entry.id, points if place == 0 else Decimal(0), self.earned)

    def leftovers(self, period: Period, why: str) -> Iterator[NotCounted]:
        """Yield the entries of the period that the point does not rest on."""
        used = {entry.id for entry in self.used}
        for entry in self.entries:
            if entry.id not in used and touches(entry, period):
                yield NotCounted(entry.id, self.reasons[entry.id] or why)


def facts_of(earns: Mapping[str, Alternative]) -> list[str]:
    """Name each selector of some alternatives once."""
    names = (name for way in earns.values() for name in (*way.all, *way.none))
    return list(dict.fromkeys(names))


def matters(
    evidence: Evidence,
    earns: Mapping[str, Alternative],
    outcome: Outcome,
    extra: Sequence[str] = (),
    once_per: OncePer = None,
) -> list[Matter]:
    """Bring the facts of each matter together, whenever they happened, oldest matter first."""
    known: dict[Hashable, Matter] = {}
    for name in dict.fromkeys((*facts_of(earns), *extra)):
        for entry, why in evidence.find(name):
            key = entry.matter_id or repeat_key(entry, once_per)
            known.setdefault(key, Matter()).add(name, entry, why)
    for matter in known.values():
        matter.entries.sort(key=order)
        matter.settle(earns)
        if matter.undecided:
            _note_unjudged(set(matter.reasons.values()), sorted(matter.held_up), evidence, outcome)
    return sorted(known.values(), key=lambda matter: order(matter.anchor or matter.entries[0]))
