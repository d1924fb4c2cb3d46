"""Whose sheets are scored anew because who is where changed, or because somebody asked for it."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from services.scoring.repository import marks
from shared.database.unit import Unit


async def before_reassigning(unit: Unit, assignments: Collection[str] = ()) -> set[UUID]:
    """Before who is where changes: keep those waiting who mark by it; returns who held these assignments so far."""
    await marks.change_assignments(unit.connection)
    return await marks.officers_of_assignments(unit.connection, assignments)


async def score_anew(unit: Unit, officers: Collection[UUID]) -> None:
    """All sheets of these officers."""
    await marks.mark_officers(unit.connection, officers)


async def score_areas_anew(unit: Unit, areas: Collection[str]) -> None:
    """All sheets of whoever is assigned to these areas."""
    await marks.mark_officers(unit.connection, await marks.officers_of_areas(unit.connection, areas))


async def score_everybody_anew(unit: Unit) -> None:
    """All sheets there are."""
    await marks.mark_everybody(unit.connection)


async def score_division_anew(unit: Unit, division: str) -> int:
    """All sheets of whoever is or was posted in a division; returns how many officers that concerns."""
    return await marks.mark_division(unit.connection, division)
