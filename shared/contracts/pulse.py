"""What every service says of itself: that it lives and publishes, and how its audit stands."""

from __future__ import annotations

from datetime import date, datetime
from typing import ClassVar

from pydantic import Field

from shared.contracts.base import FactData, Label, Sha256


class Heartbeat(FactData):
    """Sent through the outbox as all else is: who has it has all that this service published before `at`."""

    KEY: ClassVar[str] = "service"

    service: Label
    at: datetime


class AuditSealed(FactData):
    """The head of the service's audit chain, kept by others, so that nobody rewrites an audit alone."""

    KEY: ClassVar[str] = "service"

    service: Label
    day: date
    rows: int = Field(ge=0)
    head: Sha256


class PersonnelHeartbeatV1(Heartbeat):
    """Of personnel."""

    TYPE: ClassVar[str] = "personnel.heartbeat.v1"
    TOPIC: ClassVar[str] = "personnel.pulse"


class FieldworkHeartbeatV1(Heartbeat):
    """Of fieldwork."""

    TYPE: ClassVar[str] = "fieldwork.heartbeat.v1"
    TOPIC: ClassVar[str] = "fieldwork.pulse"


class ScoringHeartbeatV1(Heartbeat):
    """Of scoring."""

    TYPE: ClassVar[str] = "scoring.heartbeat.v1"
    TOPIC: ClassVar[str] = "scoring.pulse"


class IntelHeartbeatV1(Heartbeat):
    """Of intel."""

    TYPE: ClassVar[str] = "intel.heartbeat.v1"
    TOPIC: ClassVar[str] = "intel.pulse"


class PersonnelAuditSealedV1(AuditSealed):
    """Of personnel."""

    TYPE: ClassVar[str] = "personnel.audit_sealed.v1"
    TOPIC: ClassVar[str] = "personnel.pulse"


class FieldworkAuditSealedV1(AuditSealed):
    """Of fieldwork."""

    TYPE: ClassVar[str] = "fieldwork.audit_sealed.v1"
    TOPIC: ClassVar[str] = "fieldwork.pulse"


class ScoringAuditSealedV1(AuditSealed):
    """Of scoring."""

    TYPE: ClassVar[str] = "scoring.audit_sealed.v1"
    TOPIC: ClassVar[str] = "scoring.pulse"


class IntelAuditSealedV1(AuditSealed):
    """Of intel."""

    TYPE: ClassVar[str] = "intel.audit_sealed.v1"
    TOPIC: ClassVar[str] = "intel.pulse"


HEARTBEATS: dict[str, type[Heartbeat]] = {
    "personnel": PersonnelHeartbeatV1,
    "fieldwork": FieldworkHeartbeatV1,
    "scoring": ScoringHeartbeatV1,
    "intel": IntelHeartbeatV1,
}
SEALS: dict[str, type[AuditSealed]] = {
    "personnel": PersonnelAuditSealedV1,
    "fieldwork": FieldworkAuditSealedV1,
    "scoring": ScoringAuditSealedV1,
    "intel": IntelAuditSealedV1,
}
