"""A month of one officer's work, written as the facts the services publish and turned into ledger entries."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from services.scoring.rules import Context, Entry, Period, Stay
from shared.clock import SHANGHAI
from shared.contracts.base import FactData, Who
from shared.contracts.base import Period as Days
from shared.contracts.fieldwork import (
    ActivityRecordedV1,
    ActivityVerifiedV1,
    AttendanceJudgedV1,
    FindingRecordedV1,
    KnowledgeTestedV1,
    NothingCertifiedV1,
    PresenceDayUpdatedV1,
)
from shared.contracts.intel import ReportAcknowledgedV1, ReportClosedV1, ReportFiledV1
from shared.contracts.personnel import ComplaintChain, ConductDecidedV1, GroupV1

OFFICER = UUID(int=1)
LEADER = UUID(int=2)
STATION = UUID(int=3)
VILLAGE = "411622100201"
OTHER_VILLAGE = "411622100202"
OCTOBER = Period(date(2026, 10, 1), date(2026, 10, 31))


def context(period: Period = OCTOBER, *stays: Stay) -> Context:
    """Someone posted to one village all along, unless said otherwise."""
    return Context(OFFICER, period, stays or (Stay(VILLAGE, date(2026, 1, 1)),))


def at(day: date, hour: int = 10) -> datetime:
    return datetime.combine(day, time(hour), SHANGHAI)


@dataclass
class Month:
    """Collects entries; every method adds what one line of the rubric asks for."""

    day: date = date(2026, 10, 12)
    entries: list[Entry] = field(default_factory=list)
    ids: Iterator[int] = field(default_factory=lambda: count(100))

    def new_id(self) -> UUID:
        return UUID(int=next(self.ids))

    def keep(self, entry: Entry, **changes: Any) -> Entry:
        kept = entry._replace(**changes)
        self.entries.append(kept)
        return kept

    def activity(
        self,
        kind: str,
        details: dict[str, Any] | None = None,
        *,
        unit: str = "time",
        village: str = VILLAGE,
        matter: UUID | None = None,
        quantity: int = 1,
        target: str | None = None,
        day: date | None = None,
        record: bool = True,
        signature: bool = True,
        true: bool = True,
        **changes: Any,
    ) -> Entry:
        recorded = ActivityRecordedV1.model_validate(
            {
                "activity_id": self.new_id(),
                "author": OFFICER,
                "done_by": OFFICER,
                "village": village,
                "kind": kind,
                "from": at(day or self.day),
                "quantity": quantity,
                "unit": unit,
                "target_key": target,
                "matter_id": matter,
                "details": details or {},
            }
        )
        verified = ActivityVerifiedV1(
            activity_id=recorded.activity_id,
            officer_id=OFFICER,
            verified_by=LEADER,
            verifier_org=STATION,
            method="desk",
            quantity=Decimal(quantity),
            true_situation=true,
            record_seen=record,
            signature_seen=signature,
            effective="yes",
        )
        return self.keep(of_activity(recorded, verified), **changes)

    def visits(self, number: int, **changes: Any) -> None:
        for house in range(number):
            self.activity(
                "household_visit", {"purposes": ["safety"]}, unit="household", target=f"house-{house}", **changes
            )

    def publicity(self, topic: str, number: int = 1, **changes: Any) -> None:
        for _ in range(number):
            self.activity("publicity", {"topics": [topic]}, **changes)

    def absences(self, days: list[date]) -> None:
        for day in days:
            self.judged(day, "absent")

    def judged(self, day: date, state: str) -> None:
        fact = AttendanceJudgedV1.model_validate(
            {"officer_id": OFFICER, "day": day, "rostered": True, "state": state, "revision": 1}
        )
        self.keep(plain(fact, self.new_id(), "attendance", state, fact.day, village=None))

    def arrived(self, day: date) -> None:
        fact = PresenceDayUpdatedV1(
            officer_id=OFFICER,
            assignment_id=UUID(int=9),
            day=day,
            village=VILLAGE,
            minutes_in_village=240,
            minutes_in_area=0,
            longest_minutes=240,
            sessions=1,
            open_sessions=0,
            revision=1,
        )
        self.keep(plain(fact, self.new_id(), "presence_day", "present", day))

    def tested(self, level: str, day: date | None = None, village: str = VILLAGE) -> None:
        fact = KnowledgeTestedV1.model_validate(
            {
                "test_id": self.new_id(),
                "officer_id": OFFICER,
                "village": village,
                "level": level,
                "assessor": LEADER,
                "tested_on": day or self.day,
            }
        )
        self.keep(plain(fact, fact.test_id, "knowledge", level, fact.tested_on, village=village))

    def group(self, kind: str, state: str = "effective", village: str = VILLAGE) -> None:
        fact = GroupV1.model_validate(
            {
                "group_id": self.new_id(),
                "kind": kind,
                "village": village,
                "members": 8,
                "trained_members": 8,
                "state": state,
                "valid": Days(since=date(2025, 1, 1)),
            }
        )
        self.keep(plain(fact, fact.group_id, "group", state, fact.valid.since, village=village), until=date.max)

    def report(
        self,
        kind: str,
        category: str,
        state: str = "closed",
        outcome: str = "resolved",
        *,
        matter: UUID | None = None,
        escalated: bool = False,
        in_time: str = "yes",
        cooperated: bool = True,
        record: bool = True,
        day: date | None = None,
    ) -> Entry:
        on = at(day or self.day)
        filed = ReportFiledV1.model_validate(
            {
                "report_id": self.new_id(),
                "matter_id": matter or self.new_id(),
                "kind": kind,
                "category": category,
                "village": VILLAGE,
                "reporter": OFFICER,
                "source": "direct",
                "noticed_at": on,
                "reported_at": on,
                "in_time": in_time,
            }
        )
        seen = ReportAcknowledgedV1(
            report_id=filed.report_id, hop=1, org=STATION, step="accepted", by_named_person=True
        )
        closed = ReportClosedV1.model_validate(
            {
                "report_id": filed.report_id,
                "matter_id": filed.matter_id,
                "outcome": outcome,
                "truth": "true",
                "closed_by": STATION,
                "cooperated": (OFFICER,) if cooperated else (),
                "record_seen": record,
                "revision": 1,
            }
        )
        facts = {"filed": (), "acknowledged": (seen,), "closed": (seen, closed)}[state]
        return self.keep(of_report(filed, state, escalated, *facts))

    def found(self, kind: str, number: int = 1, state: str = "upheld") -> None:
        fact = FindingRecordedV1.model_validate(
            {
                "finding_id": self.new_id(),
                "who": Who(type="officer", id=str(OFFICER)),
                "village": VILLAGE,
                "kind": kind,
                "count": number,
                "source": "inspection",
                "found_by": STATION,
                "found_on": self.day,
                "state": state,
                "revision": 1,
            }
        )
        self.keep(plain(fact, fact.finding_id, "finding", fact.state, fact.found_on), quantity=Decimal(fact.count))

    def certified(self, of: str, month: Period = OCTOBER, state: str = "in_force", village: str = VILLAGE) -> Entry:
        fact = NothingCertifiedV1.model_validate(
            {
                "certificate_id": self.new_id(),
                "village": village,
                "of": of,
                "month": Days(since=month.first, until=month.last),
                "certified_by": LEADER,
                "certifier_org": STATION,
                "state": state,
            }
        )
        entry = plain(fact, fact.certificate_id, "nothing_certified", fact.state, month.first, village)
        return self.keep(entry, until=month.last)

    def conduct(self, kind: str, level: str = "county", *, whole_chain: bool = True, state: str = "in_force") -> None:
        links = {name: self.new_id() for name in ("complaint_id", "finding_id", "notice_id")}
        if not whole_chain:
            del links["notice_id"]
        fact = ConductDecidedV1.model_validate(
            {
                "decision_id": self.new_id(),
                "officer_id": OFFICER,
                "kind": kind,
                "level": level,
                "occurred_on": self.day,
                "decided_on": self.day,
                "decided_by": STATION,
                "while_on_duty_in_area": True,
                "chain": ComplaintChain(**links),
                "state": state,
            }
        )
        self.keep(plain(fact, fact.decision_id, "conduct", fact.state, fact.decided_on))

    def disputes(self, number: int, state: str = "resolved", **changes: Any) -> None:
        for _ in range(number):
            self.activity("dispute", {"category": "land_contract", "state": state}, matter=self.new_id(), **changes)

    def certificate(self, delivered_after: int, *, signature: bool = True) -> Entry:
        collected = self.day - timedelta(days=delivered_after)
        details = {"item": "id_card", "collected_on": collected.isoformat(), "delivered_at": at(self.day).isoformat()}
        return self.activity("certificate_delivery", details, signature=signature)

    def household_business(self, handed_in_after: int) -> Entry:
        received = self.day - timedelta(days=handed_in_after)
        details = {
            "in_person_required": False,
            "received_on": received.isoformat(),
            "handed_in_on": self.day.isoformat(),
        }
        return self.activity("household_business", details)

    def settled_matters(self) -> None:
        """Five disputes settled, five instabilities reported and dealt with."""
        self.disputes(5)
        for _ in range(5):
            self.report("instability", "unpaid_wages")

    def all_else(self, *, fire_team: bool = True, hazards: int = 2, services: int = 10) -> None:
        """Everything full but households (S-101), disputes (S-108) and instability (S-109)."""
        self.publicity("four_prevention")
        self.tested("familiar")
        self.group("patrol_team")
        self.activity("patrol", {"mode": "foot", "night": True})
        if fire_team:
            self.group("fire_team")
        for _ in range(hazards):
            self.report("hazard", "fire", "acknowledged")
        for _ in range(5):
            self.activity("site_check", {"object": "knives"})
            self.activity("hazard", {"category": "traffic", "state": "rectified"}, matter=self.new_id())
        self.publicity("law", 5)
        for _ in range(services):
            self.activity("assistance", {"target_eligible": True})


def full_month() -> Month:
    """V1: everything full, five disputes resolved, five instabilities reported."""
    month = Month()
    month.visits(20)
    month.all_else()
    month.settled_matters()
    return month


def of_activity(recorded: ActivityRecordedV1, verified: ActivityVerifiedV1) -> Entry:
    """Merge the two facts of one activity."""
    said = verified.model_dump(include={"true_situation", "record_seen", "signature_seen", "effective"})
    return Entry(
        id=recorded.activity_id,
        kind=f"activity:{recorded.kind}",
        state="verified",
        officer_id=recorded.done_by,
        village=recorded.village,
        day=recorded.since.astimezone(SHANGHAI).date(),
        occurred_at=recorded.since,
        quantity=verified.quantity,
        matter_id=recorded.matter_id,
        target=recorded.target_key,
        attributes={"unit": recorded.unit, "details": recorded.details, **said},
    )


def of_report(filed: ReportFiledV1, state: str, escalated: bool, *facts: FactData) -> Entry:
    """Merge the facts of one report; `cooperated` becomes whether this officer did."""
    attributes = filed.model_dump(mode="json", include={"kind", "category", "in_time", "noticed_at"})
    attributes["escalated"] = escalated
    for fact in facts:
        if isinstance(fact, ReportClosedV1):
            attributes |= fact.model_dump(include={"outcome", "truth", "record_seen"})
            attributes["cooperated"] = filed.reporter in fact.cooperated
    return Entry(
        id=filed.report_id,
        kind="report",
        state=state,
        officer_id=filed.reporter,
        village=filed.village,
        day=filed.reported_at.astimezone(SHANGHAI).date(),
        occurred_at=filed.reported_at,
        matter_id=filed.matter_id,
        attributes=attributes,
    )


def plain(fact: FactData, id_: UUID, kind: str, state: str, day: date, village: str | None = VILLAGE) -> Entry:
    """One fact, one entry."""
    return Entry(
        id=id_,
        kind=kind,
        state=state,
        officer_id=OFFICER,
        village=village,
        day=day,
        occurred_at=at(day),
        attributes=fact.model_dump(mode="json"),
    )
