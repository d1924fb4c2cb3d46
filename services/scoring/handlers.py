"""Facts into the ledger, and reference data into the read models; each batch marks whose sheets it concerns.

No handler needs another topic: what is said of an entry nobody recorded yet waits in the ledger for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID, uuid5

import orjson

from services.scoring.service.marking import before_reassigning, score_anew, score_areas_anew, score_everybody_anew
from services.scoring.service.recording import Recorded, Said, Source, State, record, record_groups, say
from shared.clock import shanghai_day
from shared.contracts.base import FactData, Period
from shared.contracts.envelope import Fact
from shared.contracts.fieldwork import (
    ActivityRecordedV1,
    ActivityRejectedV1,
    ActivityVerifiedV1,
    AttendanceJudgedV1,
    FindingRecordedV1,
    KnowledgeTestedV1,
    NothingCertifiedV1,
    PresenceDayUpdatedV1,
)
from shared.contracts.intel import ReportAcknowledgedV1, ReportClosedV1, ReportFiledV1
from shared.contracts.personnel import AreaV1, AssignmentV1, ConductDecidedV1, GroupV1, SchemeBindingV1
from shared.database.unit import Unit
from shared.messaging.handling import Handler, Refused
from shared.reference.handlers import reference_handlers

Facts = Sequence[Fact[Any]]


async def on_activity_facts(facts: Facts, unit: Unit) -> Sequence[Refused]:
    """Activities and the verdicts on them; of several verdicts the last one holds (A-201, A-208)."""
    await record(unit, "activity", map(_activity, _only(facts, ActivityRecordedV1)))
    verdicts = _only(facts, ActivityVerifiedV1, ActivityRejectedV1)
    await say(unit, "activity", "judged", map(_verdict, verdicts))
    return ()


async def on_duty_facts(facts: Facts, unit: Unit) -> Sequence[Refused]:
    """Presence, attendance, knowledge tests and findings of one officer."""
    await _record(facts, unit, "presence_day", PresenceDayUpdatedV1, _presence)
    await _record(facts, unit, "attendance", AttendanceJudgedV1, _attendance)
    await _record(facts, unit, "knowledge", KnowledgeTestedV1, _knowledge)
    await _record(facts, unit, "finding", FindingRecordedV1, _finding)
    return ()


async def on_village_facts(facts: Facts, unit: Unit) -> Sequence[Refused]:
    """Months that a station certified as quiet (S-108, S-109)."""
    await _record(facts, unit, "nothing_certified", NothingCertifiedV1, _certificate)
    return ()


async def on_report_facts(facts: Facts, unit: Unit) -> Sequence[Refused]:
    """A report, what its receiver said last, how it ended."""
    await _record(facts, unit, "report", ReportFiledV1, _report)
    acknowledged = (_said(fact, fact.data.report_id) for fact in _only(facts, ReportAcknowledgedV1))
    await say(unit, "report", "judged", acknowledged)
    closed = (_said(fact, fact.data.report_id) for fact in _only(facts, ReportClosedV1))
    await say(unit, "report", "closed", closed)
    return ()


async def on_record_facts(facts: Facts, unit: Unit) -> Sequence[Refused]:
    """Commendations and sanctions (S-118, S-119)."""
    await _record(facts, unit, "conduct", ConductDecidedV1, _conduct)
    return ()


async def on_group_facts(facts: Facts, unit: Unit) -> Sequence[Refused]:
    """Groups of a village (S-104, S-105). They belong to the ledger: a sheet shows them as facts behind a point."""
    await record_groups(unit, map(_group, facts), map(_state, facts))
    return ()


async def on_assignment_facts(facts: Facts, unit: Unit) -> Sequence[Refused]:
    """Who is where: concerns those who held the posts before and those who hold them now."""
    before = await before_reassigning(unit, {fact.stream_key for fact in facts})
    refused = await _KNOWN[AssignmentV1.TOPIC](facts, unit)
    await score_anew(unit, before | {fact.data.officer_id for fact in facts})
    return refused


async def on_area_facts(facts: Facts, unit: Unit) -> Sequence[Refused]:
    """Which villages an area holds: concerns everybody assigned to it."""
    await before_reassigning(unit)
    refused = await _KNOWN[AreaV1.TOPIC](facts, unit)
    await score_areas_anew(unit, {fact.stream_key for fact in facts})
    return refused


async def on_binding_facts(facts: Facts, unit: Unit) -> Sequence[Refused]:
    """Which jurisdiction is scored by which scheme (C-45): rare, and may concern anybody."""
    await before_reassigning(unit)
    refused = await _KNOWN[SchemeBindingV1.TOPIC](facts, unit)
    await score_everybody_anew(unit)
    return refused


_KNOWN: Mapping[str, Handler] = reference_handlers("scoring")

HANDLERS: Mapping[str, Handler] = {
    **_KNOWN,
    AssignmentV1.TOPIC: on_assignment_facts,
    AreaV1.TOPIC: on_area_facts,
    SchemeBindingV1.TOPIC: on_binding_facts,
    GroupV1.TOPIC: on_group_facts,
    ConductDecidedV1.TOPIC: on_record_facts,
    ActivityRecordedV1.TOPIC: on_activity_facts,
    PresenceDayUpdatedV1.TOPIC: on_duty_facts,
    NothingCertifiedV1.TOPIC: on_village_facts,
    ReportFiledV1.TOPIC: on_report_facts,
}
"""Topic to handler, all that the registry lists for scoring."""


def _only(facts: Facts, *kinds: type[FactData]) -> Iterator[Fact[Any]]:
    return (fact for fact in facts if type(fact.data) in kinds)


async def _record(
    facts: Facts, unit: Unit, source: Source, kind: type[FactData], row: Callable[[Fact[Any]], Recorded]
) -> None:
    await record(unit, source, map(row, _only(facts, kind)))


def _number(fact: Fact[Any]) -> int:
    """Newer facts of a stream have higher numbers, also after the publisher's history was restored."""
    return (fact.epoch << 40) + fact.sequence


