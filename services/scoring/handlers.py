"""Facts into the ledger, and reference data into the read models; each batch marks whose sheets it concerns.

No handler needs another topic: what is said of an entry nobody recorded yet waits in the ledger for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any
from uuid import UUID, uuid5

import orjson

from services.scoring.service.marking import before_reassigning, score_anew, score_areas_anew, score_everybody_anew
from services.scoring.service.recording import Recorded, Said, Source, State, Word, record, record_groups, say
from shared.clock import shanghai_day
from shared.contracts.base import Period
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
from shared.messaging.handling import Handler, Handlers, Refused
from shared.reference.handlers import reference_handlers

Facts = Sequence[Fact[Any]]


def _records(source: Source, row: Callable[[Fact[Any]], Recorded]) -> Handler:
    async def keep(facts: Facts, unit: Unit) -> Sequence[Refused]:
        """Into the ledger."""
        await record(unit, source, map(row, facts))
        return ()

    return keep


def _says(source: Source, what: Word, said: Callable[[Fact[Any]], Said]) -> Handler:
    async def keep(facts: Facts, unit: Unit) -> Sequence[Refused]:
        """Beside the entry they are about; of several the last one holds (A-201, A-208)."""
        await say(unit, source, what, map(said, facts))
        return ()

    return keep


async def on_group_facts(facts: Facts, unit: Unit) -> Sequence[Refused]:
    """Groups of a village (S-104, S-105). They belong to the ledger: a sheet shows them as facts behind a point."""
    await record_groups(unit, map(_group, facts), map(_state, facts))
    return ()


async def on_assignment_facts(facts: Facts, unit: Unit) -> Sequence[Refused]:
    """Who is where: concerns those who held the posts before and those who hold them now."""
    before = await before_reassigning(unit, {fact.stream_key for fact in facts})
    refused = await _KNOWN[AssignmentV1](facts, unit)
    await score_anew(unit, before | {fact.data.officer_id for fact in facts})
    return refused


async def on_area_facts(facts: Facts, unit: Unit) -> Sequence[Refused]:
    """Which villages an area holds: concerns everybody assigned to it."""
    await before_reassigning(unit)
    refused = await _KNOWN[AreaV1](facts, unit)
    await score_areas_anew(unit, {fact.stream_key for fact in facts})
    return refused


async def on_binding_facts(facts: Facts, unit: Unit) -> Sequence[Refused]:
    """Which jurisdiction is scored by which scheme (C-45): rare, and may concern anybody."""
    await before_reassigning(unit)
    refused = await _KNOWN[SchemeBindingV1](facts, unit)
    await score_everybody_anew(unit)
    return refused


_KNOWN = reference_handlers("scoring")


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


def _about_report(fact: Fact[Any]) -> Said:
    return Said(fact.data.report_id, _number(fact), _body(fact))


def _body(fact: Fact[Any]) -> str:
    return orjson.dumps({"fact": fact.id, **fact.data.model_dump(mode="json")}).decode()


def _presence(fact: Fact[Any]) -> Recorded:
    data: PresenceDayUpdatedV1 = fact.data
    # Not by its place: an assignment that moves to another area takes its days with it.
    key = uuid5(data.assignment_id, f"presence {data.day}")
    return Recorded(key, _number(fact), data.officer_id, data.village, data.day, None, None, _body(fact))


def _attendance(fact: Fact[Any]) -> Recorded:
    data: AttendanceJudgedV1 = fact.data
    key = uuid5(data.officer_id, f"attendance {data.day}")
    return Recorded(key, _number(fact), data.officer_id, None, data.day, None, None, _body(fact))


def _knowledge(fact: Fact[Any]) -> Recorded:
    data: KnowledgeTestedV1 = fact.data
    return Recorded(data.test_id, _number(fact), data.officer_id, data.village, data.tested_on, None, None, _body(fact))


def _finding(fact: Fact[Any]) -> Recorded:
    data: FindingRecordedV1 = fact.data
    officer = UUID(data.who.id) if data.who.type == "officer" else None
    village = data.who.id if data.who.type == "village" else data.village
    return Recorded(data.finding_id, _number(fact), officer, village, data.found_on, None, data.matter_id, _body(fact))


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


HANDLERS: Handlers = {
    **_KNOWN,
    AssignmentV1: on_assignment_facts,
    AreaV1: on_area_facts,
    SchemeBindingV1: on_binding_facts,
    GroupV1: on_group_facts,
    ConductDecidedV1: _records("conduct", _conduct),
    ActivityRecordedV1: _records("activity", _activity),
    ActivityVerifiedV1: _says("activity", "judged", _verdict),
    ActivityRejectedV1: _says("activity", "judged", _verdict),
    PresenceDayUpdatedV1: _records("presence_day", _presence),
    AttendanceJudgedV1: _records("attendance", _attendance),
    KnowledgeTestedV1: _records("knowledge", _knowledge),
    FindingRecordedV1: _records("finding", _finding),
    NothingCertifiedV1: _records("nothing_certified", _certificate),
    ReportFiledV1: _records("report", _report),
    ReportAcknowledgedV1: _says("report", "judged", _about_report),
    ReportClosedV1: _says("report", "closed", _about_report),
}
"""What scoring reads."""
