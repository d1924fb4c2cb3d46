"""Duty rosters: who has to be there on which day (F-021); judged when the day is over."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pydantic import TypeAdapter

from services.fieldwork.errors import OutsideJurisdiction, StationUnknownYet
from services.fieldwork.repository import people
from services.fieldwork.repository import sessions as repository
from services.fieldwork.repository.sessions import OfficerDay
from services.fieldwork.schemas.given import RosterDay
from services.fieldwork.service.batches import Entry, Reader, audit_batch, outcome_dict
from services.fieldwork.service.references import References
from shared.database.unit import Unit
from shared.security.jurisdiction import normal_division
from shared.security.principal import Principal
from shared.security.vault import Vault
from shared.web.problems import Problem

_TYPES = {"roster_day": TypeAdapter(RosterDay)}
_COUNTY_DIGITS = 6


class Rosters:
    """One call of `POST /v1/rosters`."""

    def __init__(self, unit: Unit, who: Principal, vault: Vault) -> None:
        self._unit = unit
        self._who = who
        self._vault = vault

    async def enter(self, raw_items: Sequence[Any]) -> list[dict[str, Any]]:
        """Put officers on duty; a day that is there already is a duplicate."""
        entries = await Reader(self._vault, _TYPES, lambda _: "roster_day").read(raw_items)
        known = await References.of(self._unit, self._who, [entry.given.officer for entry in entries if entry.item])
        homes = await people.homes(self._unit.connection, {p.officer_id for p in known.officers.values()})
        days = {entry.index: day for entry in entries if entry.is_open and (day := self._day(entry, known, homes))}
        rows = {day: (*day, _county(homes[day[0]]), self._who.subject, self._unit.now, 0) for day in days.values()}
        new = await repository.insert_roster(self._unit.connection, list(rows.values())) if rows else set()
        for index, day in days.items():
            entries[index].outcome = "created" if day in new else "duplicate"
            new.discard(day)
        await audit_batch(self._unit, self._who, "fieldwork.roster", entries)
        return [outcome_dict(entry) for entry in entries]

    def _day(self, entry: Entry[RosterDay], known: References, homes: dict[Any, str]) -> OfficerDay | None:
        try:
            officer = known.officer(entry.given.officer).officer_id
            if officer not in homes:
                raise StationUnknownYet
            if not self._who.covers(homes[officer]):
                raise OutsideJurisdiction
        except Problem as problem:
            entry.fail(problem)
            return None
        return officer, entry.given.day


def _county(home: str) -> str:
    return normal_division(home)[:_COUNTY_DIGITS]
