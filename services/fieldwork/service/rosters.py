"""Duty rosters: who has to be there on which day (F-021), taken back and corrected by new records only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from services.fieldwork.errors.deciding import OwnRoster, ReasonRequired, RosterContradicted
from services.fieldwork.errors.naming import OutsideJurisdiction, StationUnknownYet
from services.fieldwork.repository import changes, people
from services.fieldwork.repository import rosters as repository
from services.fieldwork.repository.changes import Change, What
from services.fieldwork.repository.holders import Asked
from services.fieldwork.repository.rosters import Standing
from services.fieldwork.repository.sessions import OfficerDay
from services.fieldwork.rules import rosters as rules
from services.fieldwork.rules.rosters import Said, State
from services.fieldwork.schemas.given import RosterDay
from services.fieldwork.service.acts import Deciders
from services.fieldwork.service.batches import Reader, conclude, outcome_dict
from services.fieldwork.service.entries import Entry
from services.fieldwork.service.kinds import Kinds
from services.fieldwork.service.references import References
from shared.clock import shanghai_day
from shared.database.unit import Unit
from shared.ids import new_id
from shared.reference.people import Person
from shared.security.principal import Principal
from shared.security.vault import Vault
from shared.web.problems import Problem

_TYPES = {"roster_day": TypeAdapter(RosterDay)}


@dataclass(frozen=True, slots=True)
class Duty:
    """A word about a day: the officer whose day it is, the division he belongs to then, who of a station says it."""

    said: Said
    officer: Person
    home: str

    @property
    def day(self) -> OfficerDay:
        """Whose day."""
        return self.said.officer, self.said.day


class Rosters:
    """One call of `POST /v1/rosters`."""

    def __init__(self, unit: Unit, who: Principal, kinds: Kinds, vault: Vault) -> None:
        self._unit = unit
        self._who = who
        self._kinds = kinds
        self._vault = vault
        self._today = shanghai_day(unit.now)
        self._records: dict[OfficerDay, tuple[UUID, bool, State]] = {}
        self._told: dict[int, tuple[UUID | None, State]] = {}

    async def enter(self, raw_items: Sequence[Any]) -> list[dict[str, Any]]:
        """Put officers on duty or take them off it; what is said of a day that has come waits for somebody else."""
        entries = await Reader(self._vault, _TYPES, lambda _: "roster_day").read(raw_items)
        duties = await self._permitted(entries, await self._duties(entries))
        standing = await repository.standing(self._unit.connection, {duty.day for duty in duties.values()})
        new = [duty for index, duty in duties.items() if self._is_news(entries[index], duty, standing[duty.day])]
        await self._keep(new)
        await conclude(self._unit, self._who, "fieldwork.roster", entries)
        await changes.append(self._unit.connection, [self._change(duty) for duty in new], self._unit.now)
        return [self._outcome(entry) for entry in entries]

    async def _duties(self, entries: Sequence[Entry[RosterDay]]) -> dict[int, Duty]:
        """Who says what of whom; the other entries are told what is wrong with what they name."""
        refs = [ref for entry in entries if entry.item for ref in (entry.item.officer, entry.item.entered_by)]
        known = await References.of(self._unit, self._who, refs)
        named = {entry.index: pair for entry in entries if entry.is_open and (pair := _named(entry, known))}
        days = {(officer.officer_id, entries[index].given.day) for index, (officer, _) in named.items()}
        homes = await people.homes(self._unit.connection, days)
        duties = {index: self._duty(entries[index], *pair, homes) for index, pair in named.items()}
        return {index: duty for index, duty in duties.items() if duty is not None}

    def _duty(
        self, entry: Entry[RosterDay], officer: Person, by: Person, homes: Mapping[OfficerDay, str]
    ) -> Duty | None:
        item = entry.given
        said = Said(officer.officer_id, item.day, item.on_duty, by.officer_id, item.reason)
        try:
            home = homes.get((officer.officer_id, item.day))
            if home is None:
                raise StationUnknownYet
            if not self._who.covers(home):
                raise OutsideJurisdiction
        except Problem as problem:
            entry.fail(problem)
            return None
        return Duty(said, officer, home)

    async def _permitted(self, entries: Sequence[Entry[RosterDay]], duties: dict[int, Duty]) -> dict[int, Duty]:
        """What may be said; the other entries are told why not."""
        asked = [_asked(duty, self._today) for duty in duties.values()]
        deciders = await Deciders.of("roster", self._unit, self._kinds, asked)
        for index, duty in duties.items():
            try:
                if duty.said.by == duty.said.officer:
                    raise OwnRoster("请由责任单位的其他人员排班")
                deciders.require(_asked(duty, self._today), duty.said.day, duty.officer.org)
            except Problem as problem:
                entries[index].fail(problem)
        return {index: duty for index, duty in duties.items() if entries[index].is_open}

    def _is_news(self, entry: Entry[RosterDay], duty: Duty, standing: Standing) -> bool:
        """Whether nothing like it holds or waits; a day is told of once a batch."""
        told: tuple[UUID | None, State] = standing.waiting_id, "waiting" if standing.waiting_id else "holds"
        if duty.day in self._records:
            id, on_duty, state = self._records[duty.day]
            standing, told = Standing(on_duty, id, on_duty), (id, state)
        match rules.answer(duty.said, standing.on_duty, standing.waiting):
            case "duplicate":
                entry.outcome = "duplicate"
                self._told[entry.index] = told
            case "contradicted":
                entry.conflict(RosterContradicted("请先办理待确认的更正,再登记新的内容"))
            case None if rules.lacks_reason(duty.said, self._today):
                entry.fail(ReasonRequired("当日及以后的登记是更正:请在 reason 中写明原因代码,并由另一人确认"))
            case None:
                self._let_stand(entry, duty)
                return True
        return False

    def _let_stand(self, entry: Entry[RosterDay], duty: Duty) -> None:
        state = rules.state(duty.said, self._today)
        id = new_id()
        self._records[duty.day] = id, duty.said.on_duty, state
        self._told[entry.index] = id, state
        entry.outcome = "created"

    async def _keep(self, duties: Sequence[Duty]) -> None:
        if not duties:
            return
        await repository.keep(self._unit.connection, [self._row(duty) for duty in duties])
        await repository.hold(
            self._unit.connection, [id for id, _, state in self._records.values() if state == "holds"]
        )

    def _row(self, duty: Duty) -> tuple[Any, ...]:
        said, (id, on_duty, state) = duty.said, self._records[duty.day]
        return (
            *(id, said.officer, said.day, duty.home, on_duty, said.reason),
            *(said.by, self._who.subject, self._unit.now, state),
        )

    def _change(self, duty: Duty) -> Change:
        id, on_duty, state = self._records[duty.day]
        held: What = "recorded" if on_duty else "withdrawn"
        return Change(duty.home, "roster", id, "to_confirm" if state == "waiting" else held)

    def _outcome(self, entry: Entry[RosterDay]) -> dict[str, Any]:
        if entry.index not in self._told:
            return outcome_dict(entry)
        id, state = self._told[entry.index]
        return outcome_dict(entry, state=state, **({"id": id} if id else {}))


def _named(entry: Entry[RosterDay], known: References) -> tuple[Person, Person] | None:
    item = entry.given
    try:
        by = known.deciding(item.entered_by)
        entry.actor = by.officer_id
        return known.officer(item.officer, item.day), by
    except Problem as problem:
        entry.fail(problem)
        return None


def _asked(duty: Duty, today: date) -> Asked:
    return duty.said.by, duty.home, today
