"""Which sheets there are to compute: whose, under which scheme, of which period, for which villages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass
from datetime import date, timedelta
from uuid import UUID

from services.scoring.repository.evidence import Posting, Window
from services.scoring.repository.marks import Mark
from services.scoring.repository.sheets import Key
from services.scoring.rules import Entry, Period, Stay
from services.scoring.service.rubrics import Scheme
from shared.reference.bindings import Binding, Use, schemes_at

ONE_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Job:
    """One sheet to compute: `stays` are the villages the officer answers for under this scheme."""

    officer_id: UUID
    scheme: Scheme
    use: Use
    period: Period
    evidence_from: date
    stays: tuple[Stay, ...]

    @property
    def key(self) -> Key:
        """What there is one sheet of."""
        return self.officer_id, self.scheme.id, self.period.first

    @property
    def window(self) -> Window:
        """Whose entries it rests on, from the first to the last day."""
        return self.officer_id, self.evidence_from, self.period.last

    @property
    def villages(self) -> Set[str]:
        """The villages he answers for, in the order of his postings."""
        return dict.fromkeys(stay.village for stay in self.stays).keys()

    @property
    def villages_of_period(self) -> tuple[str, ...]:
        """Those he answers for on a day of the period."""
        there = (stay.village for stay in self.stays if _meets(stay.first, stay.last, self.period))
        return tuple(dict.fromkeys(there))

    def concerns(self, entry: Entry) -> bool:
        """Whether something of a village is his: what lasts always is, what happened on a day if he was there then."""
        if entry.until:
            return True
        his = (stay for stay in self.stays if stay.village == entry.village)
        return any(stay.first <= entry.day <= (stay.last or date.max) for stay in his)


def jobs_of(
    mark: Mark,
    postings: Iterable[Posting],
    bindings: Sequence[Binding],
    scheme: Scheme,
    use: Use,
    months: Iterable[date],
) -> Iterator[Job]:
    """The sheets of one scheme that a mark asks for."""
    stays = tuple(_stays(postings, bindings, scheme, use))
    for period, first in scheme.periods(months):
        if period.last < mark.since or first > mark.until:
            continue
        if any(_meets(stay.first, stay.last, period) for stay in stays):
            yield Job(mark.officer_id, scheme, use, period, first, stays)


def governing(
    postings: Iterable[Posting], bindings: Sequence[Binding], use: Use = "governing", period: Period | None = None
) -> Iterator[tuple[Posting, Period, Binding]]:
    """What applies to each posting, stretch by stretch of its days (C-01, C-45); within a period, if one is given."""
    for posting in postings:
        for first, last in _stretches(posting, bindings):
            if period is None or _meets(first, last, period):
                for binding in schemes_at(bindings, posting.village, first, posting.post, use):
                    yield posting, Period(first, last), binding


def _stays(postings: Iterable[Posting], bindings: Sequence[Binding], scheme: Scheme, use: Use) -> Iterator[Stay]:
    """The villages he is appraised for (C-45), on the days on which the scheme applies to the post there (C-01).

    A backup's work counts, the quota stays with the owner (C-39).
    """
    appraised = [posting for posting in postings if posting.role != "backup" and scheme.appraises(posting.post)]
    applying = ((posting, days) for posting, days, b in governing(appraised, bindings, use) if b.scheme == scheme.id)
    for posting, days in dict.fromkeys(applying):
        yield Stay(posting.village, days.first, days.last)


def _stretches(posting: Posting, bindings: Iterable[Binding]) -> Iterator[tuple[date, date]]:
    """The days of a posting, cut wherever a binding of its place and post begins or ends."""
    concerned = [b for b in bindings if posting.village.startswith(b.jurisdiction) and posting.post in b.posts]
    begins = {b.first for b in concerned} | {b.last + ONE_DAY for b in concerned if b.last and b.last < date.max}
    until = posting.last or date.max
    cuts = sorted({posting.first, *(day for day in begins if posting.first < day <= until)})
    yield from zip(cuts, [*(cut - ONE_DAY for cut in cuts[1:]), until], strict=True)


def _meets(first: date, last: date | None, period: Period) -> bool:
    return first <= period.last and (last is None or last >= period.first)
