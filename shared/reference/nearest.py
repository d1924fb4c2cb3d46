"""Whether something is unknown for good, and the right values nearest to it that the asking division has."""

from __future__ import annotations

from difflib import get_close_matches

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.contracts.personnel import AreaV1, AssignmentV1, DivisionV1, OfficerV1, OrganisationV1, SchemeBindingV1
from shared.identifiers import normal_badge
from shared.messaging.pulses import knows_everything
from shared.reference.queries import gone, valid_on
from shared.security.jurisdiction import normal_division

REFERENCE_KINDS = (OfficerV1, DivisionV1, OrganisationV1, AreaV1, AssignmentV1, SchemeBindingV1)
NAMED = 3
"""So many are named at most."""
_ALIKE = 0.7

# Alike at its beginning or its end; a few hundred are compared letter by letter.
_BADGES = text(
    f"""
    SELECT DISTINCT p.badge FROM known_officer p
    WHERE (left(p.badge, 2) = left(:badge, 2) OR right(p.badge, 3) = right(:badge, 3))
      AND NOT {gone("p", "CAST(now() AS date)")}
      AND EXISTS (SELECT FROM known_organisation o CROSS JOIN unnest(o.serves) AS served(code)
                  WHERE o.org_id IN (p.station, p.employer) AND starts_with(served.code, :division))
    LIMIT 500
    """  # noqa: S608
)
_VILLAGES = text(
    f"""
    SELECT code, name FROM known_division
    WHERE level = 'village' AND starts_with(code, :division) AND {valid_on("known_division", "CAST(now() AS date)")}
      AND (starts_with(code, left(:code, 9)) OR right(code, 6) = right(:code, 6)) LIMIT 500
    """  # noqa: S608
)


async def everything_is_known(connection: AsyncConnection) -> bool:
    """Whether all that personnel has said is applied here, so that what is not known is unknown."""
    return await knows_everything(connection, *REFERENCE_KINDS)


async def nearest_badges(connection: AsyncConnection, badge: str, division: str) -> list[str]:
    """Badges of officers in service of offices of the division."""
    asked = {"badge": normal_badge(badge), "division": normal_division(division)}
    found = (await connection.scalars(_BADGES, asked)).all()
    return get_close_matches(asked["badge"], found, NAMED, _ALIKE)


async def nearest_villages(connection: AsyncConnection, code: str, division: str) -> list[dict[str, str]]:
    """Villages of the division that still exist, by code and name."""
    rows = await connection.execute(_VILLAGES, {"code": code, "division": normal_division(division)})
    names = {row.code: row.name for row in rows}
    return [{"code": near, "name": names[near]} for near in get_close_matches(code, list(names), NAMED, _ALIKE)]
