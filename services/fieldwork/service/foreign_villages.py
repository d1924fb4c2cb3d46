"""What other systems call villages, so that their items can name them so."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from pydantic import TypeAdapter

from services.fieldwork.errors.naming import ForeignNameTaken
from services.fieldwork.repository import people
from services.fieldwork.rules.places import county_of
from services.fieldwork.schemas.given import ForeignVillage
from services.fieldwork.service.batches import Reader, conclude, outcome_dict
from services.fieldwork.service.entries import Entry
from services.fieldwork.service.references import References
from shared.clock import shanghai_day
from shared.database.unit import Unit
from shared.ids import foreign_id
from shared.security.principal import Principal
from shared.security.vault import Vault
from shared.web.problems import Problem

_TYPES = {"foreign_village": TypeAdapter(ForeignVillage)}


class ForeignVillages:
    """One call of `POST /v1/foreign-villages`."""

    def __init__(self, unit: Unit, who: Principal, vault: Vault) -> None:
        self._unit = unit
        self._who = who
        self._vault = vault

    async def keep(self, raw_items: Sequence[Any]) -> list[dict[str, Any]]:
        """Keep names of known villages inside one's jurisdiction; in a county the later word for a name counts."""
        entries = await Reader(self._vault, _TYPES, lambda _: "foreign_village").read(raw_items)
        known = await References.of(self._unit, self._who, (), [e.given.village for e in entries if e.item])
        today = shanghai_day(self._unit.now)
        names = {(county_of(village), _ref(entry.given)): village for entry, village in _named(entries, known, today)}
        given = [(ref, village) for (_, ref), village in names.items()]
        kept = await people.keep_foreign_villages(self._unit.connection, given, self._who, self._unit.now)
        for entry in entries:
            if entry.is_open and (county_of(entry.given.village), _ref(entry.given)) in kept:
                entry.outcome = "created"
            elif entry.is_open:
                entry.conflict(ForeignNameTaken())
        await conclude(self._unit, self._who, "fieldwork.foreign_villages", entries)
        return [outcome_dict(entry) for entry in entries]


def _named(
    entries: Sequence[Entry[ForeignVillage]], known: References, today: date
) -> Iterator[tuple[Entry[ForeignVillage], str]]:
    for entry in entries:
        if entry.is_open:
            try:
                yield entry, known.village(entry.given.village, today)
            except Problem as problem:
                entry.fail(problem)


def _ref(given: ForeignVillage) -> UUID:
    return foreign_id(given.system, given.id)
