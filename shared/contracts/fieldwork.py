"""Facts of fieldwork: what was done. They carry no scheme, so one month can be scored under several."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Code12, FactData, Label, Num, Part, Period, Sha256, Tri, Who

Count = Annotated[int, Field(ge=0)]


class EvidencePiece(Part):
    """A reference to a photo, signature, recording or document; the content stays with fieldwork."""

    kind: Literal["photo", "signature", "audio", "document"]
    sha256: Sha256


class ActivityRecordedV1(FactData):
    """An officer entered something he did; author never changes (A-210), the work counts for `done_by` (C-39)."""

    TYPE: ClassVar[str] = "fieldwork.activity_recorded.v1"
    TOPIC: ClassVar[str] = "fieldwork.activity"
    KEY: ClassVar[str] = "done_by"

    activity_id: UUID
    author: UUID
    done_by: UUID
    with_officer: UUID | None = None
    village: Code12
    kind: Label
    since: datetime = Field(alias="from")
    until: datetime | None = Field(default=None, alias="to")
    quantity: Num
    unit: Literal["household", "person", "time", "item"]
    target_key: Label | None = None
    matter_id: UUID | None = None
    group_id: UUID | None = None
    room_id: UUID | None = None
    task_id: UUID | None = None
    details: dict[str, Any] = Field(default_factory=dict)
    evidence: tuple[EvidencePiece, ...] = ()
    supersedes: UUID | None = None


class ActivityVerifiedV1(FactData):
    """Someone else than the author confirmed an activity (A-201, A-203 … A-205)."""

    TYPE: ClassVar[str] = "fieldwork.activity_verified.v1"
    TOPIC: ClassVar[str] = "fieldwork.activity"
    KEY: ClassVar[str] = "officer_id"

    activity_id: UUID
    officer_id: UUID
    verified_by: UUID
    verifier_org: UUID
    method: Literal["desk", "bulk", "field"]
    quantity: Num
    true_situation: bool
    record_seen: bool
    signature_seen: bool
    effective: Tri


class ActivityRejectedV1(FactData):
    """An activity does not count, also when it was verified before: its points go back visibly (A-208, S-305)."""

    TYPE: ClassVar[str] = "fieldwork.activity_rejected.v1"
    TOPIC: ClassVar[str] = "fieldwork.activity"
    KEY: ClassVar[str] = "officer_id"

    activity_id: UUID
    officer_id: UUID
    cause: Literal["not_confirmed", "withdrawn", "superseded", "recheck_failed", "fraud"]
    reason: Label
    decided_by: UUID


class PresenceDayUpdatedV1(FactData):
    """Minutes of one day in village and area; whether the day counts is the reader's rule (F-022, C-02)."""

    TYPE: ClassVar[str] = "fieldwork.presence_day_updated.v1"
    TOPIC: ClassVar[str] = "fieldwork.duty"
    KEY: ClassVar[str] = "officer_id"

    officer_id: UUID
    assignment_id: UUID
    day: date
    village: Code12 | None = None
    area_id: UUID | None = None
    minutes_in_village: Count
    minutes_in_area: Count
    longest_minutes: Count
    sessions: Count
    open_sessions: Count
    revision: Count


class AttendanceJudgedV1(FactData):
    """Whether a rostered day was kept (F-021, A-101, C-09); one taken off the roster is not `rostered`."""

    TYPE: ClassVar[str] = "fieldwork.attendance_judged.v1"
    TOPIC: ClassVar[str] = "fieldwork.duty"
    KEY: ClassVar[str] = "officer_id"

    officer_id: UUID
    day: date
    rostered: bool
    state: Literal["present", "absent", "excused", "undecided"]
    leave_id: UUID | None = None
    revision: Count


class KnowledgeTestedV1(FactData):
    """How well an officer knows his village (S-103, F-048)."""

    TYPE: ClassVar[str] = "fieldwork.knowledge_tested.v1"
    TOPIC: ClassVar[str] = "fieldwork.duty"
    KEY: ClassVar[str] = "officer_id"

    test_id: UUID
    officer_id: UUID
    village: Code12
    level: Literal["familiar", "basic", "unfamiliar"]
    score: Num | None = None
    categories: tuple[Label, ...] = ()
    assessor: UUID
    tested_on: date


class FindingRecordedV1(FactData):
    """A fault that an inspection, recheck or complaint found (S-110 … S-112, F-009)."""

    TYPE: ClassVar[str] = "fieldwork.finding_recorded.v1"
    TOPIC: ClassVar[str] = "fieldwork.duty"
    KEY: ClassVar[str] = "who.id"

    finding_id: UUID
    who: Who
    village: Code12 | None = None
    kind: Literal[
        "control_failure",
        "missed_registration",
        "late_lead",
        "unregistered_offender",
        "off_post",
        "fraud",
        "base_work_gap",
        "ledger",
        "hygiene",
        "other",
    ]
    count: int = Field(ge=1)
    source: Literal["inspection", "spot_check", "recheck", "case_backtrack", "complaint"]
    activity_id: UUID | None = None
    matter_id: UUID | None = None
    found_by: UUID
    found_on: date
    state: Literal["open", "upheld", "rectified", "withdrawn"]
    rectify_by: date | None = None
    revision: Count


class NothingCertifiedV1(FactData):
    """The station confirms that a village had no dispute, or no instability, in a month (A-202, S-108, S-109)."""

    TYPE: ClassVar[str] = "fieldwork.nothing_certified.v1"
    TOPIC: ClassVar[str] = "fieldwork.village"
    KEY: ClassVar[str] = "village"

    certificate_id: UUID
    village: Code12
    of: Literal["dispute", "instability"]
    month: Period
    certified_by: UUID
    certifier_org: UUID
    state: Literal["in_force", "revoked"]
