"""A report comes in: through the API, or out of an activity in which somebody already entered it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, timedelta
from typing import Any
from uuid import UUID

import orjson

from services.intel.errors import (
    AlreadyClosed,
    InTheFuture,
    ReportConflict,
    ReportNotFound,
    UnknownCode,
    VillageNotFound,
)
from services.intel.repository.matters import Matters
from services.intel.repository.reports import Reports
from services.intel.repository.rows import Row
from services.intel.rules.escalation import unknown_code
from services.intel.schemas import Filed, ForeignId, NewReport
from services.intel.service.playbooks import Playbooks
from services.intel.service.references import References
from services.intel.service.routing import Routing
from services.intel.service.withdrawal import Withdrawal
from shared.clock import shanghai_day
from shared.database.unit import Unit
from shared.ids import county_id, foreign_id, matter_of
from shared.reference.bindings import known_bindings
from shared.security.audit import record_audit
from shared.security.principal import Principal, acting_for
from shared.security.vault import Vault

CLOCK_ERROR = timedelta(minutes=5)

_UNDECIDED: Row = {
    "activity_id": None,
    "summary": None,
    "content_hash": None,
    "classification": "internal",
    "state": "recorded",
    "acknowledged": [],
    "order_version": 0,
    "hop": 0,
}


class Filing:
    """Taking reports in, each once."""

    def __init__(self, unit: Unit, playbooks: Playbooks) -> None:
        self.unit = unit
        self.playbooks = playbooks
        self.reports = Reports(unit.connection)
        self.matters = Matters(unit.connection)

    async def file(self, new: NewReport, who: Principal, vault: Vault) -> Filed:
        """File, decide and order in one transaction; the same content again is a duplicate, other a conflict."""
        known, day = References(self.unit, who, shanghai_day(self.unit.now)), shanghai_day(new.noticed_at)
        if not who.covers(new.village):
            raise VillageNotFound("请核对村(社区)代码,它必须在令牌的辖区内")
        reporter = await known.reporter(new.reporter, day)
        report_id = await self._id(new.id, new.village)
        content_hash = vault.blind_index(_content(new, reporter), "report")
        if (kept := await self.reports.get(report_id)) is not None:
            return _again(kept, content_hash)
        await self._check(new, known, day)
        former = await self._former(new, reporter, who)
        row = {
            "report_id": report_id,
            "matter_id": former["matter_id"] if former else await self._matter(new, report_id, who),
            **new.model_dump(include={"kind", "category", "village", "noticed_at"}),
            "signs": sorted(set(new.signs)),
            "reporter": reporter,
            "source": "direct",
            "reported_at": self.unit.now,
            "summary": vault.seal(new.summary) if new.summary else None,
            "content_hash": content_hash,
            "actor": who.subject,
        }
        if not await self.record([row]):
            return _again(await self._kept(report_id), content_hash)
        await Routing(self.unit, self.playbooks).route([await self.reports.to_route(report_id)])
        if former:
            await Withdrawal(self.unit).by_author(former["report_id"], "superseded", reporter)
        await record_audit(self.unit, who, "report.file", str(report_id), on_behalf_of=reporter)
        return _filed(await self._kept(report_id), "created")

    async def withdraw(self, report_id: UUID, reason: str, who: Principal) -> Filed:
        """Whoever reported takes it back; a station that has it is told. Again: no change."""
        report = await self.reports.find(report_id, who)
        if report is None:
            raise ReportNotFound("请核对上报编号")
        reporter = acting_for(who, report["reporter"])
        if report["state"] == "closed":
            raise AlreadyClosed("该上报已办结,不能撤回")
        await Withdrawal(self.unit).by_author(report_id, reason, reporter)
        await record_audit(self.unit, who, "report.withdraw", str(report_id), on_behalf_of=reporter, reason=reason)
        return _filed(await self._kept(report_id), "duplicate" if report["state"] == "withdrawn" else "created")

    async def _id(self, named: UUID | ForeignId, village: str) -> UUID:
        """A name belongs to the county; what was kept before it did is found under its former id there."""
        if isinstance(named, UUID):
            return named
        county = village[:6]
        former = await self.reports.get(foreign_id(named.system, named.id))
        if former is not None and former["village"].startswith(county):
            return UUID(str(former["report_id"]))
        return county_id(county, named.system, named.id)

    async def _former(self, new: NewReport, reporter: UUID, who: Principal) -> Row | None:
        """The report that this one takes the place of: one's own, once."""
        if new.supersedes is None:
            return None
        former = await self.reports.find(await self._id(new.supersedes, new.village), who)
        if former is None or former["reporter"] != reporter:
            raise ReportNotFound("请核对 supersedes,只能更正本人的上报")
        if former["state"] in ("closed", "withdrawn"):
            raise AlreadyClosed("该上报已办结、撤回或更正,请另行上报")
        return former

    async def _matter(self, new: NewReport, report_id: UUID, who: Principal) -> UUID:
        """The matter meant, which is its first village's county's from now on."""
        county = new.village[:6]
        if isinstance(new.matter_id, ForeignId):
            former = foreign_id(new.matter_id.system, new.matter_id.id)
            owner = (await self.matters.owners([former])).get(former)
            named = county_id(county, new.matter_id.system, new.matter_id.id)
            meant = former if owner == county else named
        else:
            given = new.matter_id or report_id
            owner = (await self.matters.owners([given])).get(given)
            meant = matter_of(given, county, owner, may_use=owner is not None and who.covers(owner))
        await self.matters.add({meant: county})
        return meant

    async def record(self, rows: Sequence[Row]) -> bool:
        """Keep the reports that are new; they wait for their decision. True if there was any."""
        added = await self.reports.add([{**_UNDECIDED, **row, "next_try_at": self.unit.now} for row in rows])
        await self.reports.note(*(note for row in rows if row["report_id"] in added for note in _first_notes(row)))
        return bool(added)

    async def _check(self, new: NewReport, known: References, day: date) -> None:
        if new.noticed_at > self.unit.now + CLOCK_ERROR:
            raise InTheFuture("noticed_at 晚于当前时间,请校准时钟后重发", pointer="/noticed_at")
        await known.village(new.village, day)
        bindings = await known_bindings(self.unit.connection)
        applying = self.playbooks.at(bindings, new.village, known.today)
        if applying is None:
            raise await known.unknown("scheme")
        if wrong := unknown_code(new.kind, new.category, new.signs, applying.playbook):
            raise UnknownCode(*wrong)

    async def _kept(self, report_id: UUID) -> Row:
        kept = await self.reports.get(report_id)
        assert kept is not None
        return kept


def _content(new: NewReport, reporter: UUID) -> str:
    """What makes two requests the same report, however the reporter was named or the time written."""
    later = {"supersedes"} if new.supersedes is None else set()  # it came later: without it a report is what it was
    said: dict[str, Any] = new.model_dump(mode="json", exclude={"id", "reporter", "noticed_at", "signs"} | later)
    same = {"reporter": str(reporter), "noticed_at": new.noticed_at.astimezone(UTC), "signs": sorted(set(new.signs))}
    return orjson.dumps(said | same, option=orjson.OPT_SORT_KEYS).decode()


def _again(kept: Row, content_hash: bytes) -> Filed:
    if kept["content_hash"] != content_hash:
        raise ReportConflict("该编号已用于另一份上报,内容未改动;请用新的编号")
    return _filed(kept, "duplicate")


def _filed(row: Row, outcome: str) -> Filed:
    return Filed.model_validate({**row, "outcome": outcome})


def _first_notes(row: Row) -> tuple[Row, Row]:
    entry = {"report_id": row["report_id"], "by_officer": row["reporter"]}
    return (
        entry | {"at": row["noticed_at"], "what": "noticed"},
        entry | {"at": row["reported_at"], "what": "filed", "code": row["source"]},
    )
