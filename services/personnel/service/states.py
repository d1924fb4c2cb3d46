"""Putting and reading the things that are published as whole states."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import RowMapping

from services.personnel.errors import (
    UNKNOWN,
    HolderChanged,
    NoCommonDivision,
    OfficerErased,
    OutlastsItsPlace,
    OutsideOfficerPeriod,
    PeriodReversed,
    PersonnelNotFound,
    RefersToItself,
    RepeatedInBatch,
    TooManyAssignments,
)
from services.personnel.repository.officers import OfficerNumbers, SealedNumber
from services.personnel.repository.states import Assigned, Change, Known, States
from services.personnel.rules import periods
from services.personnel.schemas.items import AssignmentItem, BindingItem, Item, OfficerItem, Ref
from services.personnel.service.schemes import Schemes
from services.personnel.service.uniqueness import Uniqueness
from shared.contracts.base import FactData, Period
from shared.contracts.envelope import Fact
from shared.database.unit import Unit
from shared.reference.states import from_columns
from shared.security.audit import AuditEntry, record_audits
from shared.security.principal import Principal
from shared.security.vault import Vault
from shared.web.problems import Problem

MOST_ASSIGNMENTS = 1_000
"""Of one officer, past ones too: no career has so many, and every service reads all of his at once."""

Result = Literal["created", "changed", "unchanged"] | Problem


@dataclass(frozen=True)
class WholeStates:
    """Use cases of one request."""

    unit: Unit
    vault: Vault
    by: Principal
    schemes: Schemes

    async def put(self, kind: type[Item], items: Sequence[Item]) -> list[Result]:
        """Store those that break no rule, publish those that say something new; a result for each, in order."""
        states = States(self.unit.connection)
        await states.lock(ref for item in items for ref in item.held())
        known = await states.known(ref for item in items for ref in (item.ref, *item.references()))
        officers = {item.officer_id for item in items if isinstance(item, OfficerItem | AssignmentItem)}
        judged = self._judge(items, known, await states.assigned(officers), await Uniqueness.of(states, items))
        accepted = [item for item, problem in zip(items, judged, strict=True) if problem is None]
        changes = [Change(item.whole_state(), known[item.ref].jurisdiction) for item in accepted]
        written = await states.save(kind, changes)
        renumbered = await self._keep_numbers(accepted)
        self.publish([change for change in changes if change.state.stream_key in written])
        results = [problem or _result(item, written, renumbered) for item, problem in zip(items, judged, strict=True)]
        await self._audit(kind, items, results)
        return results

    async def one(self, kind: type[Item], key: str | UUID) -> RowMapping:
        """The row of a thing inside the caller's jurisdiction."""
        row = await States(self.unit.connection).one(kind, key, self.by.division)
        if row is None:
            raise PersonnelNotFound("请核对编号,以及它是否在本辖区")
        return row

    async def page(self, kind: type[Item], division: str, after: str | UUID | None, limit: int) -> list[FactData]:
        """States inside a division and the caller's jurisdiction, ordered by id."""
        rows = await States(self.unit.connection).page(kind, (division, self.by.division), after, limit)
        return [from_columns(kind.FACT, row) for row in rows]

    def publish(self, changes: Sequence[Change]) -> None:
        """The whole states as reference facts."""
        self.unit.outbox.add(
            *(
                Fact.of(
                    change.state,
                    time=self.unit.now,
                    actor=self.by.officer_id or self.by.subject,
                    jurisdiction=change.jurisdiction,
                )
                for change in changes
            )
        )

    def _judge(
        self,
        items: Sequence[Item],
        known: dict[Ref, Known],
        assigned: Mapping[UUID, Assigned],
        uniqueness: Uniqueness,
    ) -> list[Problem | None]:
        """A problem for each that breaks a rule; the others become known to those after them."""
        numbers = Counter({officer: his.number for officer, his in assigned.items()})
        judged: list[Problem | None] = []
        seen: set[Ref] = set()
        for item in items:
            repeated = RepeatedInBatch("请每批只提交一次") if item.ref in seen else None
            problem = (
                repeated
                or self._refusal(item, known)
                or _outside_service(item, known, assigned)
                or _outlasts_its_place(item, known)
                or _too_many(item, known, numbers)
                or (self.schemes.refusal(item) if isinstance(item, BindingItem) else None)
                or uniqueness.refusal(item)
            )
            seen.add(item.ref)
            judged.append(problem)
            if problem is None:
                if isinstance(item, AssignmentItem):
                    numbers[item.officer_id] += item.ref not in known
                known[item.ref] = self._as_known(item, known)
        return judged

    def _refusal(self, item: Item, known: Mapping[Ref, Known]) -> Problem | None:
        valid = _validity(item)
        if periods.is_reversed(valid.since, valid.until):
            return PeriodReversed("valid.to 不应早于 valid.from")
        for ref in item.references():
            if ref == item.ref:
                return RefersToItself("请改为引用另一条记录")
            if ref not in known or not self._related(known[ref].jurisdiction):
                kind, id = ref
                return UNKNOWN[kind]("请先登记它,或核对编号与辖区", reference={"kind": kind, "id": id})
        return self._misplaced(item, known) or _passed_on(item, known)

    def _misplaced(self, item: Item, known: Mapping[Ref, Known]) -> Problem | None:
        home = self._home(item, known)
        if not home:
            return NoCommonDivision("请按省分别登记")
        old = known.get(item.ref)
        if not self.by.covers(home) or (old and not self.by.covers(old.jurisdiction)):
            return PersonnelNotFound("请核对编号,以及它是否在本辖区")
        return OfficerErased("不能再写入,请为新人员使用新编号") if old and old.erased else None

    def _related(self, jurisdiction: str) -> bool:
        """Inside the caller's jurisdiction or above it, as a city's court is for a county."""
        return jurisdiction.startswith(self.by.division) or self.by.division.startswith(jurisdiction)

    def _as_known(self, item: Item, known: Mapping[Ref, Known]) -> Known:
        valid = _validity(item)
        return Known(self._home(item, known), valid.since, valid.until)

    def _home(self, item: Item, known: Mapping[Ref, Known]) -> str:
        return item.home({ref: known[ref].jurisdiction for ref in item.references()})

    async def _keep_numbers(self, items: Sequence[Item]) -> set[str]:
        officers = [item for item in items if isinstance(item, OfficerItem)]
        numbers = [
            self._seal(officer.officer_id, kind, number)
            for officer in officers
            for kind, number in officer.numbers().items()
        ]
        return {str(id) for id in await OfficerNumbers(self.unit.connection).keep(numbers)}

    def _seal(self, officer_id: UUID, kind: str, number: str | None) -> SealedNumber:
        if number is None:
            return SealedNumber(officer_id, kind, None, None)
        return SealedNumber(officer_id, kind, self.vault.seal(number), self.vault.blind_index(number, kind))

    async def _audit(self, kind: type[Item], items: Sequence[Item], results: Sequence[Result]) -> None:
        entries = [
            AuditEntry(f"personnel.{kind.TABLE}.put", item.stream_key, result=_told(result))
            for item, result in zip(items, results, strict=True)
        ]
        if entries:
            await record_audits(self.unit, self.by, entries)


