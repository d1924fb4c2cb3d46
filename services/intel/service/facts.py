"""Rows as facts. No summary, name or station address is ever put into one."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from services.intel.repository.rows import Row
from services.intel.rules.lifecycle import Step
from shared.contracts.base import FactData, Tri
from shared.contracts.envelope import Fact
from shared.contracts.intel import (
    EscalationStep,
    ReportAcknowledgedV1,
    ReportClosedV1,
    ReportEscalatedV1,
    ReportFiledV1,
    ReportRoutedV1,
)


class Said(NamedTuple):
    """A step of a unit, said by it or implied by a later one."""

    step: Step
    at: datetime
    by_named_person: bool = False
    reason: str | None = None


def filed(report: Row, in_time: Tri, possible_duplicates: Sequence[UUID]) -> Fact[ReportFiledV1]:
    """The report as it was decided."""
    data = ReportFiledV1(
        report_id=report["report_id"],
        matter_id=report["matter_id"],
        kind=report["kind"],
        category=report["category"],
        severity=report["severity"],
        village=report["village"],
        reporter=report["reporter"],
        source=report["source"],
        activity_id=report["activity_id"],
        noticed_at=report["noticed_at"],
        reported_at=report["reported_at"],
        in_time=in_time,
        possible_duplicates=tuple(possible_duplicates),
    )
    return _fact(data, report, report["noticed_at"], report["actor"])


def of_hop(report: Row, order: Row, at: datetime) -> list[Fact[Any]]:
    """A report's next hop: why it went up, unless no rule says so (I-008), and where it went (I-101)."""
    hop = _routed(report, order, at)
    return [hop] if report["severity"] is None else [_escalated(report, order, at), hop]


def _escalated(report: Row, order: Row, at: datetime) -> Fact[ReportEscalatedV1]:
    """The plan has one step, the unit that was ordered."""
    data = ReportEscalatedV1(
        report_id=report["report_id"],
        severity=report["severity"],
        colour=report["colour"],
        cause="person" if order["reason"] else report["cause"],
        plan=(EscalationStep(step=1, org=order["station"], due=order["due"]),),
        revision=report["hop"],
    )
    return _fact(data, report, at, report["actor"])


def _routed(report: Row, order: Row, at: datetime) -> Fact[ReportRoutedV1]:
    data = ReportRoutedV1(
        report_id=report["report_id"],
        hop=report["hop"],
        order_id=order["order_id"],
        from_org=order["sent_by"] if report["hop"] > 1 else None,
        to_org=order["station"],
        route="police",
        due=order["due"],
    )
    return _fact(data, report, at, report["actor"])


def acknowledged(report: Row, org: UUID, said: Said) -> Fact[ReportAcknowledgedV1]:
    """One step of the unit; the name of who took it stays here."""
    data = ReportAcknowledgedV1(
        report_id=report["report_id"],
        hop=max(report["hop"], 1),  # the station's own list is the first
        org=org,
        step=said.step,
        by_named_person=said.by_named_person,
        reason=said.reason,
    )
    return _fact(data, report, said.at, str(org), org)


def closed(report: Row, closing: Row) -> Fact[ReportClosedV1]:
    """The outcome of one revision."""
    data = ReportClosedV1(
        report_id=report["report_id"],
        matter_id=report["matter_id"],
        outcome=closing["outcome"],
        truth=closing["truth"] or "unknown",
        closed_by=closing["closed_by"],
        cooperated=tuple(closing["cooperated"]),
        record_seen=closing["record_seen"],
        fed_back_to_reporter_at=closing["fed_back_at"],
        revision=closing["revision"],
    )
    return _fact(data, report, closing["closed_at"], str(closing["closed_by"]), closing["closed_by"])


def _fact(data: Any, report: Row, at: datetime, actor: str, actor_org: UUID | None = None) -> Fact[Any]:
    """Every fact of a report has its jurisdiction, its classification and the scheme it was decided under."""
    assert isinstance(data, FactData)
    return Fact.of(
        data,
        time=at,
        actor=actor,
        actor_org=actor_org,
        jurisdiction=report["village"],
        classification=report["classification"],
        scheme=report["scheme"],
        scheme_version=report["scheme_version"],
    )
