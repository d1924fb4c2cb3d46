"""The coverage report."""

from __future__ import annotations

from fastapi import APIRouter

from services.personnel.repository.coverage import Question
from services.personnel.routes.dependencies import Reader
from services.personnel.schemas.answers import Coverage
from services.personnel.service.coverage import START, CoverageReport
from shared.clock import shanghai_day
from shared.contracts.personnel import Post, VillageKind
from shared.values import Day
from shared.web.divisions import AskedDivision
from shared.web.pages import PageCursor, PageLimit, decode_cursor
from shared.web.unit import UnitOfWork

router = APIRouter(prefix="/v1/coverage", tags=["coverage"])


@router.get("")
async def coverage(
    division: AskedDivision,
    on: Day,
    post: Post,
    who: Reader,
    unit: UnitOfWork,
    village_kind: VillageKind | None = None,
    after: PageCursor = None,
    limit: PageLimit = 100,
) -> Coverage:
    """Who covers the villages of a division on a day: totals, gaps, double coverage, areas without anybody.

    `village_kind` counts only villages of that kind, for schemes that leave communities out (C-04).
    """
    position = decode_cursor(after, tuple[str, str, str]) if after else START
    return await CoverageReport(unit, who).page(
        Question(division, on, shanghai_day(unit.now), post, village_kind), position, limit
    )
