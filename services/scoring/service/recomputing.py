"""When sheets are computed: the ticks of the worker, and what becomes of one that failed."""

from __future__ import annotations

import time
from datetime import date
from uuid import UUID

import structlog

from services.scoring.repository.failures import ALL_SCHEMES, Failure, keep_failures, try_again
from services.scoring.repository.marks import Mark, take_marks, take_one_of
from services.scoring.service.recompute import Recompute
from services.scoring.service.rubrics import Rubrics
from shared.database.unit import Unit
from shared.messaging.one_by_one import OneByOne
from shared.observability.metrics import SHEETS_FAILED

log = structlog.get_logger(__name__)

MOST_AT_ONCE = 25
"""Officers in one transaction; the consumer beside it goes first after each."""
REST = 9
"""After one with very many entries the next waits so many times as long as he took: nine tenths are the others'."""


class Recomputing:
    """Takes marks and has the sheets computed. One officer with very many entries, or one that fails, delays nobody."""

    def __init__(self, rubrics: Rubrics) -> None:
        self._rubrics = rubrics
        self._heavy: set[UUID] = set()
        self._together = OneByOne[Mark](MOST_AT_ONCE)
        self._apart = OneByOne[Mark](1)
        self._apart_again = 0.0

    async def tick(self, unit: Unit) -> bool:
        """Score those whose marks are due; True when more may be waiting. After a failure one officer at a time."""
        if self._rubrics.outdated:
            return False
        most = self._together.size()
        marks = await take_marks(unit.connection, most, self._heavy)
        self._together.took(marks)
        left = await self._score(unit, marks, together=True)
        return left or len(marks) == most

    async def failed(self, unit: Unit, error: Exception) -> None:
        """After a tick that failed as a whole: whoever was alone in it is put aside, else each is tried alone."""
        if mark := self._together.culprit(error):
            await _put_aside(unit, mark, error)

    async def tick_apart(self, unit: Unit) -> bool:
        """The same for one of those with very many entries."""
        self._apart.size()
        began = time.monotonic()
        if self._rubrics.outdated or not self._heavy or began < self._apart_again:
            return False
        marks = await take_one_of(unit.connection, self._heavy)
        self._apart.took(marks)
        await self._score(unit, marks, together=False)
        self._apart_again = time.monotonic() + REST * (time.monotonic() - began)
        return bool(marks)

    async def failed_apart(self, unit: Unit, error: Exception) -> None:
        """He is put aside until his next try."""
        if mark := self._apart.culprit(error):
            await _put_aside(unit, mark, error)

    async def _score(self, unit: Unit, marks: list[Mark], together: bool) -> bool:
        if not marks:
            return False
        recompute = Recompute(unit, self._rubrics, together)
        left = await recompute.of(marks)
        self._heavy = self._heavy - {mark.officer_id for mark in marks} | recompute.heavy
        return left


async def try_failed_again(unit: Unit) -> bool:
    """Mark the sheets whose next try is due, and tell how many have failed."""
    SHEETS_FAILED.labels("scoring").set(await try_again(unit.connection))
    return False


async def _put_aside(unit: Unit, mark: Mark, error: Exception) -> None:
    log.error("officer.failed", error=type(error).__name__, exc_info=error)
    failure = Failure(mark.officer_id, ALL_SCHEMES, date.min, date.max, type(error).__name__)
    await keep_failures(unit.connection, [failure])
