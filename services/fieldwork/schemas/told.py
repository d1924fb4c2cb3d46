"""What fieldwork answers."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from pydantic import BaseModel, Field


class ItemOutcome(BaseModel):
    """What became of one item; `problem` (RFC 9457) for conflict, rejected and retryable."""

    index: int
    outcome: Literal["created", "duplicate", "conflict", "rejected", "retryable"]
    id: UUID | None = None
    type: str | None = None
    activity_id: UUID | None = None
    verdict_id: UUID | None = None
    outside_assignment: bool | None = None
    days_late: int | None = None
    state: Literal["holds", "waiting"] | None = None
    problem: dict[str, Any] | None = None


class BatchOutcome(BaseModel):
    """One outcome per item, in the order they were sent."""

    items: list[ItemOutcome]


class WaitingActivity(BaseModel):
    """Work that waits for a station's verdict."""

    id: UUID
    author: UUID
    done_by: UUID
    village: str
    kind: str
    since: datetime = Field(serialization_alias="from")
    until: datetime | None = Field(serialization_alias="to")
    quantity: Decimal
    unit: str
    matter_id: UUID | None
    classification: str
    recorded_at: datetime
    days_late: int
    evidence: int
    outside_assignment: bool


class VerdictView(BaseModel):
    """One verdict in an activity's history."""

    id: UUID
    number: int
    verdict: Literal["verify", "reject", "supersede", "withdraw"]
    decided_by: UUID
    decided_by_org: UUID | None
    decided_at: datetime
    method: str | None
    quantity: Decimal | None
    true_situation: bool | None
    record_seen: bool | None
    signature_seen: bool | None
    effective: str | None
    cause: str | None
    reason: str | None
    replaces: UUID | None


class ActivityView(BaseModel):
    """An activity as it was entered and every verdict on it; the note only for who may read it."""

    id: UUID
    author: UUID
    done_by: UUID
    with_officer: UUID | None
    village: str
    kind: str
    since: datetime = Field(serialization_alias="from")
    until: datetime | None = Field(serialization_alias="to")
    quantity: Decimal
    unit: str
    matter_id: UUID | None
    details: dict[str, Any]
    evidence: list[dict[str, str]]
    supersedes: UUID | None
    note: str | None
    classification: str
    state: Literal["waiting", "verified", "rejected", "superseded", "withdrawn"]
    verdict_id: UUID | None
    recorded_at: datetime
    days_late: int
    outside_assignment: bool
    history: list[VerdictView]


class WaitingRoster(BaseModel):
    """A correction of a roster that somebody else has to confirm or refuse."""

    id: UUID
    officer: UUID
    day: date
    on_duty: bool
    village: str
    reason: str
    entered_by: UUID
    recorded_at: datetime


class RevokedCertificate(BaseModel):
    """A certificate that no longer holds."""

    id: UUID
    state: Literal["revoked"]
    revoked_at: datetime


class ChangeView(BaseModel):
    """What became of an item, at its place in the feed of its county."""

    position: int
    item_type: Literal["activity", "arrival", "departure", "certificate", "roster"]
    item_id: UUID
    what: Literal[
        "recorded",
        "verified",
        "rejected",
        "superseded",
        "withdrawn",
        "certified",
        "revoked",
        "to_confirm",
        "confirmed",
        "refused",
    ]
    village: str
    verdict_id: UUID | None
    at: datetime


class Changes(BaseModel):
    """A page of the feed; ask again with `after=next`, also when it is empty."""

    items: list[ChangeView]
    next: int
