"""Whoever entered something takes it back: a record of its own, and what was entered stands no more (A-210)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from services.fieldwork.errors.items import AlreadyEnded, CorrectsAnothers
from services.fieldwork.errors.naming import ItemUnknownYet
from services.fieldwork.repository import activities, register
from services.fieldwork.repository import withdrawals as repository
from services.fieldwork.repository.changes import Change
from services.fieldwork.repository.items import Names
from services.fieldwork.rules.corrections import Claim, Entered
from services.fieldwork.rules.places import county_of
from services.fieldwork.schemas.given import Withdrawal
from services.fieldwork.service.batches import meaning_of, settle
from services.fieldwork.service.entries import Entry
from services.fieldwork.service.naming import Naming
from services.fieldwork.service.references import References
from shared.clock import shanghai_day
from shared.contracts.envelope import Fact
from shared.contracts.fieldwork import ActivityRejectedV1
from shared.database.unit import Unit
from shared.ids import new_id
from shared.security.vault import Vault
from shared.web.problems import Problem

_CALLED: dict[str, Names] = {
    "activity": activities.called,
    "arrival": register.arrivals_called,
    "departure": register.departures_called,
}


class Withdrawals:
    """The withdrawals of one sync."""

    def __init__(
        self, unit: Unit, known: References, vault: Vault, touch: Callable[[Sequence[Row[Any]]], None]
    ) -> None:
        self._unit = unit
        self._known = known
        self._vault = vault
        self._touch = touch
        self._named: dict[str, Naming] = defaultdict(Naming)
        self._own = Naming()

    async def take(self, entries: Sequence[Entry[Withdrawal]]) -> list[Change]:
        """Keep the good and new ones; what they name stands no more."""
        if not entries:
            return []
        for of, called in _CALLED.items():
            refs = [entry.given.target for entry in entries if entry.given.of == of]
            await self._named[of].learn(called, self._unit, self._known.who, refs)
        await self._own.learn(repository.called, self._unit, self._known.who, [entry.given.id for entry in entries])
        targets = await repository.targets(self._unit.connection, self._targets(entries))
        rows = {entry.index: row for entry in entries if entry.is_open and (row := self._row(entry, targets))}

        async def insert(chosen: list[Entry[Withdrawal]]) -> set[UUID]:
            return await repository.insert(self._unit.connection, [rows[entry.index] for entry in chosen])

        created = await settle(self._unit, repository.hashes, entries, insert)
        for entry in entries:
            if entry.is_open:
                entry.conflict(AlreadyEnded("无需再次撤回"))
        return await self._end([(entry, targets[self._target(entry)]) for entry in created])

    def _targets(self, entries: Sequence[Entry[Withdrawal]]) -> dict[UUID, str]:
        found: dict[UUID, str] = {}
        for entry in entries:
            try:
                found[self._target(entry)] = entry.given.of
            except Problem as problem:
                entry.fail(problem)
        return found

    def _target(self, entry: Entry[Withdrawal]) -> UUID:
        target = self._named[entry.given.of].known(entry.given.target)
        if target is None:
            raise ItemUnknownYet
        return target

    def _row(self, entry: Entry[Withdrawal], targets: dict[UUID, Row[Any]]) -> tuple[Any, ...] | None:
        item = entry.given
        try:
            target = targets.get(self._target(entry))
            if target is None or not self._known.who.covers(target.village):
                raise ItemUnknownYet
            entry.id = self._own.of(item.id, county_of(target.village))
            entry.actor = self._known.acting(item.officer, shanghai_day(target.since)).officer_id
            if entry.actor != target.author:
                raise CorrectsAnothers("请由登记人本人撤回")
            entry.meaning_hash = meaning_of(entry, self._vault, officer=entry.actor, target=target.id)
        except Problem as problem:
            entry.fail(problem)
            return None
        row = (*entry.sent(self._known.who.subject, self._unit.now), item.of, target.id, entry.actor)
        if target.ended_by not in (None, entry.id):
            entry.conflict(AlreadyEnded("请核对该登记的最新状态", ended_by=str(target.ended_by)))
        return (*row, target.village, item.reason)

    async def _end(self, ended: Sequence[tuple[Entry[Withdrawal], Row[Any]]]) -> list[Change]:
        of = {kind: [(e, t) for e, t in ended if e.given.of == kind] for kind in _CALLED}
        connection = self._unit.connection
        await register.end_arrivals(connection, {target.id: entry.key for entry, target in of["arrival"]})
        await register.end_departures(connection, {_own(target): entry.key for entry, target in of["departure"]})
        self._touch([target for _, target in (*of["arrival"], *of["departure"])])
        verdicts = [self._verdict(entry, target) for entry, target in of["activity"]]
        await activities.save_verdicts(connection, verdicts)
        self._unit.outbox.add(*(self._rejected(entry, target) for entry, target in of["activity"]))
        numbers = {row["activity_id"]: row["id"] for row in verdicts}
        return [Change(t.village, e.given.of, t.id, "withdrawn", numbers.get(t.id), t.classification) for e, t in ended]

    def _verdict(self, entry: Entry[Withdrawal], target: Row[Any]) -> dict[str, Any]:
        return {
            "id": new_id(),
            "activity_id": target.id,
            "number": target.verdicts + 1,
            "subject": self._known.who.subject,
            "verdict": "withdraw",
            "decided_by": entry.actor,
            "decided_at": self._unit.now,
            "cause": "withdrawn",
            "reason": entry.given.reason,
            "replaces": target.verdict_id,
        }

    def _rejected(self, entry: Entry[Withdrawal], target: Row[Any]) -> Fact[ActivityRejectedV1]:
        data = ActivityRejectedV1(
            activity_id=target.id,
            officer_id=target.officer,
            cause="withdrawn",
            reason=entry.given.reason,
            decided_by=target.author,
        )
        return Fact.of(
            data,
            time=self._unit.now,
            actor=target.author,
            actor_org=self._known.person(target.author).org,
            jurisdiction=target.village,
            classification=target.classification,
        )


def _own(target: Row[Any]) -> Claim:
    return Claim(target.id, Entered(target.author, county_of(target.village)))
