"""Duty rosters: who has to be there on which day (F-021); judged when the day is over."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from services.fieldwork.errors import NotTheStation, OutsideJurisdiction, StationUnknownYet
from services.fieldwork.repository import people
from services.fieldwork.repository import sessions as repository
from services.fieldwork.repository.people import Person
from services.fieldwork.repository.sessions import OfficerDay
from services.fieldwork.rules.places import county_of
from services.fieldwork.schemas.given import RosterDay
from services.fieldwork.service.batches import Entry, Reader, audit_batch, outcome_dict
from services.fieldwork.service.references import References
from shared.clock import shanghai_day
from shared.database.unit import Unit
from shared.security.jurisdiction import normal_division
from shared.security.principal import Principal
from shared.security.vault import Vault
from shared.web.problems import Problem

_TYPES = {"roster_day": TypeAdapter(RosterDay)}


@dataclass(frozen=True, slots=True)
class Duty:
    """A rostered day: the division its officer belongs to, and who of a station enters it."""

    day: OfficerDay
    home: str
    by: Person


class Rosters:
    """One call of `POST /v1/rosters`."""

    def __init__(self, unit: Unit, who: Principal, vault: Vault) -> None:
        self._unit = unit
        self._who = who
        self._vault = vault

    async def enter(self, raw_items: Sequence[Any]) -> list[dict[str, Any]]:
        """Put officers on duty; a day that is there already is a duplicate."""
        entries = await Reader(self._vault, _TYPES, lambda _: "roster_day").read(raw_items)
        duties = await self._duties(entries)
        new = await self._keep(duties.values())
        for index, duty in duties.items():
            entries[index].outcome = "created" if duty.day in new else "duplicate"
            new.discard(duty.day)
        await audit_batch(self._unit, self._who, "fieldwork.roster", entries)
        return [outcome_dict(entry) for entry in entries]

    async def _duties(self, entries: Sequence[Entry[RosterDay]]) -> dict[int, Duty]:
        """What may be entered; the other entries are told why not."""
        refs = [ref for entry in entries if entry.item for ref in (entry.item.officer, entry.item.entered_by)]
        known = await References.of(self._unit, self._who, refs)
        officers = {person.officer_id for meant in known.officers.values() for person in meant}
        homes = await people.homes(self._unit.connection, officers)
        named = {entry.index: duty for entry in entries if entry.is_open and (duty := self._duty(entry, known, homes))}
        pairs = [(duty.home, duty.by.org) for duty in named.values()]
        responsible = await people.responsible(self._unit.connection, pairs, shanghai_day(self._unit.now))
        for index, duty in named.items():
            if (duty.home, duty.by.org) not in responsible:
                entries[index].fail(NotTheStation("请由责任派出所或其上级公安机关的人员排班"))
        return {index: duty for index, duty in named.items() if entries[index].is_open}

    def _duty(self, entry: Entry[RosterDay], known: References, homes: Mapping[UUID, str]) -> Duty | None:
        item = entry.given
        try:
            by = known.acting(item.entered_by)
            entry.actor = by.officer_id
            officer = known.officer(item.officer).officer_id
            if officer not in homes:
                raise StationUnknownYet
            if not self._who.covers(homes[officer]):
                raise OutsideJurisdiction
        except Problem as problem:
            entry.fail(problem)
            return None
        return Duty((officer, item.day), homes[officer], by)

    async def _keep(self, duties: Collection[Duty]) -> set[OfficerDay]:
        """Keep these days, the first entry of each; returns those that are new."""
        rows: dict[OfficerDay, tuple[Any, ...]] = {}
        for duty in duties:
            county, by = county_of(normal_division(duty.home)), duty.by.officer_id
            rows.setdefault(duty.day, (*duty.day, county, by, self._who.subject, self._unit.now, 0))
        return await repository.insert_roster(self._unit.connection, list(rows.values())) if rows else set()
