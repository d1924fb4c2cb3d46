"""Which item is meant by what a client calls it: a name belongs to the county of the item."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from uuid import UUID

from services.fieldwork.errors.naming import ForeignNameShared
from services.fieldwork.repository.items import Called, Names
from services.fieldwork.rules.names import ItemRef, Named
from shared.database.unit import Unit
from shared.ids import county_id
from shared.security.jurisdiction import normal_division
from shared.security.principal import Principal


@dataclass
class Naming:
    """What the names of a batch mean among the items of one kind that the token covers."""

    kept: dict[Named, list[Called]] = field(default_factory=dict)

    async def learn(self, names: Names, unit: Unit, who: Principal, refs: Iterable[ItemRef | None]) -> None:
        """Look up those that are names."""
        named = {ref for ref in refs if isinstance(ref, Named)}
        self.kept |= await names(unit.connection, named, normal_division(who.division))

    def of(self, ref: ItemRef, county: str) -> UUID:
        """The item of this county that is kept under the name, whatever id it once got; else the one it will be."""
        if isinstance(ref, UUID):
            return ref
        return next((id for id, at in self.kept.get(ref, ()) if at == county), county_id(county, *ref))

    def known(self, ref: ItemRef) -> UUID | None:
        """The only item that is called so, if there is one. Raises `ForeignNameShared` for several."""
        if isinstance(ref, UUID):
            return ref
        meant = self.kept.get(ref, [])
        if len(meant) > 1:
            raise ForeignNameShared
        return meant[0][0] if meant else None
