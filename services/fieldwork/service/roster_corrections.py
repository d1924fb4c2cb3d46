"""Corrections of rosters: somebody else confirms or refuses them, and only then do they count (F-021)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter
from sqlalchemy import Row

from services.fieldwork.errors.deciding import OwnRoster, ReasonRequired, RosterDecided, RosterNotFound
from services.fieldwork.repository import changes, sessions
from services.fieldwork.repository import rosters as repository
from services.fieldwork.repository.changes import Change
from services.fieldwork.repository.holders import Asked
from services.fieldwork.rules.rosters import may_confirm
from services.fieldwork.schemas.given import RosterConfirmation
from services.fieldwork.schemas.told import WaitingRoster
from services.fieldwork.service.acts import Deciders
from services.fieldwork.service.batches import Reader, conclude, outcome_dict
from services.fieldwork.service.entries import Entry
from services.fieldwork.service.kinds import Kinds
from services.fieldwork.service.references import References
from shared.clock import shanghai_day
from shared.database.unit import Unit
from shared.reference.people import Person
from shared.security.principal import Principal
from shared.security.vault import Vault
from shared.web.pages import Page, decode_cursor, encode_cursor
from shared.web.problems import Problem

_TYPES = {"confirmation": TypeAdapter(RosterConfirmation)}
_STATES = {True: "confirmed", False: "refused"}


class RosterCorrections:
    """One call of `POST /v1/rosters/confirmations`."""

    def __init__(self, unit: Unit, who: Principal, kinds: Kinds, vault: Vault) -> None:
        self._unit = unit
        self._who = who
        self._kinds = kinds
        self._vault = vault
        self._today = shanghai_day(unit.now)

    async def decide(self, raw_items: Sequence[Any]) -> list[dict[str, Any]]:
        """Let each permitted decision stand; a confirmed correction holds, and its day is judged anew."""
        entries = await Reader(self._vault, _TYPES, lambda _: "confirmation").read(raw_items)
        known = await References.of(self._unit, self._who, [e.given.confirmed_by for e in entries if e.item])
        deciding = {entry.index: who for entry in entries if entry.is_open and (who := _confirming(entry, known))}
        asked = [entry.given.id for entry in entries if entry.is_open]
        records = await repository.lock(self._unit.connection, asked, self._who.division)
        await known.add(self._unit, {record.officer for record in records.values()})
        await self._judge(entries, deciding, records, known)
        decided = [(entry, records[entry.given.id]) for entry in entries if entry.outcome == "created"]
        await self._keep(decided, deciding)
        await conclude(self._unit, self._who, "fieldwork.confirm_roster", entries)
        await changes.append(self._unit.connection, [_change(*pair) for pair in decided], self._unit.now)
        return [outcome_dict(entry, **({"id": entry.item.id} if entry.item else {})) for entry in entries]

    async def _judge(
        self,
        entries: Sequence[Entry[RosterConfirmation]],
        deciding: dict[int, Person],
        records: dict[UUID, Row[Any]],
        known: References,
    ) -> None:
        pairs = [(entry, records.get(entry.given.id)) for entry in entries if entry.is_open]
        asked = [_asked(deciding[entry.index], record, self._today) for entry, record in pairs if record]
        deciders = await Deciders.of("roster", self._unit, self._kinds, asked)
        settled = {record.id: record.state for record in records.values()}
        for entry, record in pairs:
            try:
                if record is None:
                    raise RosterNotFound
                self._require(entry, record, deciding[entry.index], known, deciders)
            except Problem as problem:
                entry.fail(problem)
                continue
            _settle(entry, settled)

    def _require(
        self,
        entry: Entry[RosterConfirmation],
        record: Row[Any],
        by: Person,
        known: References,
        deciders: Deciders,
    ) -> None:
        if not may_confirm(record.officer, record.entered_by, by.officer_id):
            raise OwnRoster("请由登记人和值班人以外的人员确认")
        office = known.person(record.officer).org
        deciders.require(_asked(by, record, self._today), record.day, office)
        if not (entry.given.confirm or entry.given.reason):
            raise ReasonRequired("请在 reason 中写明不予确认的原因代码")

    async def _keep(
        self, decided: Sequence[tuple[Entry[RosterConfirmation], Row[Any]]], deciding: dict[int, Person]
    ) -> None:
        if not decided:
            return
        rows = [
            (
                *(record.id, entry.given.confirm, entry.given.reason),
                *(deciding[entry.index].officer_id, self._who.subject, self._unit.now),
            )
            for entry, record in decided
        ]
        states = {record.id: _STATES[entry.given.confirm] for entry, record in decided}
        await repository.decide(self._unit.connection, rows, states)
        confirmed = [record for entry, record in decided if entry.given.confirm]
        await repository.hold(self._unit.connection, [record.id for record in confirmed])
        await sessions.mark(self._unit.connection, repository.days_of(confirmed))

    async def waiting(self, after: str | None, limit: int) -> Page[WaitingRoster]:
        """Corrections of one's jurisdiction that nobody has decided about, the oldest first."""
        position = decode_cursor(after, tuple[datetime, UUID]) if after else None
        rows = await repository.waiting(self._unit.connection, self._who.division, position, limit + 1)
        shown = [WaitingRoster.model_validate(dict(row._mapping)) for row in rows[:limit]]
        more = len(rows) > limit
        return Page(items=shown, next=encode_cursor((shown[-1].recorded_at, shown[-1].id)) if more else None)


def _confirming(entry: Entry[RosterConfirmation], known: References) -> Person | None:
    try:
        by = known.deciding(entry.given.confirmed_by)
    except Problem as problem:
        entry.fail(problem)
        return None
    entry.actor = by.officer_id
    return by


def _asked(by: Person, record: Row[Any], today: date) -> Asked:
    return by.officer_id, record.village, today


def _settle(entry: Entry[RosterConfirmation], settled: dict[UUID, str]) -> None:
    """The first word about a correction stands; the same again changes nothing."""
    id, wanted = entry.given.id, _STATES[entry.given.confirm]
    if settled[id] == "waiting":
        settled[id] = wanted
        entry.outcome = "created"
    elif settled[id] == wanted:
        entry.outcome = "duplicate"
    else:
        entry.conflict(RosterDecided("如需更改,请另行登记更正"))


def _change(entry: Entry[RosterConfirmation], record: Row[Any]) -> Change:
    return Change(record.village, "roster", record.id, "confirmed" if entry.given.confirm else "refused")
