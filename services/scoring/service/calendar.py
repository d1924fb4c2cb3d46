"""What no fact says: that a month has begun, and that a rubric changed."""

from __future__ import annotations

from services.scoring.repository.evidence import bindings
from services.scoring.repository.marks import hold_assignments, mark_everybody, open_months, see_versions
from services.scoring.service.rubrics import Rubrics
from shared.clock import shanghai_day
from shared.database.unit import Unit


async def keep_up(unit: Unit, rubrics: Rubrics) -> None:
    """Open the month that has begun; score everybody anew when a scheme in use is not the one last seen.

    Everybody, for a decision may give sheets to those who had none (C-08). While a scheme cannot be used marks lead to
    nothing under it, so it counts as a version of its own: once mended, everybody is scored anew, be it the old one.
    """
    await hold_assignments(unit.connection)
    await open_months(unit.connection, [shanghai_day(unit.now)])
    bound = {binding.scheme for binding in await bindings(unit.connection)}
    found = {id_: scheme for id_ in sorted(bound) if (scheme := rubrics.find(id_))}
    broken = {id_: "" for id_ in sorted(bound) if rubrics.is_broken(id_)}
    await see_versions(unit.connection, broken)
    if await see_versions(unit.connection, {id_: scheme.version for id_, scheme in found.items()}):
        await mark_everybody(unit.connection)
