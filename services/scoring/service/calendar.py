"""What no fact says: that a month has begun, and that a rubric changed."""

from __future__ import annotations

import structlog

from services.scoring.repository.marks import (
    hold_assignments,
    mark_everybody,
    open_months,
    see_versions,
    seen_versions,
)
from services.scoring.service.rubrics import Rubrics
from shared.clock import shanghai_day
from shared.database.unit import Unit
from shared.observability.metrics import SCHEMES_DIFFER
from shared.reference.bindings import known_bindings

log = structlog.get_logger(__name__)


async def keep_up(unit: Unit, rubrics: Rubrics) -> None:
    """Open the month that has begun; score everybody anew when a scheme in use is not the one last seen.

    Everybody, for a decision may give sheets to those who had none (C-08). While a scheme cannot be used marks lead to
    nothing under it, so it counts as a version of its own: once mended, everybody is scored anew, be it the old one.
    A process tells its versions once; when others were told since, the last one started is right, and this one rests.
    """
    await hold_assignments(unit.connection)
    await open_months(unit.connection, [shanghai_day(unit.now)])
    versions = rubrics.versions(sorted({binding.scheme for binding in await known_bindings(unit.connection)}))
    untold = {id_: version for id_, version in versions.items() if id_ not in rubrics.told}
    others = await see_versions(unit.connection, untold)
    rubrics.told |= untold
    if any(untold[id_] for id_ in others):
        await mark_everybody(unit.connection)
    seen = await seen_versions(unit.connection)
    rubrics.outdated = any(seen[id_] != version for id_, version in rubrics.told.items())
    SCHEMES_DIFFER.labels("scoring").set(rubrics.outdated)
    if rubrics.outdated:
        log.error(
            "schemes.differ", help="another worker reads other scheme files; give all the same and start them again"
        )
