"""Sheets from the ledger: whoever is marked is scored anew, and what changed is stored and published."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID, uuid5

from services.scoring.repository import evidence as reading
from services.scoring.repository.evidence import Binding, Posting
from services.scoring.repository.marks import Mark, opened_months, take_marks
from services.scoring.repository.sheets import Key, StoredSheet, save_sheets, sheets_of
from services.scoring.rules import Context, Entry, Period, Stay, evaluate
from services.scoring.service.contents import NOT_APPRAISED, TAKEN_OFF, content_of, digest_of, fact_of
from services.scoring.service.entries import (
    CONNECTED,
    OwnWork,
    entries_of_village,
    entry_of,
    matter_of_village,
    of_window,
)
from services.scoring.service.rubrics import Rubrics, Scheme
from shared.database.unit import Unit
from shared.turns import in_turns

MOST_AT_ONCE = 25
"""Officers in one transaction; the consumer beside it goes first after each."""


@dataclass(frozen=True, slots=True)
class Job:
    """One sheet to compute: `stays` are the villages the officer answers for under this scheme."""

    officer_id: UUID
    scheme: Scheme
    period: Period
    evidence_from: date
    stays: tuple[Stay, ...]

    @property
    def key(self) -> Key:
        """What there is one sheet of."""
        return self.officer_id, self.scheme.id, self.period.first

    @property
    def villages(self) -> Set[str]:
        """The villages he answers for, in the order of his postings."""
        return dict.fromkeys(stay.village for stay in self.stays).keys()

    def concerns(self, entry: Entry) -> bool:
        """Whether something of a village is his: what lasts always is, what happened on a day if he was there then."""
        if entry.until:
            return True
        his = (stay for stay in self.stays if stay.village == entry.village)
        return any(stay.first <= entry.day <= (stay.last or date.max) for stay in his)


@dataclass
class Ledger:
    """The entries that some jobs need."""

    of_officer: dict[UUID, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    of_village: dict[str, list[Entry]] = field(default_factory=lambda: defaultdict(list))
    of_matter: dict[UUID, list[Entry]] = field(default_factory=lambda: defaultdict(list))

    def of(self, job: Job) -> list[Entry]:
        """The entries one sheet rests on."""
        first, last = job.evidence_from, job.period.last
        shared = (entry for village in job.villages for entry in of_window(self.of_village[village], first, last))
        return [*of_window(self.of_officer[job.officer_id], first, last), *filter(job.concerns, shared)]

    def matters_of(self, job: Job) -> list[Entry]:
        """The entries of every matter his villages had, whoever dealt with it."""
        return [
            entry
            for entries in self.of_matter.values()
            if not job.villages.isdisjoint(entry.village for entry in entries)
            for entry in entries
        ]


class Recompute:
    """Takes marks, computes, stores, publishes, all in the caller's transaction."""

    def __init__(self, unit: Unit, rubrics: Rubrics) -> None:
        self._unit = unit
        self._connection = unit.connection
        self._rubrics = rubrics

    async def due(self) -> bool:
        """Score those whose marks are due; True when more may be waiting."""
        marks = await take_marks(self._connection, MOST_AT_ONCE)
        if marks:
            await self.of(marks)
        return len(marks) == MOST_AT_ONCE

    async def of(self, marks: Sequence[Mark]) -> None:
        """Score the marked days. The ledger is read after the marks were taken: a fact since then marks again."""
        now = self._unit.now
        computed = await self.computed(marks)
        stored = await sheets_of(self._connection, {mark.officer_id for mark in marks})
        found = [*computed.values(), *self._taken_off(stored.values(), computed.keys(), marks)]
        changed = [(sheet, stored.get(sheet.key)) for sheet in found if _differs(sheet, stored.get(sheet.key))]
        if changed:
            revised = [(replace(sheet, revision=old.revision + 1) if old else sheet, old) for sheet, old in changed]
            await save_sheets(self._connection, [sheet for sheet, _ in revised], now)
            self._unit.outbox.add(*(fact_of(sheet, old, now) for sheet, old in revised))

    async def computed(self, marks: Sequence[Mark]) -> dict[Key, StoredSheet]:
        """The marked sheets as the ledger gives them now, with nothing stored looked at."""
        officers = {mark.officer_id for mark in marks}
        postings: dict[UUID, list[Posting]] = defaultdict(list)
        for posting in await reading.postings(self._connection, officers):
            postings[posting.officer_id].append(posting)
        schemes = self._schemes(await reading.bindings(self._connection))
        months = await opened_months(self._connection)
        jobs = [job for mark in marks for job in _jobs(mark, postings[mark.officer_id], schemes, months)]
        ledger = await self._ledger(jobs, postings)
        return {job.key: self._sheet(job, ledger) async for job in in_turns(jobs, 1)}

    def _schemes(self, bindings: Iterable[Binding]) -> list[tuple[Scheme, list[Binding]]]:
        bound: dict[str, list[Binding]] = defaultdict(list)
        for binding in bindings:
            bound[binding.scheme].append(binding)
        loaded = ((self._rubrics.find(scheme), its) for scheme, its in sorted(bound.items()))
        # C-08: while nobody decided which days a sheet covers there are no sheets.
        return [(scheme, its) for scheme, its in loaded if scheme and scheme.measured]

    async def _ledger(self, jobs: Sequence[Job], postings: dict[UUID, list[Posting]]) -> Ledger:
        ledger = Ledger()
        if not jobs:
            return ledger
        own = {officer: OwnWork(his) for officer, his in postings.items()}
        async for row in in_turns(await reading.entries_of_officers(self._connection, list(_windows(jobs)))):
            officer: UUID = row.officer_id
            if entry := entry_of(row, own[officer]):
                ledger.of_officer[officer].append(entry)
        villages = {stay.village for job in jobs for stay in job.stays}
        first, last = min(job.evidence_from for job in jobs), max(job.period.last for job in jobs)
        for row in await reading.entries_of_villages(self._connection, villages, first, last):
            ledger.of_village[row.village] += entries_of_village(row)
        for row in await reading.matters_of_villages(self._connection, villages, first, last):
            if entry := matter_of_village(row):
                ledger.of_matter[row.matter_id].append(entry)
        return ledger

    def _sheet(self, job: Job, ledger: Ledger) -> StoredSheet:
        scheme, period = job.scheme, job.period
        context = Context(job.officer_id, period, job.stays, CONNECTED)
        result = evaluate(scheme.plan, ledger.of(job), context, ledger.matters_of(job))
        content = content_of(result, scheme)
        villages = tuple(dict.fromkeys(stay.village for stay in job.stays if _meets(stay.first, stay.last, period)))
        return StoredSheet(
            sheet_id=uuid5(job.officer_id, f"{scheme.id} {period.first}"),
            officer_id=job.officer_id,
            scheme=scheme.id,
            period_from=period.first,
            period_to=period.last,
            scheme_version=scheme.version,
            revision=1,
            villages=villages,
            total=result.total,
            grade=result.grade,
            vetoes=result.vetoes,
            digest=digest_of(scheme.version, period, villages, content),
            content=content,
            computed_at=self._unit.now,
        )

    def _taken_off(
        self, stored: Iterable[StoredSheet], computed: Iterable[Key], marks: Iterable[Mark]
    ) -> Iterator[StoredSheet]:
        """Sheets of the marked days that nothing asks for any more: the officer is not among those appraised (C-45)."""
        keys, marked = set(computed), {mark.officer_id: mark for mark in marks}
        for sheet in stored:
            mark = marked[sheet.officer_id]
            touched = sheet.period_to >= mark.since and sheet.period_from <= mark.until
            if touched and sheet.key not in keys and not self._rubrics.is_broken(sheet.scheme):
                yield replace(sheet, total=None, grade=None, vetoes=(), digest=TAKEN_OFF, content=NOT_APPRAISED)


