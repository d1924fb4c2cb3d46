"""Reading sheets: for the officer himself, for leaders, with the facts behind each point."""

from __future__ import annotations

from dataclasses import asdict
from datetime import date
from typing import Any
from uuid import UUID

from services.scoring.errors import MeasurePeriodUndecided, SchemeUnusable, SheetFailed, SheetNotFound
from services.scoring.repository import evidence
from services.scoring.repository.boards import officer_name
from services.scoring.repository.failures import failure_of
from services.scoring.repository.sheets import StoredSheet, sheet_of_day
from services.scoring.rules import reason
from services.scoring.rules.sentences import written
from services.scoring.rules.windows import window_of
from services.scoring.schemas import DetailedSheet, SheetView
from services.scoring.service.contents import Content, open_point
from services.scoring.service.entries import facts_behind
from services.scoring.service.jobs import governing
from services.scoring.service.rubrics import Rubrics, Scheme
from shared.database.unit import Unit
from shared.reference.bindings import Use, known_bindings
from shared.reference.queries import own_work

USES: tuple[Use, ...] = ("governing", "shadow")


class Sheets:
    """The stored sheets, as their readers see them."""

    def __init__(self, unit: Unit, rubrics: Rubrics) -> None:
        self._connection = unit.connection
        self._rubrics = rubrics

    async def of(self, officer_id: UUID, day: date, scheme: str | None, jurisdiction: str = "") -> SheetView:
        """The sheet whose period holds the day; 404 outside the jurisdiction, 409 while C-08 is open."""
        sheet = await self._stored(officer_id, day, scheme, jurisdiction)
        return SheetView.model_validate({**await self._head(sheet), "lines": list(map(_line, sheet.content["lines"]))})

    async def detailed(self, officer_id: UUID, day: date, scheme: str | None, jurisdiction: str) -> DetailedSheet:
        """The same with the facts behind each point, and why the others count nothing."""
        sheet = await self._stored(officer_id, day, scheme, jurisdiction)
        facts = await self._facts(sheet)
        lines = [{**line, **_line(line), "facts": _behind(line, facts)} for line in sheet.content["lines"]]
        return DetailedSheet.model_validate({**await self._head(sheet), "lines": lines})

    async def _stored(self, officer_id: UUID, day: date, scheme: str | None, jurisdiction: str) -> StoredSheet:
        sheet = await sheet_of_day(self._connection, officer_id, day, scheme, jurisdiction)
        if sheet is None:
            await self._refuse_unscored(officer_id, day, scheme, jurisdiction)
            await self._refuse_failed(officer_id, scheme, day, jurisdiction)
            raise SheetNotFound("请检查人员、考核期和方案;考核期开始后才有评分表")
        return sheet

    async def _refuse_unscored(self, officer_id: UUID, day: date, named: str | None, jurisdiction: str) -> None:
        """When what governs him that month is broken, or its measure period is open, say so instead of 404."""
        month = window_of(day, 1)
        postings = await evidence.postings(self._connection, [officer_id], month.last)
        mine = [p for p in postings if p.role != "backup" and p.village.startswith(jurisdiction)]
        bindings = await known_bindings(self._connection)
        for use in USES if named else USES[:1]:
            for _, _, binding in governing(mine, bindings, use, month):
                if named in (None, binding.scheme):
                    self._refuse_unusable(binding.scheme)

    def _refuse_unusable(self, scheme_id: str) -> None:
        scheme = self._rubrics.find(scheme_id)
        if self._rubrics.is_broken(scheme_id):
            raise SchemeUnusable
        if scheme and not scheme.measured:
            raise unmeasured(scheme)

    async def _refuse_failed(self, officer_id: UUID, scheme: str | None, day: date, jurisdiction: str) -> None:
        """When the only reason is that it could not be computed, say so instead of 404, within the jurisdiction."""
        failed = await failure_of(self._connection, officer_id, scheme, day)
        postings = await evidence.postings(self._connection, [officer_id], date.max) if failed else []
        if failed and any(posting.village.startswith(jurisdiction) for posting in postings):
            raise SheetFailed(failed.reason, failed.next_try)

    async def _head(self, sheet: StoredSheet) -> dict[str, Any]:
        content = sheet.content
        return {
            "sheet_id": sheet.sheet_id,
            "officer": {"id": sheet.officer_id, "name": await officer_name(self._connection, sheet.officer_id)},
            "scheme": {"id": sheet.scheme, "title": self._title(sheet.scheme), "version": sheet.scheme_version[:12]},
            "period": {"first": sheet.period_from, "last": sheet.period_to},
            "revision": sheet.revision,
            "computed_at": sheet.computed_at,
            "total": written(sheet.total or 0),
            "full": content["full"],
            "grade": sheet.grade,
            "withheld": content["withheld"],
            "vetoes": list(sheet.vetoes),
            "warnings": content["warnings"],
            "state": "shadow" if sheet.shadow else "provisional",
            "failed": await self._failed(sheet),
        }

    async def _failed(self, sheet: StoredSheet) -> Content | None:
        """Why the sheet is older than what is known, when it could not be computed anew."""
        found = await failure_of(self._connection, sheet.officer_id, sheet.scheme, sheet.period_from)
        return asdict(found) if found else None

    def _title(self, scheme_id: str) -> str:
        scheme = self._rubrics.find(scheme_id)
        return scheme.plan.rubric.title if scheme else scheme_id

    async def _facts(self, sheet: StoredSheet) -> dict[str, Content]:
        """What is known of every entry of the sheet, by entry id; own work is told by the assignments as of now.

        What belongs to a village, a group or a certificate, is everybody's who answers for it.
        """
        lines = sheet.content["lines"]
        ids = {found[0] for line in lines for found in (*line["counted"], *line["not_counted"])}
        rows = await evidence.entries_by_id(self._connection, [UUID(id_) for id_ in ids])
        placed = [(sheet.officer_id, row.village, row.day) for row in rows if row.village and row.officer_id]
        own = await own_work(self._connection, placed)
        reasons = self._reasons(sheet.scheme)
        return {
            str(row.entry_id): {
                "id": row.entry_id,
                "facts": facts_behind(row),
                "day": row.day,
                "village": row.village,
                "own": None in (row.officer_id, row.village) or (sheet.officer_id, row.village, row.day) in own,
                "reasons": reasons,
            }
            for row in rows
        }

    def _reasons(self, scheme_id: str) -> dict[str, str]:
        scheme = self._rubrics.find(scheme_id)
        return scheme.plan.rubric.reasons if scheme else {}


def unmeasured(scheme: Scheme) -> MeasurePeriodUndecided:
    """The problem that lists what the scheme's owner has to decide before anything can be scored (C-08)."""
    return MeasurePeriodUndecided(
        "方案制定单位明确 withheld 中各项后才能计分", withheld=[open_point(point) for point in scheme.plan.open]
    )


def _line(line: Content) -> Content:
    return {
        **{name: line[name] for name in ("item", "title", "points", "full", "status", "rules")},
        "rule": line["rules"][0],
        "sentence": ";".join(line["sentences"]),
        "counted": len(line["counted"]),
        "not_counted": len(line["not_counted"]),
    }


def _behind(line: Content, facts: dict[str, Content]) -> list[Content]:
    counted = [{**facts[id_], "points": points, "why": why, "reason": None} for id_, points, why in line["counted"]]
    refused = (facts[id_] | {"why": why} for id_, why in line["not_counted"])
    return [*counted, *({**fact, "points": None, "reason": reason(fact["why"], fact["reasons"])} for fact in refused)]
