"""The coverage report: gaps and double coverage of a division's villages on any day."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy import RowMapping

from services.personnel.errors import PersonnelNotFound
from services.personnel.repository.coverage import CoverageRows, Question
from services.personnel.repository.states import States
from services.personnel.rules.divisions import padded
from services.personnel.schemas.answers import Coverage, Double, EmptyArea, Gap, Holder, Township
from services.personnel.schemas.items import DivisionItem
from shared.database.unit import Unit
from shared.security.principal import Principal
from shared.web.pages import encode_cursor

Position = tuple[str, str, str]
"""The last gap, double and area shown: one cursor moves through all three lists."""

START: Position = ("", "", "")


@dataclass(frozen=True)
class CoverageReport:
    """Use case of one request."""

    unit: Unit
    by: Principal

    async def page(self, question: Question, after: Position, limit: int) -> Coverage:
        """Totals of the whole, and the next `limit` of each list."""
        await self._require_division(question.division)
        rows = CoverageRows(self.unit.connection, question)
        totals = await rows.totals()
        gaps = [_gap(row) for row in await rows.gaps(after[0], limit)]
        double = [_double(row) for row in await rows.doubled(after[1], limit)]
        empty = [EmptyArea.model_validate(row, from_attributes=True) for row in await rows.empty_areas(after[2], limit)]
        reached = _reached(after, gaps, double, empty)
        return Coverage(
            division=question.division,
            on=question.on,
            post=question.post,
            villages=totals["villages"],
            covered=totals["villages"] - totals["gaps"],
            gaps_total=totals["gaps"],
            double_total=totals["doubled"],
            areas=totals["areas"],
            areas_without_officer_total=totals["empty_areas"],
            gaps=gaps,
            double=double,
            areas_without_officer=empty,
            next=encode_cursor(reached) if limit in (len(gaps), len(double), len(empty)) else None,
        )

    async def _require_division(self, division: str) -> None:
        known = await States(self.unit.connection).one(DivisionItem, padded(division), self.by.division)
        if known is None:
            raise PersonnelNotFound("请核对区划代码,以及它是否在本辖区")


def _reached(after: Position, gaps: list[Gap], double: list[Double], empty: list[EmptyArea]) -> Position:
    return (
        gaps[-1].code if gaps else after[0],
        double[-1].code if double else after[1],
        str(empty[-1].area_id) if empty else after[2],
    )


def _township(row: RowMapping) -> Township:
    return Township(code=row["township_code"], name=row["township_name"])


def _gap(row: RowMapping) -> Gap:
    return Gap(code=row["code"], name=row["name"], village_kind=row["village_kind"], township=_township(row))


def _double(row: RowMapping) -> Double:
    holders = zip(row["officer_ids"], row["persons"], strict=True)
    officers = [Holder(officer_id=id, name=name) for id, name in holders]
    return Double(code=row["code"], name=row["name"], township=_township(row), officers=officers)
