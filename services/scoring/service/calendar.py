"""What no fact says: that a month has begun, and that a rubric changed."""

from __future__ import annotations

from services.scoring.repository.evidence import bindings
from services.scoring.repository.marks import mark_outdated, open_months
from services.scoring.service.rubrics import Rubrics
from shared.clock import shanghai_day
from shared.database.unit import Unit


async def keep_up(unit: Unit, rubrics: Rubrics) -> None:
    """Open the month that has begun; mark the sheets of schemes whose version is not the one loaded now."""
    await open_months(unit.connection, [shanghai_day(unit.now)])
    bound = {binding.scheme for binding in await bindings(unit.connection)}
    loaded = (rubrics.find(scheme) for scheme in sorted(bound))
    await mark_outdated(unit.connection, [(scheme.id, scheme.version) for scheme in loaded if scheme])