def _jobs(
    mark: Mark, postings: Sequence[Posting], schemes: Iterable[tuple[Scheme, list[Binding]]], months: Sequence[date]
) -> Iterator[Job]:
    for scheme, bindings in schemes:
        for period, first in scheme.periods(months):
            if period.last < mark.since or first > mark.until:
                continue
            stays = tuple(_stays(postings, bindings, scheme))
            if any(_meets(stay.first, stay.last, period) for stay in stays):
                yield Job(mark.officer_id, scheme, period, first, stays)


def _stays(postings: Iterable[Posting], bindings: Sequence[Binding], scheme: Scheme) -> Iterator[Stay]:
    """The villages he is appraised for (C-45), on the days on which the post is bound to the scheme (C-01).

    A backup's work counts, the quota stays with the owner (C-39).
    """
    for posting in postings:
        if posting.role == "backup" or not scheme.appraises(posting.post):
            continue
        for binding in bindings:
            bound = posting.post in binding.posts and posting.village.startswith(binding.jurisdiction)
            first = max(posting.first, binding.first)
            last = min(posting.last or date.max, binding.last or date.max)
            if bound and first <= last:
                yield Stay(posting.village, first, last)


def _meets(first: date, last: date | None, period: Period) -> bool:
    return first <= period.last and (last is None or last >= period.first)


def _windows(jobs: Iterable[Job]) -> Iterator[tuple[UUID, date, date]]:
    """One stretch of days for each officer that holds the evidence of all his jobs."""
    his: dict[UUID, list[Job]] = defaultdict(list)
    for job in jobs:
        his[job.officer_id].append(job)
    for officer, mine in his.items():
        yield officer, min(job.evidence_from for job in mine), max(job.period.last for job in mine)


def _differs(sheet: StoredSheet, stored: StoredSheet | None) -> bool:
    return stored is None or stored.digest != sheet.digest
