"""The arrival register: who came to which village when, and left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from services.fieldwork.errors.items import EndsBeforeItBegins, InTheFuture, SessionClosed, SessionTooLong
from services.fieldwork.errors.naming import OutsideJurisdiction, SessionUnknownYet
from services.fieldwork.repository import register as repository
from services.fieldwork.repository import sessions
from services.fieldwork.repository.changes import Change
from services.fieldwork.repository.sessions import OfficerDay
from services.fieldwork.rules.items import TimeFault, session_fault, time_fault
from services.fieldwork.rules.places import county_of
from services.fieldwork.schemas.given import Arrival, Departure
from services.fieldwork.service.batches import meaning_of, settle
from services.fieldwork.service.corrections import Claimed, claim, name_first, require_own
from services.fieldwork.service.entries import Entry
from services.fieldwork.service.kinds import Bound, Kinds
from services.fieldwork.service.lateness import require_in_time
from services.fieldwork.service.naming import Naming
from services.fieldwork.service.references import References
from shared.clock import shanghai_day
from shared.database.unit import Unit
from shared.security.vault import Vault
from shared.web.problems import Problem


class Register:
    """The arrivals and departures of one sync; the days they touch are worked out anew right after."""

    def __init__(self, unit: Unit, known: References, kinds: Kinds, bound: Bound, vault: Vault) -> None:
        self._unit = unit
        self._known = known
        self._kinds = kinds
        self._bound = bound
        self._vault = vault
        self._arrivals, self._departures = Naming(), Naming()
        self._touched: set[OfficerDay] = set()

    async def arrive(self, entries: Sequence[Entry[Arrival]]) -> list[Change]:
        """Keep the good and new arrivals."""
        read = [(entry, entry.given, self._known.county(entry.given.village)) for entry in entries if entry.item]
        refs = [ref for _, item, _ in read for ref in (item.id, item.supersedes)]
        await self._arrivals.learn(repository.arrivals_called, self._unit, self._known.who, refs)
        for entry, item, county in read:
            entry.id = self._arrivals.of(item.id, county) if county else entry.id
        rows = {entry.index: row for entry in entries if entry.is_open and (row := self._arrival(entry))}
        claimed = [one for e in entries if e.is_open for one in claim(e, self._corrected(e))]
        await require_own(repository.corrected_arrivals, self._unit, self._known.who, claimed)

        async def insert(chosen: list[Entry[Arrival]]) -> set[UUID]:
            return await repository.insert_arrivals(self._unit.connection, [rows[entry.index] for entry in chosen])

        created = await settle(self._unit, repository.arrival_hashes, entries, insert)
        await name_first(repository.corrected_arrivals, self._unit, self._known.who, claimed)
        self._touched |= {(e.work[0], e.work[2]) for e in created if e.work}
        return [Change(e.work[1], "arrival", e.key, "recorded") for e in created if e.work]

    def _corrected(self, entry: Entry[Arrival]) -> UUID | None:
        ref, county = entry.given.supersedes, self._known.county(entry.given.village)
        return self._arrivals.of(ref, county) if ref and county else None

    def _arrival(self, entry: Entry[Arrival]) -> tuple[Any, ...] | None:
        item = entry.given
        try:
            day = shanghai_day(item.at)
            village = self._known.village(item.village, day)
            officer = self._known.acting(item.officer, day)
            entry.actor = officer.officer_id
            _require(time_fault(self._unit.now, item.at, None))
            require_in_time(self._kinds, self._bound.schemes(village, day), day, self._known.today)
        except Problem as problem:
            entry.fail(problem)
            return None
        entry.work = (officer.officer_id, village, day)
        corrects = self._corrected(entry)
        resolved = {"officer": officer.officer_id, "village": village, "supersedes": corrects}
        entry.meaning_hash = meaning_of(entry, self._vault, **resolved)
        sent = entry.sent(self._known.who.subject, self._unit.now)
        return (*sent, officer.officer_id, village, day, item.at, entry.key, corrects, None)

    async def supersede(self, created: Sequence[UUID]) -> list[Change]:
        """An arrival that another one corrects counts no more, whichever of the two came first."""
        ended = await repository.end_corrected(self._unit.connection, created) if created else []
        self._touched |= {(row.officer, row.day) for row in ended}
        return [Change(row.village, "arrival", row.older, "superseded") for row in ended]

    async def leave(self, entries: Sequence[Entry[Departure]]) -> list[Change]:
        """Keep the good and new departures; their arrivals may have come in the same batch."""
        if not entries:
            return []
        who, opened = self._known.who, [entry for entry in entries if entry.is_open]
        sessions = [entry.given.session for entry in entries if entry.item]
        await self._arrivals.learn(repository.arrivals_called, self._unit, who, sessions)
        refs = [ref for entry in entries if entry.item for ref in (entry.given.id, entry.given.supersedes)]
        await self._departures.learn(repository.departures_called, self._unit, who, refs)
        begun = await repository.arrivals(self._unit.connection, self._named(opened))
        await self._known.add(self._unit, {session.officer for session in begun.values()})
        rows = {entry.index: row for entry in opened if (row := self._departure(entry, begun))}
        claimed = [one for e in opened if e.is_open for one in claim(e, self._supersedes(e, begun))]
        await require_own(repository.corrected_departures, self._unit, who, claimed)
        changes = await self._end_departures(claimed)
        rows = await self._with_corrections(entries, rows)

        async def insert(chosen: list[Entry[Departure]]) -> set[UUID]:
            return await repository.insert_departures(self._unit.connection, [rows[entry.index] for entry in chosen])

        created = await settle(self._unit, repository.departure_hashes, entries, insert)
        for entry in entries:
            if entry.is_open:
                entry.conflict(SessionClosed("此时段已有另一离开记录,原记录未改动"))
        sessions_of = {entry.index: begun[self._session(entry)] for entry in created}
        self._touched |= {day for entry in created for day in _days(sessions_of[entry.index], entry.given.at)}
        recorded = [Change(sessions_of[e.index].village, "departure", e.key, "recorded") for e in created]
        return [*recorded, *changes]

    def _named(self, entries: Sequence[Entry[Departure]]) -> set[UUID]:
        found = set()
        for entry in entries:
            try:
                if known := self._arrivals.known(entry.given.session):
                    found.add(known)
            except Problem as problem:
                entry.fail(problem)
        return found

    def _session(self, entry: Entry[Departure]) -> UUID:
        known = self._arrivals.known(entry.given.session)
        if known is None:
            raise SessionUnknownYet
        return known

    def touch(self, ended: Sequence[Row[Any]]) -> None:
        """Days of sessions that were taken back."""
        self._touched |= {day for session in ended for day in _days(session, session.left_at or session.since)}

    async def mark(self) -> None:
        """Have the touched days worked out anew; marked once, in sorted order, so that two batches cannot deadlock."""
        await sessions.mark(self._unit.connection, self._touched)
        self._touched.clear()

    def _departure(self, entry: Entry[Departure], begun: dict[UUID, Row[Any]]) -> tuple[Any, ...] | None:
        item = entry.given
        try:
            session = begun.get(self._session(entry))
            if session is None:
                raise SessionUnknownYet
            if not self._known.who.covers(session.village):
                raise OutsideJurisdiction
            entry.id = self._departures.of(item.id, county_of(session.village))
            day = shanghai_day(item.at)
            entry.actor = self._known.acting(session.officer, day).officer_id
            _require(session_fault(self._unit.now, session.at, item.at))
            require_in_time(self._kinds, self._bound.schemes(session.village, day), day, self._known.today)
        except Problem as problem:
            entry.fail(problem)
            return None
        entry.work = (session.officer, session.village, day)
        corrects = self._supersedes(entry, begun)
        entry.meaning_hash = meaning_of(entry, self._vault, session=session.session, supersedes=corrects)
        sent = entry.sent(self._known.who.subject, self._unit.now)
        return (*sent, session.session, session.officer, county_of(session.village), item.at, corrects, None)

    def _supersedes(self, entry: Entry[Departure], begun: dict[UUID, Row[Any]]) -> UUID | None:
        ref = entry.given.supersedes
        return self._departures.of(ref, county_of(begun[self._session(entry)].village)) if ref else None

    async def _with_corrections(
        self, entries: Sequence[Entry[Departure]], rows: dict[int, tuple[Any, ...]]
    ) -> dict[int, tuple[Any, ...]]:
        """A departure whose correction came first has ended before it is kept."""
        new = [one for entry in entries if entry.is_open for one in claim(entry, entry.key)]
        found = await repository.corrected_departures(
            self._unit.connection, {claim for _, claim in new}, self._known.who.division
        )
        return {entry.index: (*rows[entry.index][:-1], found[claim].corrected_by) for entry, claim in new}

    async def _end_departures(self, claimed: Sequence[Claimed]) -> list[Change]:
        """The former departure ends first, for a session has one; not for one that is only sent again."""
        opened = [(entry, claim) for entry, claim in claimed if entry.is_open]
        kept = await repository.departure_hashes(self._unit.connection, [entry.key for entry, _ in opened])
        ended = await repository.end_departures(
            self._unit.connection, {claim: entry.key for entry, claim in opened if entry.key not in kept}
        )
        self._touched |= {day for row in ended for day in _days(row, row.left_at)}
        return [Change(row.village, "departure", row.id, "superseded") for row in ended]


def _days(session: Row[Any], left: datetime) -> set[OfficerDay]:
    last = shanghai_day(left)
    return {(session.officer, session.day + timedelta(days=n)) for n in range((last - session.day).days + 1)}


def _require(fault: TimeFault | None) -> None:
    match fault:
        case "in_the_future":
            raise InTheFuture("请校准手机时钟后重发")
        case "ends_before_it_begins":
            raise EndsBeforeItBegins("离开不能早于到达")
        case "session_too_long":
            raise SessionTooLong("离开距到达过久,请另行登记到达")
