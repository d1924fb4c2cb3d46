"""Sheets from the ledger: whoever is marked is scored anew, and what changed is stored and published."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from uuid import UUID, uuid5

import structlog

from services.scoring.repository import evidence as reading
from services.scoring.repository.evidence import Posting, Window
from services.scoring.repository.failures import Failure, forget_failures, keep_failures
from services.scoring.repository.marks import Mark, mark_again, opened_months
from services.scoring.repository.sheets import Key, StoredSheet, save_sheets, sheets_of
from services.scoring.rules import Context, Entry, evaluate
from services.scoring.rules.windows import end_of_periods
from services.scoring.service.contents import NOT_APPRAISED, TAKEN_OFF, Revision, content_of, digest_of
from services.scoring.service.entries import (
    CONNECTED,
    OwnWork,
    entries_of_village,
    entry_of,
    matter_of_village,
    of_window,
)
from services.scoring.service.jobs import Job, jobs_of
from services.scoring.service.rubrics import Rubrics, Scheme
from shared.database.unit import Unit
from shared.reference.bindings import Binding, Use, known_bindings
from shared.turns import in_turns

MOST_SHEETS = 50
"""Sheets in one transaction; what is marked beyond them is left for the next one."""
MANY_ENTRIES = 3_000
"""A sheet of more takes a good part of a second: computed beside the loop, and its officer apart from the others."""

log = structlog.get_logger(__name__)


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


@dataclass
class Result:
    """What came of some marks: sheets, those that could not be computed, and what is left for the next time.

    `apart` are officers whose marks are given back, to be taken alone.
    """

    sheets: dict[Key, StoredSheet] = field(default_factory=dict)
    failures: list[Failure] = field(default_factory=list)
    later: list[Job] = field(default_factory=list)
    apart: set[UUID] = field(default_factory=set)

    def without_claim(self, stored: Iterable[StoredSheet]) -> Iterator[StoredSheet]:
        """The sheets that are neither computed now, nor later, nor of a scheme that failed for their officer."""
        claimed = self.sheets.keys() | {job.key for job in self.later}
        failed = {(failure.officer_id, failure.scheme) for failure in self.failures}
        for sheet in stored:
            if sheet.key not in claimed and (sheet.officer_id, sheet.scheme) not in failed:
                yield sheet


class Recompute:
    """Computes marked sheets, stores and publishes them, all in the caller's transaction.

    `together` with others nobody is computed who has very many entries; `heavy` are those who were met.
    """

    def __init__(self, unit: Unit, rubrics: Rubrics, together: bool = False) -> None:
        self._unit = unit
        self._connection = unit.connection
        self._rubrics = rubrics
        self._together = together
        self.heavy: set[UUID] = set()

    async def of(self, marks: Sequence[Mark]) -> bool:
        """Score the marked days; True when some are left for the next time.

        The ledger is read after the marks were taken: a fact since then marks again.
        """
        now = self._unit.now
        result = await self.computed(marks)
        marks = await self._without(marks, result.apart)
        await self._keep(marks, result)
        stored = await sheets_of(self._connection, {mark.officer_id for mark in marks})
        found = [*result.sheets.values(), *self._taken_off(stored.values(), result, marks)]
        changed = [(sheet, stored.get(sheet.key)) for sheet in found if _differs(sheet, stored.get(sheet.key))]
        if changed:
            revised = [Revision.of(sheet, old) for sheet, old in changed]
            await save_sheets(self._connection, [revision.sheet for revision in revised], now)
            self._unit.outbox.add(*(fact for revision in revised for fact in revision.facts(now)))
        return bool(result.later)

    async def computed(self, marks: Sequence[Mark]) -> Result:
        """The marked sheets as the ledger gives them now, with nothing stored looked at."""
        officers = {mark.officer_id for mark in marks}
        months = await opened_months(self._connection)
        postings: dict[UUID, list[Posting]] = defaultdict(list)
        for posting in await reading.postings(self._connection, officers, end_of_periods(months)):
            postings[posting.officer_id].append(posting)
        bindings = await known_bindings(self._connection)
        result = Result()
        jobs = [job for mark in marks for job in self._jobs(mark, postings[mark.officer_id], bindings, months, result)]
        # Of what governs and what is its shadow under one name the first counts.
        jobs = sorted({job.key: job for job in reversed(jobs)}.values(), key=lambda job: job.period.first)
        if self._together:
            jobs = await self._set_apart(jobs, result)
        jobs, result.later = jobs[:MOST_SHEETS], jobs[MOST_SHEETS:]
        ledger = await self._ledger(jobs, postings)
        async for job in in_turns(jobs, 1):
            await self._compute(job, ledger, result)
        return result

    def _jobs(
        self,
        mark: Mark,
        postings: Sequence[Posting],
        bindings: Sequence[Binding],
        months: Sequence[date],
        result: Result,
    ) -> Iterator[Job]:
        """The sheets a mark asks for; a scheme that cannot even say its periods fails alone."""
        for scheme, use in self._schemes(bindings):
            try:
                yield from jobs_of(mark, postings, bindings, scheme, use, months)
            except Exception as error:
                result.failures.append(_failure(mark.officer_id, scheme, mark.since, mark.until, error))

    async def _compute(self, job: Job, ledger: Ledger, result: Result) -> None:
        """One sheet; whatever goes wrong with it is its own."""
        try:
            entries = ledger.of(job)
            if len(entries) > MANY_ENTRIES:
                self.heavy.add(job.officer_id)
                sheet = await asyncio.to_thread(self._sheet, job, entries, ledger)
            else:
                sheet = self._sheet(job, entries, ledger)
            result.sheets[job.key] = sheet
        except Exception as error:
            period = job.period
            result.failures.append(_failure(job.officer_id, job.scheme, period.first, period.last, error))

    async def _set_apart(self, jobs: Sequence[Job], result: Result) -> list[Job]:
        """Counted, before anything is read, whose sheets would hold up the others."""
        result.apart = await reading.crowded(self._connection, {job.window for job in jobs}, MANY_ENTRIES)
        result.failures = [failure for failure in result.failures if failure.officer_id not in result.apart]
        self.heavy |= result.apart
        return [job for job in jobs if job.officer_id not in result.apart]

    async def _without(self, marks: Sequence[Mark], apart: set[UUID]) -> Sequence[Mark]:
        if apart:
            await mark_again(self._connection, [mark for mark in marks if mark.officer_id in apart])
        return [mark for mark in marks if mark.officer_id not in apart]

    async def _keep(self, marks: Sequence[Mark], result: Result) -> None:
        """What failed, what is mended, what is left."""
        failed = [(failure.officer_id, failure.scheme, failure.since) for failure in result.failures]
        still_open = [*failed, *(job.key for job in result.later)]
        await forget_failures(self._connection, marks, result.sheets.keys(), still_open)
        if result.failures:
            await keep_failures(self._connection, result.failures)
        if result.later:
            await mark_again(self._connection, _left(result.later))

    def _schemes(self, bindings: Iterable[Binding]) -> list[tuple[Scheme, Use]]:
        bound = sorted({(binding.scheme, binding.use) for binding in bindings})
        loaded = ((self._rubrics.find(scheme), use) for scheme, use in bound)
        # C-08: while nobody decided which days a sheet covers there are no sheets.
        return [(scheme, use) for scheme, use in loaded if scheme and scheme.measured]

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

    def _sheet(self, job: Job, entries: Sequence[Entry], ledger: Ledger) -> StoredSheet:
        scheme, period = job.scheme, job.period
        context = Context(job.officer_id, period, job.stays, CONNECTED, self._rubrics.days_off.calendar)
        result = evaluate(scheme.plan, entries, context, ledger.matters_of(job))
        content = content_of(result, scheme)
        villages = job.villages_of_period
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
            digest=digest_of(scheme.version, period, villages, content, job.use),
            content=content,
            shadow=job.use == "shadow",
            computed_at=self._unit.now,
        )

    def _taken_off(self, stored: Iterable[StoredSheet], result: Result, marks: Iterable[Mark]) -> Iterator[StoredSheet]:
        """Sheets of the marked days that nothing asks for any more: the officer is not among those appraised (C-45)."""
        marked = {mark.officer_id: mark for mark in marks}
        for sheet in result.without_claim(stored):
            mark = marked[sheet.officer_id]
            touched = sheet.period_to >= mark.since and sheet.period_from <= mark.until
            if touched and not self._rubrics.is_broken(sheet.scheme):
                yield replace(sheet, total=None, grade=None, vetoes=(), digest=TAKEN_OFF, content=NOT_APPRAISED)


def _failure(officer: UUID, scheme: Scheme, since: date, until: date, error: Exception) -> Failure:
    """The kind of error and no more: its text may quote what somebody entered."""
    log.error("sheet.failed", scheme=scheme.id, error=type(error).__name__, exc_info=error)
    return Failure(officer, scheme.id, since, until, type(error).__name__)


def _left(later: Iterable[Job]) -> list[Mark]:
    """Marks for sheets that were too many: of each officer from the first to the last of them."""
    his: dict[UUID, list[date]] = defaultdict(list)
    for job in later:
        his[job.officer_id].append(job.period.last)
    return [Mark(officer, min(lasts), max(lasts)) for officer, lasts in his.items()]


def _windows(jobs: Iterable[Job]) -> Iterator[Window]:
    """One stretch of days for each officer that holds the evidence of all his jobs."""
    his: dict[UUID, list[Job]] = defaultdict(list)
    for job in jobs:
        his[job.officer_id].append(job)
    for officer, mine in his.items():
        yield officer, min(job.evidence_from for job in mine), max(job.period.last for job in mine)


def _differs(sheet: StoredSheet, stored: StoredSheet | None) -> bool:
    return stored is None or stored.digest != sheet.digest
