"""Facts of intel: what must reach the police station, and what became of it. All are streams of one report."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.contracts.base import Code12, FactData, Label, Part, Tri

Count = Annotated[int, Field(ge=0)]
ReportKind = Literal[
    "dispute", "instability", "hazard", "population", "lead", "petition", "production_safety", "alarm_help"
]


class ReportFiledV1(FactData):
    """A matter was reported; `matter_id` is the same through all hands (I-001, I-002, S-105, C-49)."""

    TYPE: ClassVar[str] = "intel.report_filed.v1"
    TOPIC: ClassVar[str] = "intel.report"
    KEY: ClassVar[str] = "report_id"

    report_id: UUID
    matter_id: UUID
    kind: ReportKind
    category: Label
    severity: Label | None = None
    village: Code12
    reporter: UUID
    source: Literal["direct", "activity", "volunteer", "call_110", "call_12345"]
    activity_id: UUID | None = None
    noticed_at: datetime
    reported_at: datetime
    in_time: Tri
    possible_duplicates: tuple[UUID, ...] = ()


class EscalationStep(Part):
    """One step of the frozen escalation plan; an absent due time means that nobody has set one (I-201)."""

    step: int
    org: UUID
    due: datetime | None = None


class ReportEscalatedV1(FactData):
    """A report became an order for a station, and why (I-008, I-102)."""

    TYPE: ClassVar[str] = "intel.report_escalated.v1"
    TOPIC: ClassVar[str] = "intel.report"
    KEY: ClassVar[str] = "report_id"

    report_id: UUID
    severity: Label
    colour: Label | None = None
    cause: Literal["rule", "person", "repeat", "violence_sign", "uncontrollable"]
    plan: tuple[EscalationStep, ...]
    revision: Count


class ReportRoutedV1(FactData):
    """One hop of a report; `order_id` only for a station order (I-101 … I-105)."""

    TYPE: ClassVar[str] = "intel.report_routed.v1"
    TOPIC: ClassVar[str] = "intel.report"
    KEY: ClassVar[str] = "report_id"

    report_id: UUID
    hop: int = Field(ge=1)
    order_id: UUID | None = None
    from_org: UUID | None = None
    to_org: UUID
    route: Literal["police", "non_police", "inform", "supervise"]
    due: datetime | None = None


class ReportAcknowledgedV1(FactData):
    """A receiver took note of, accepted or returned a report; the person's name stays in intel (I-103, I-307)."""

    TYPE: ClassVar[str] = "intel.report_acknowledged.v1"
    TOPIC: ClassVar[str] = "intel.report"
    KEY: ClassVar[str] = "report_id"

    report_id: UUID
    hop: int = Field(ge=1)
    org: UUID
    step: Literal["received", "read", "accepted", "returned", "transferred"]
    by_named_person: bool
    reason: Label | None = None


class ReportClosedV1(FactData):
    """The outcome; a later revision takes points back visibly (S-107 … S-109, A-205)."""

    TYPE: ClassVar[str] = "intel.report_closed.v1"
    TOPIC: ClassVar[str] = "intel.report"
    KEY: ClassVar[str] = "report_id"

    report_id: UUID
    matter_id: UUID
    outcome: Literal["resolved", "rectified", "controlled", "transferred", "withdrawn"]
    truth: Literal["true", "false", "unknown"]
    closed_by: UUID
    cooperated: tuple[UUID, ...] = ()
    record_seen: bool
    fed_back_to_reporter_at: datetime | None = None
    revision: Count
