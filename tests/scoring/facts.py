"""Builders for what the other services publish, numbered in streams: one village, one auxiliary unless said."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from shared.clock import SHANGHAI
from shared.contracts import fieldwork, intel, personnel
from shared.contracts.base import FactData
from shared.contracts.envelope import Fact
from shared.ids import new_id

VILLAGE = "411622100201"
OTHER_VILLAGE = "411622100202"
OFFICER = UUID("00000000-0000-7000-8000-000000000001")
LEADER = UUID("00000000-0000-7000-8000-000000000002")
STATION = UUID("00000000-0000-7000-8000-000000000003")
OCTOBER = {"from": date(2026, 10, 1), "to": date(2026, 10, 31)}
DAY = date(2026, 10, 12)

Said = Fact[Any]


def at(day: date, hour: int = 10) -> datetime:
    return datetime.combine(day, time(hour), SHANGHAI)


@dataclass
class Facts:
    """Makes facts as publishers do: numbered in their streams."""

    numbers: Counter[tuple[str, str]] = field(default_factory=Counter)

    def of(self, data: FactData, when: datetime | None = None) -> Said:
        fact = Fact.of(data, time=when or at(DAY), actor=LEADER, jurisdiction=VILLAGE)
        key = (data.TOPIC, data.stream_key)
        self.numbers[key] += 1
        return fact._replace(sequence=self.numbers[key], epoch=1, recorded_at=fact.time)

    def assignment(self, officer: UUID = OFFICER, village: str = VILLAGE, **changes: Any) -> Said:
        said = {
            "assignment_id": new_id(),
            "officer_id": officer,
            "post": "village_auxiliary",
            "role": "main",
            "where": {"type": "village", "id": village},
            "valid": {"from": date(2026, 1, 1)},
        }
        return self.of(personnel.AssignmentV1.model_validate(said | changes))

    def officer(self, officer: UUID = OFFICER, name: str = "演示甲") -> Said:
        said = {
            "officer_id": officer,
            "kind": "auxiliary",
            "name": name,
            "badge": "XF0001",
            "employer": STATION,
            "station": STATION,
            "full_time": True,
            "status": "active",
            "account": "open",
            "valid": {"from": date(2026, 1, 1)},
        }
        return self.of(personnel.OfficerV1.model_validate(said))

    def area(self, area_id: UUID, *villages: str) -> Said:
        valid = {"from": date(2026, 1, 1)}
        said = {
            "area_id": area_id,
            "name": "责任区",
            "villages": villages,
            "station": STATION,
            "rural": True,
            "valid": valid,
        }
        return self.of(personnel.AreaV1.model_validate(said))

    def division(self, code: str, name: str, level: str = "village") -> Said:
        said = {"code": code, "name": name, "level": level, "valid": {"from": date(2020, 1, 1)}}
        kind = {"village_kind": "village_committee"} if level == "village" else {}
        return self.of(personnel.DivisionV1.model_validate(said | kind))

    def binding(self, scheme: str = "wenquan", **changes: Any) -> Said:
        said = {
            "binding_id": new_id(),
            "jurisdiction": "411622",
            "scheme": scheme,
            "version": "0" * 64,
            "posts": ["village_auxiliary"],
            "valid": {"from": date(2026, 1, 1)},
        }
        return self.of(personnel.SchemeBindingV1.model_validate(said | changes))

    def group(
        self, kind: str, state: str = "effective", village: str = VILLAGE, told: date = DAY, **changes: Any
    ) -> Said:
        said = {
            "group_id": new_id(),
            "kind": kind,
            "village": village,
            "members": 8,
            "trained_members": 8,
            "state": state,
            "valid": {"from": date(2025, 1, 1)},
        }
        return self.of(personnel.GroupV1.model_validate(said | changes), at(told))

    def activity(self, kind: str, details: dict[str, Any] | None = None, **changes: Any) -> Said:
        day = changes.pop("day", DAY)
        officer = changes.pop("officer", OFFICER)
        said = {
            "activity_id": new_id(),
            "author": officer,
            "done_by": officer,
            "village": VILLAGE,
            "kind": kind,
            "from": at(day),
            "quantity": 1,
            "unit": "time",
            "details": details or {},
        }
        return self.of(fieldwork.ActivityRecordedV1.model_validate(said | changes), at(day))

    def visit(self, house: str, **changes: Any) -> Said:
        return self.activity("household_visit", {"purposes": ["safety"]}, unit="household", target_key=house, **changes)

    def verified(self, recorded: Said, **changes: Any) -> Said:
        said = {
            "activity_id": recorded.data.activity_id,
            "officer_id": recorded.data.done_by,
            "verified_by": LEADER,
            "verifier_org": STATION,
            "method": "desk",
            "quantity": recorded.data.quantity,
            "true_situation": True,
            "record_seen": True,
            "signature_seen": True,
            "effective": "yes",
        }
        return self.of(fieldwork.ActivityVerifiedV1.model_validate(said | changes), recorded.time)

    def rejected(self, recorded: Said, cause: str = "recheck_failed") -> Said:
        said = {
            "activity_id": recorded.data.activity_id,
            "officer_id": recorded.data.done_by,
            "cause": cause,
            "reason": "not_found",
            "decided_by": LEADER,
        }
        return self.of(fieldwork.ActivityRejectedV1.model_validate(said), recorded.time)

    def done(self, kind: str, details: dict[str, Any] | None = None, **changes: Any) -> list[Said]:
        """An activity and its verification."""
        recorded = self.activity(kind, details, **changes)
        return [recorded, self.verified(recorded)]

    def visits(self, number: int, **changes: Any) -> list[Said]:
        visits = [self.visit(f"house-{house}", **changes) for house in range(number)]
        return [fact for visit in visits for fact in (visit, self.verified(visit))]

    def absence(self, day: date, state: str = "absent", revision: int = 1) -> Said:
        said = {"officer_id": OFFICER, "day": day, "rostered": True, "state": state, "revision": revision}
        return self.of(fieldwork.AttendanceJudgedV1.model_validate(said))

    def presence(self, day: date, minutes: int, revision: int) -> Said:
        said = {
            "officer_id": OFFICER,
            "assignment_id": UUID(int=9),
            "day": day,
            "village": VILLAGE,
            "minutes_in_village": minutes,
            "minutes_in_area": 0,
            "longest_minutes": minutes,
            "sessions": 1,
            "open_sessions": 0,
            "revision": revision,
        }
        return self.of(fieldwork.PresenceDayUpdatedV1.model_validate(said))

    def tested(self, level: str = "familiar") -> Said:
        said = {
            "test_id": new_id(),
            "officer_id": OFFICER,
            "village": VILLAGE,
            "level": level,
            "assessor": LEADER,
            "tested_on": DAY,
        }
        return self.of(fieldwork.KnowledgeTestedV1.model_validate(said))

    def certificate(self, of: str, **changes: Any) -> Said:
        said = {
            "certificate_id": new_id(),
            "village": VILLAGE,
            "of": of,
            "month": OCTOBER,
            "certified_by": LEADER,
            "certifier_org": STATION,
            "state": "in_force",
        }
        return self.of(fieldwork.NothingCertifiedV1.model_validate(said | changes))

    def finding(self, kind: str, found_on: date, **changes: Any) -> Said:
        said = {
            "finding_id": new_id(),
            "who": {"type": "village", "id": VILLAGE},
            "kind": kind,
            "count": 1,
            "source": "inspection",
            "found_by": STATION,
            "found_on": found_on,
            "state": "upheld",
            "revision": 1,
        }
        return self.of(fieldwork.FindingRecordedV1.model_validate(said | changes))

    def report(self, kind: str, category: str, matter: UUID | None = None, **changes: Any) -> Said:
        said = {
            "report_id": new_id(),
            "matter_id": matter or new_id(),
            "kind": kind,
            "category": category,
            "village": VILLAGE,
            "reporter": OFFICER,
            "source": "direct",
            "noticed_at": at(DAY),
            "reported_at": at(DAY, 11),
            "in_time": "undecided",
        }
        return self.of(intel.ReportFiledV1.model_validate(said | changes))

    def acknowledged(self, filed: Said, step: str = "accepted") -> Said:
        said = {"report_id": filed.data.report_id, "hop": 1, "org": STATION, "step": step, "by_named_person": True}
        return self.of(intel.ReportAcknowledgedV1.model_validate(said))

    def closed(self, filed: Said, outcome: str = "resolved", revision: int = 1) -> Said:
        said = {
            "report_id": filed.data.report_id,
            "matter_id": filed.data.matter_id,
            "outcome": outcome,
            "truth": "true",
            "closed_by": STATION,
            "cooperated": [OFFICER],
            "record_seen": True,
            "revision": revision,
        }
        return self.of(intel.ReportClosedV1.model_validate(said))

    def fire_hazards(self, number: int) -> list[Said]:
        filed = [self.report("hazard", "fire") for _ in range(number)]
        return [fact for report in filed for fact in (report, self.acknowledged(report))]

    def all_else(self) -> list[Said]:
        """Everything full but households (S-101), disputes (S-108) and instability (S-109)."""
        facts = [
            *self.done("publicity", {"topics": ["four_prevention"]}),
            self.tested(),
            self.group("patrol_team"),
            *self.done("patrol", {"mode": "foot", "night": True}),
            self.group("fire_team"),
            *self.fire_hazards(2),
        ]
        for _ in range(5):
            facts += self.done("site_check", {"object": "knives"})
            facts += self.done("hazard", {"category": "traffic", "state": "rectified"}, matter_id=new_id())
            facts += self.done("publicity", {"topics": ["law"]})
        for _ in range(10):
            facts += self.done("assistance", {"target_eligible": True})
        return facts

    def quiet_month(self, households: int = 20) -> list[Said]:
        """V2: everything full, no dispute, no instability, both certified."""
        certificates = [self.certificate("dispute"), self.certificate("instability")]
        return [*self.visits(households), *self.all_else(), *certificates]
