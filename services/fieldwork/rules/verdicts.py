"""Who may decide about an activity, and what is counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal
from uuid import UUID

Outcome = Literal["verify", "reject"]
Fault = Literal[
    "verifier_is_author",
    "not_the_station",
    "quantity_above_claimed",
    "already_decided",
    "nothing_to_replace",
    "replacer_is_verifier",
    "reason_required",
]


@dataclass(frozen=True, slots=True)
class Standing:
    """The verdict that holds now."""

    id: UUID
    number: int
    verdict: Outcome
    decided_by: UUID
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Proposed:
    """A verdict somebody wants to give."""

    verifier: UUID
    is_responsible: bool
    quantity: Decimal | None
    replaces: UUID | None
    reason: str | None


def fault(workers: frozenset[UUID], claimed: Decimal, standing: Standing | None, proposed: Proposed) -> Fault | None:
    """Why the verdict may not be given; `workers` are author and doer of the activity (A-201)."""
    if proposed.verifier in workers:
        return "verifier_is_author"
    if not proposed.is_responsible:
        return "not_the_station"
    if proposed.quantity is not None and proposed.quantity > claimed:
        return "quantity_above_claimed"
    return _replacement_fault(standing, proposed)


def _replacement_fault(standing: Standing | None, proposed: Proposed) -> Fault | None:
    if standing is None:
        return "nothing_to_replace" if proposed.replaces else None
    if proposed.replaces != standing.id:
        return "already_decided"
    if proposed.verifier == standing.decided_by:
        return "replacer_is_verifier"
    return None if proposed.reason else "reason_required"
