"""The arrival register: who came to which village when, and left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from services.fieldwork.errors import (
    EndsBeforeItBegins,
    InTheFuture,
    OutsideJurisdiction,
    SessionClosed,
    SessionTooLong,
    SessionUnknownYet,
)
from services.fieldwork.repository import sessions as repository
from services.fieldwork.repository.changes import Change
from services.fieldwork.repository.sessions import OfficerDay
from services.fieldwork.rules.items import TimeFault, session_fault, time_fault
from services.fieldwork.schemas.given import Arrival, Departure
from services.fieldwork.service.batches import Entry, settle
from services.fieldwork.service.references import References
from shared.clock import shanghai_day
from shared.database.unit import Unit
from shared.web.problems import Problem


class Register:
    """The arrivals and departures of one sync; the days they touch are worked out anew right after."""

    def __init__(self, unit: Unit, known: References) -> None:
        self._unit = unit
        self._known = known
        self._touched: set[OfficerDay] = set()

    async def arrive(self, entries: Sequence[Entry[Arrival]]) -> list[Change]:
        """Keep the good and new arrivals."""
        rows = {entry.index: row for entry in entries if entry.is_open and (row := self._arrival(entry))}

        async def insert(chosen: list[Entry[Arrival]]) -> set[UUID]:
            return await repository.insert_arrivals(self._unit.connection, [rows[entry.index] for entry in chosen])

        created = await settle(self._unit, repository.arrival_hashes, entries, lambda item: item.id, insert)
        self._touched |= {(e.work[0], e.work[2]) for e in created if e.work}
        return [Change(e.work[1], "arrival", e.given.id, "recorded") for e in created if e.work]

    def _arrival(self, entry: Entry[Arrival]) -> tuple[Any, ...] | None:
        item = entry.given
        try:
            day = shanghai_day(item.at)
            village = self._known.village(item.village, day)
            officer = self._known.acting(item.officer, day)
            entry.actor = officer.officer_id
            _require(time_fault(self._unit.now, item.at, None))
        except Problem as problem:
            entry.fail(problem)
            return None
        entry.work = (officer.officer_id, village, day)
        sent = (item.id, entry.content_hash, self._known.who.subject, self._unit.now)
        return (*sent, officer.officer_id, village, day, item.at)

    async def leave(self, entries: Sequence[Entry[Departure]]) -> list[Change]:
        """Keep the good and new departures; their arrivals may have come in the same batch."""
        opened = [entry for entry in entries if entry.is_open]
        if not entries:
            return []
        begun = await repository.arrivals(self._unit.connection, {entry.given.session for entry in opened})
        await self._known.add(self._unit, {session.officer for session in begun.values()})
        rows = {entry.index: row for entry in opened if (row := self._departure(entry, begun))}

        async def insert(chosen: list[Entry[Departure]]) -> set[UUID]:
            return await repository.insert_departures(self._unit.connection, [rows[entry.index] for entry in chosen])

        created = await settle(self._unit, repository.departure_hashes, entries, lambda item: item.id, insert)
        for entry in entries:
            if entry.is_open:
                entry.conflict(SessionClosed("此时段已有另一离开记录,原记录未改动"))
        self._touched |= {day for entry in created for day in _days(begun[entry.given.session], entry.given)}
        return [Change(begun[e.given.session].village, "departure", e.given.id, "recorded") for e in created]

    async def mark(self) -> None:
        """Have the touched days worked out anew; marked once, in sorted order, so that two batches cannot deadlock."""
        await repository.mark(self._unit.connection, self._touched)

    def _departure(self, entry: Entry[Departure], begun: dict[UUID, Row[Any]]) -> tuple[Any, ...] | None:
        item = entry.given
        try:
            session = begun.get(item.session)
            if session is None:
                raise SessionUnknownYet
            if not self._known.who.covers(session.village):
                raise OutsideJurisdiction
            entry.actor = self._known.acting(session.officer, shanghai_day(item.at)).officer_id
            _require(session_fault(self._unit.now, session.at, item.at))
        except Problem as problem:
            entry.fail(problem)
            return None
        return (item.id, entry.content_hash, self._known.who.subject, self._unit.now, item.session, item.at)


def _days(session: Row[Any], left: Departure) -> set[OfficerDay]:
    last = shanghai_day(left.at)
    return {(session.officer, session.day + timedelta(days=n)) for n in range((last - session.day).days + 1)}


def _require(fault: TimeFault | None) -> None:
    match fault:
        case "in_the_future":
            raise InTheFuture("请校准手机时钟后重发")
        case "ends_before_it_begins":
            raise EndsBeforeItBegins("离开不能早于到达")
        case "session_too_long":
            raise SessionTooLong("离开距到达过久,请另行登记到达")
