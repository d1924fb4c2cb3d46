"""Who may take whose record's place: one's own work, its latest version, once (A-210)."""

from __future__ import annotations

from typing import Literal
from uuid import UUID

Fault = Literal["itself", "anothers", "corrected"]


def fault(own: UUID, author: UUID, target: UUID, target_author: UUID | None, corrected_by: UUID | None) -> Fault | None:
    """What is wrong with `own` superseding `target`; without an author that has not arrived, and is waited for."""
    if own == target:
        return "itself"
    if target_author not in (None, author):
        return "anothers"
    return "corrected" if corrected_by not in (None, own) else None
