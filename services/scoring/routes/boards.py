"""Scoreboards, and starting all over."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Query

from services.scoring.routes.dependencies import Reader, Recomputer, TheRubrics
from services.scoring.schemas import Month, Recomputation, SchemeId, Scoreboard, Summary
from services.scoring.service.boards import Boards
from services.scoring.service.marking import score_division_anew
from shared.security.audit import record_audit
from shared.web.divisions import AskedDivision
from shared.web.pages import PageCursor, PageLimit, decode_cursor
from shared.web.unit import UnitOfWork

router = APIRouter(prefix="/v1", tags=["scoreboard"])


def _boards(unit: UnitOfWork, rubrics: TheRubrics, who: Reader) -> Boards:
    return Boards(unit, rubrics, who.division)


TheBoards = Annotated[Boards, Depends(_boards)]


@router.get("/scoreboard")
async def scoreboard(
    division: AskedDivision,
    period: Month,
    scheme: SchemeId,
    boards: TheBoards,
    after: PageCursor = None,
    limit: PageLimit = 100,
) -> Scoreboard:
    """The ranking of a division: equal totals share a place; grades are withheld while anything is open."""
    position = decode_cursor(after, tuple[Decimal, UUID]) if after else None
    return await boards.page(division, period, scheme, position, limit)


@router.get("/scoreboard/summary")
async def summary(
    division: AskedDivision,
    period: Month,
    scheme: SchemeId,
    boards: TheBoards,
    places: Annotated[int, Query(ge=1, le=50)] = 5,
) -> Summary:
    """The first and the last places, and every village without a main auxiliary in the period."""
    return await boards.summary(division, period, scheme, places)


@router.post("/recomputations", status_code=202)
async def recompute(who: Recomputer, unit: UnitOfWork) -> Recomputation:
    """Score everybody of one's jurisdiction anew from the ledger; sheets that come out the same keep their revision."""
    officers = await score_division_anew(unit, who.division)
    await record_audit(unit, who, "scoring.recompute", who.division or "everybody")
    return Recomputation(officers=officers)
