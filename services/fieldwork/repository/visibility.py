"""What exists for a caller: what lies inside his jurisdiction and within his clearance."""

from __future__ import annotations

from sqlalchemy import ColumnElement, Table

from shared.security.jurisdiction import within
from shared.security.principal import Clearance, Principal

CLEARED: dict[Clearance, tuple[str, ...]] = {
    "open": ("open",),
    "internal": ("open", "internal"),
    "restricted": ("open", "internal", "restricted"),
}
"""The classifications each clearance may see."""


def visible(table: Table, who: Principal) -> ColumnElement[bool]:
    """The rows of a table with village and classification that exist for the caller."""
    return within(table.c.village, who.division) & table.c.classification.in_(CLEARED[who.clearance])