def _validity(item: Item) -> Any:
    """Every item has a period; the field comes from its fact."""
    return item.valid  # type: ignore[attr-defined]  # declared by each fact, not by their base


def _passed_on(item: Item, known: Mapping[Ref, Known]) -> Problem | None:
    if isinstance(item, AssignmentItem) and item.ref in known and known[item.ref].holder != item.officer_id:
        return HolderChanged("请结束此派驻,并为接任者另建派驻")
    return None


def _outside_service(item: Item, known: Mapping[Ref, Known], assigned: Mapping[UUID, Assigned]) -> Problem | None:
    if isinstance(item, AssignmentItem) and not _inside(item.valid, officer := known[item.officer]):
        return OutsideOfficerPeriod("请把派驻期限放在人员任职期限之内", officer_valid=_days(officer))
    if isinstance(item, OfficerItem) and (his := assigned.get(item.officer_id)) and not _inside(his.days, item.valid):
        return OutsideOfficerPeriod("请先结束或调整其派驻,再更改任职期限", assigned=_days(his.days))
    return None


def _outlasts_its_place(item: Item, known: Mapping[Ref, Known]) -> Problem | None:
    """Nobody is posted to where there is nothing any more; a first day before the place's is only told late."""
    if not isinstance(item, AssignmentItem) or (end := known[item.place].until) is None:
        return None
    if item.valid.until is not None and item.valid.until <= end:
        return None
    return OutlastsItsPlace("请把派驻的截止日期放在该地撤并之前", place_ends=str(end))


def _too_many(item: Item, known: Mapping[Ref, Known], numbers: Mapping[UUID, int]) -> Problem | None:
    if isinstance(item, AssignmentItem) and item.ref not in known and numbers[item.officer_id] >= MOST_ASSIGNMENTS:
        return TooManyAssignments("请修改已有的派驻,不要逐日新建", most=MOST_ASSIGNMENTS)
    return None


def _inside(inner: Period, outer: Period | Known) -> bool:
    return periods.contains(outer.since, outer.until, inner_since=inner.since, inner_until=inner.until)


def _days(period: Period | Known) -> dict[str, str | None]:
    return {"from": str(period.since), "to": str(period.until) if period.until else None}


def _result(item: Item, written: Mapping[str, bool], renumbered: set[str]) -> Result:
    key = item.stream_key
    if key in written:
        return "created" if written[key] else "changed"
    return "changed" if key in renumbered else "unchanged"


def _told(result: Result) -> str:
    return f"refused: {result.code}" if isinstance(result, Problem) else result
