"""Which matter is meant: a matter is its first village's county's (C-49)."""

from __future__ import annotations

from collections.abc import Iterable
from uuid import UUID

from services.fieldwork.repository import matters as repository
from services.fieldwork.rules.names import ItemRef, Named
from services.fieldwork.rules.places import county_of
from shared.database.unit import Unit
from shared.ids import county_id, matter_of
from shared.security.principal import Principal


class Matters:
    """The matters that a batch names."""

    def __init__(self) -> None:
        self._owners: dict[UUID, str] = {}
        self._may_use: set[str] = set()

    async def learn(self, unit: Unit, who: Principal, given: Iterable[tuple[ItemRef | None, str]]) -> None:
        """Look up whose they are."""
        asked = {id for ref, county in given for id in _candidates(ref, county)}
        if asked:
            self._owners = await repository.owners(unit.connection, asked)
            self._may_use = {owner for owner in self._owners.values() if who.covers(owner)}

    async def keep(self, unit: Unit, named: Iterable[tuple[UUID | None, str]]) -> None:
        """What nobody named before is the county's from now on whose village did."""
        new: dict[UUID, str] = {}
        for matter, village in named:
            if matter and matter not in self._owners:
                new.setdefault(matter, county_of(village))
        await repository.add(unit.connection, new)

    def of(self, ref: ItemRef | None, village: str) -> UUID | None:
        """The matter that an item of a village means."""
        county = county_of(village)
        if ref is None:
            return None
        if isinstance(ref, Named):
            return ref.former if self._owners.get(ref.former) == county else county_id(county, *ref)
        owner = self._owners.get(ref)
        return matter_of(ref, county, owner, may_use=owner in self._may_use)


def _candidates(ref: ItemRef | None, county: str) -> tuple[UUID, ...]:
    if ref is None:
        return ()
    return (ref.former, county_id(county, *ref)) if isinstance(ref, Named) else (ref,)