def _activity(fact: Fact[Any]) -> Recorded:
    # Written out: this runs for nearly every fact there is, and pydantic's own dump costs four times as much.
    data: ActivityRecordedV1 = fact.data
    body = {
        "fact": fact.id,
        "at": data.since,
        "kind": data.kind,
        "quantity": str(data.quantity),
        "unit": data.unit,
        "target": data.target_key,
        "with_officer": data.with_officer,
        "group_id": data.group_id,
        "details": data.details,
    }
    day = shanghai_day(data.since)
    # A dispute without a code is a matter of its own: under its own id intel reports it when it stays unsettled (C-49).
    matter = data.matter_id or (data.activity_id if data.kind == "dispute" else None)
    text = orjson.dumps(body).decode()
    return Recorded(data.activity_id, _number(fact), data.done_by, data.village, day, None, matter, text)


def _verdict(fact: Fact[Any]) -> Said:
    data = fact.data
    if isinstance(data, ActivityRejectedV1):
        body = {"fact": fact.id, "verdict": "rejected", "cause": data.cause, "reason": data.reason}
    else:
        body = {
            "fact": fact.id,
            "verdict": "verified",
            "quantity": str(data.quantity),
            "method": data.method,
            "true_situation": data.true_situation,
            "record_seen": data.record_seen,
            "signature_seen": data.signature_seen,
            "effective": data.effective,
        }
    return Said(data.activity_id, _number(fact), orjson.dumps(body).decode())


def _said(fact: Fact[Any], entry_id: UUID) -> Said:
    return Said(entry_id, getattr(fact.data, "revision", _number(fact)), _body(fact))


def _body(fact: Fact[Any]) -> str:
    return orjson.dumps({"fact": fact.id, **fact.data.model_dump(mode="json")}).decode()


def _presence(fact: Fact[Any]) -> Recorded:
    data: PresenceDayUpdatedV1 = fact.data
    key = uuid5(data.assignment_id, f"presence {data.day} {data.village or data.area_id}")
    return Recorded(key, data.revision, data.officer_id, data.village, data.day, None, None, _body(fact))


def _attendance(fact: Fact[Any]) -> Recorded:
    data: AttendanceJudgedV1 = fact.data
    key = uuid5(data.officer_id, f"attendance {data.day}")
    return Recorded(key, data.revision, data.officer_id, None, data.day, None, None, _body(fact))


def _knowledge(fact: Fact[Any]) -> Recorded:
    data: KnowledgeTestedV1 = fact.data
    return Recorded(data.test_id, _number(fact), data.officer_id, data.village, data.tested_on, None, None, _body(fact))


def _finding(fact: Fact[Any]) -> Recorded:
    data: FindingRecordedV1 = fact.data
    officer = UUID(data.who.id) if data.who.type == "officer" else None
    village = data.who.id if data.who.type == "village" else data.village
    return Recorded(data.finding_id, data.revision, officer, village, data.found_on, None, data.matter_id, _body(fact))


def _certificate(fact: Fact[Any]) -> Recorded:
    data: NothingCertifiedV1 = fact.data
    first, last = _days(data.month)
    return Recorded(data.certificate_id, _number(fact), None, data.village, first, last, None, _body(fact))


def _report(fact: Fact[Any]) -> Recorded:
    data: ReportFiledV1 = fact.data
    # The month in which the matter was noticed: a report sent days later is still that month's work.
    day = shanghai_day(data.noticed_at)
    return Recorded(data.report_id, _number(fact), data.reporter, data.village, day, None, data.matter_id, _body(fact))


def _conduct(fact: Fact[Any]) -> Recorded:
    # The day of the decision: what a superior decides later does not reopen the month it happened in.
    data: ConductDecidedV1 = fact.data
    return Recorded(data.decision_id, _number(fact), data.officer_id, None, data.decided_on, None, None, _body(fact))


def _group(fact: Fact[Any]) -> Recorded:
    data: GroupV1 = fact.data
    first, last = _days(data.valid)
    return Recorded(data.group_id, _number(fact), None, data.village, first, last, None, _body(fact))


def _state(fact: Fact[Any]) -> State:
    data: GroupV1 = fact.data
    return State(data.group_id, shanghai_day(fact.time), _number(fact), data.state, fact.id)


def _days(period: Period) -> tuple[date, date]:
    return period.since, period.until or date.max
