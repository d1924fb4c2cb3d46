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
    "verifier_was_present",
    "quantity_above_claimed",
    "already_decided",
    "nothing_to_replace",
    "replacer_not_above",
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
    """A verdict somebody wants to give; `outranks` says whether his post is above that of who gave the standing one."""

    verifier: UUID
    outranks: bool
    quantity: Decimal | None
    replaces: UUID | None
    reason: str | None


def own_work(workers: frozenset[UUID], present: UUID | None, verifier: UUID) -> Fault | None:
    """Nobody verifies what he entered or did himself (A-201), nor what he was present at as the officer (C-31)."""
    if verifier in workers:
        return "verifier_is_author"
    return "verifier_was_present" if verifier == present else None


def fault(claimed: Decimal, standing: Standing | None, proposed: Proposed) -> Fault | None:
    """Why a verdict of somebody who may verify this work may not be given."""
    if proposed.quantity is not None and proposed.quantity > claimed:
        return "quantity_above_claimed"
    if standing is None:
        return "nothing_to_replace" if proposed.replaces else None
    if proposed.replaces != standing.id:
        return "already_decided"
    if proposed.verifier != standing.decided_by and not proposed.outranks:
        return "replacer_not_above"
    return None if proposed.reason else "reason_required"
