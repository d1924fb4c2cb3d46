"""What phones send: activities, arrivals, departures, in one transaction, whatever their order and however often."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

from pydantic import TypeAdapter

from services.fieldwork.repository import changes
from services.fieldwork.repository.changes import Change
from services.fieldwork.schemas.given import Activity, Arrival, Departure, Withdrawal
from services.fieldwork.service.activities import Activities
from services.fieldwork.service.batches import Reader, conclude, outcome_dict
from services.fieldwork.service.entries import FINE, Entry, I
from services.fieldwork.service.kinds import Bound, Kinds
from services.fieldwork.service.lateness import days_late
from services.fieldwork.service.references import Ref, References
from services.fieldwork.service.register import Register
from services.fieldwork.service.withdrawals import Withdrawals
from shared.clock import shanghai_day
from shared.database.unit import Unit
from shared.observability.metrics import LATE_ITEMS
from shared.reference.bindings import known_bindings
from shared.reference.queries import Work, own_work
from shared.security.principal import Principal
from shared.security.vault import Vault

SyncItem = Activity | Arrival | Departure | Withdrawal

_TYPES: dict[str, TypeAdapter[SyncItem]] = {
    "activity": TypeAdapter(Activity),
    "arrival": TypeAdapter(Arrival),
    "departure": TypeAdapter(Departure),
    "withdrawal": TypeAdapter(Withdrawal),
}


class Sync:
    """One call of `POST /v1/sync`."""

    def __init__(self, unit: Unit, who: Principal, kinds: Kinds, vault: Vault) -> None:
        self._unit = unit
        self._who = who
        self._kinds = kinds
        self._vault = vault

    async def take(self, raw_items: Sequence[Any]) -> list[dict[str, Any]]:
        """Keep what is good and new; tell of every item what became of it."""
        entries = await Reader(self._vault, _TYPES, lambda raw: raw.get("type")).read(raw_items)
        known = await self._references(entries)
        activities = Activities(self._unit, known, self._kinds, self._vault)
        bound = await self._bound(entries)
        register = Register(self._unit, known, self._kinds, bound, self._vault)
        made = await activities.record(_of(entries, Activity), bound)
        made += await register.arrive(_of(entries, Arrival))
        made += await register.leave(_of(entries, Departure))
        made += await Withdrawals(self._unit, known, self._vault, register.touch).take(_of(entries, Withdrawal))
        await conclude(self._unit, self._who, "fieldwork.sync", entries)
        told = await self._told(entries)
        await self._append(made, activities, register)
        return told

    async def _append(self, made: list[Change], activities: Activities, register: Register) -> None:
        """Last, for the feeds' counters are held from here to COMMIT, and whoever decides about work waits for them.

        What is superseded is locked before the counters, in the order that verdicts take them too. Of two writers that
        bring the older and the newer entry neither has seen the other's by then: the second to get the counter does.
        """
        created = [change.item_id for change in made if (change.item_type, change.what) == ("activity", "recorded")]
        arrived = [change.item_id for change in made if (change.item_type, change.what) == ("arrival", "recorded")]
        replaced = [*await activities.supersede(created), *await register.supersede(arrived)]
        await register.mark()
        await changes.append(self._unit.connection, [*made, *replaced], self._unit.now)
        late = [*await activities.supersede(created), *await register.supersede(arrived)]
        await register.mark()
        await changes.append(self._unit.connection, late, self._unit.now)

    async def _references(self, entries: Sequence[Entry[SyncItem]]) -> References:
        officers: list[Ref] = []
        villages: list[Ref] = []
        for entry in entries:
            match entry.item:
                case Activity() as item:
                    officers += [ref for ref in (item.officer, item.done_by, item.with_officer) if ref is not None]
                    villages.append(item.village)
                case Arrival() as item:
                    officers.append(item.officer)
                    villages.append(item.village)
                case Withdrawal() as item:
                    officers.append(item.officer)
        return await References.of(self._unit, self._who, officers, villages)

    async def _bound(self, entries: Sequence[Entry[SyncItem]]) -> Bound:
        judged = any(isinstance(entry.item, Activity | Arrival | Departure) for entry in entries)
        return Bound(await known_bindings(self._unit.connection) if judged else ())

    async def _told(self, entries: Sequence[Entry[SyncItem]]) -> list[dict[str, Any]]:
        """Work outside one's own villages or dates is kept and marked, never refused (C-39, I-109)."""
        work = {entry.work for entry in entries if entry.work and entry.outcome in FINE}
        own = await own_work(self._unit.connection, list(work)) if work else set()
        today = shanghai_day(self._unit.now)
        LATE_ITEMS.inc(sum(entry.outcome == "created" and _is_late(entry, today) for entry in entries))
        return [_told(entry, own, today) for entry in entries]


def _of(entries: Sequence[Entry[SyncItem]], kind: type[I]) -> list[Entry[I]]:
    return [entry for entry in entries if isinstance(entry.item, kind)]  # type: ignore[misc]  # narrowed by its item


def _is_late(entry: Entry[SyncItem], today: date) -> bool:
    return entry.work is not None and days_late(entry.work[2], today) > 0


def _told(entry: Entry[SyncItem], own: set[Work], today: date) -> dict[str, Any]:
    named: dict[str, Any] = {"id": entry.id, "type": entry.item.type} if entry.item else {}
    if entry.work and entry.outcome in FINE:
        named |= {"outside_assignment": entry.work not in own, "days_late": days_late(entry.work[2], today)}
    return outcome_dict(entry, **named)
