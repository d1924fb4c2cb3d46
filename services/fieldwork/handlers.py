"""What fieldwork reads: personnel's reference facts; a changed assignment or area changes whose days count where."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from services.fieldwork.repository import sessions
from shared.contracts.base import FactData
from shared.contracts.envelope import Fact
from shared.contracts.personnel import AreaV1, AssignmentV1
from shared.database.unit import Unit
from shared.messaging.handling import Handler, Refused
from shared.reference.handlers import reference_handlers


def handlers() -> dict[type[FactData], Handler]:
    """What fieldwork does with each fact it reads."""
    known = reference_handlers("fieldwork")
    assignments, areas = known[AssignmentV1], known[AreaV1]

    async def on_assignments(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        """Presence waits for its assignment: sessions may have come before it."""
        refused = await assignments(facts, unit)
        await sessions.mark_officers(unit.connection, {fact.data.officer_id for fact in facts})
        return refused

    async def on_areas(facts: Sequence[Fact[Any]], unit: Unit) -> Sequence[Refused]:
        """An area's villages are its officers' own villages."""
        refused = await areas(facts, unit)
        changed: list[AreaV1] = [fact.data for fact in facts]
        villages = {village for area in changed for village in area.villages}
        officers = await sessions.officers_of_areas(unit.connection, {area.area_id for area in changed}, villages)
        await sessions.mark_officers(unit.connection, officers)
        return refused

    return known | {AssignmentV1: on_assignments, AreaV1: on_areas}
