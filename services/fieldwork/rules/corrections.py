"""Who may take whose record's place: one's own work in its county, its latest version, once (A-210)."""

from __future__ import annotations

from typing import Literal, NamedTuple
from uuid import UUID

Fault = Literal["itself", "anothers", "elsewhere", "corrected"]


class Entered(NamedTuple):
    """By whom something was entered, and in which county."""

    author: UUID
    county: str


class Claim(NamedTuple):
    """A version, and who says that he corrects it."""

    version: UUID
    by: Entered


class Met(NamedTuple):
    """Whose the version is, unknown until it arrives, and what took its place before."""

    entered: Entered | None
    corrected_by: UUID | None


def fault(own: UUID, claim: Claim, met: Met) -> Fault | None:
    """What is wrong with `own` taking the version's place; one that has not arrived is waited for."""
    if own == claim.version:
        return "itself"
    if met.entered and met.entered.author != claim.by.author:
        return "anothers"
    if met.entered and met.entered.county != claim.by.county:
        return "elsewhere"
    return "corrected" if met.corrected_by not in (None, own) else None
