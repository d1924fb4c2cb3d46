"""Rankings and vacancies of a division."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, Subquery, Text, and_, cast, exists, func, literal, or_, select
from sqlalchemy.dialects.postgresql import array
from sqlalchemy.ext.asyncio import AsyncConnection

from services.scoring.repository.sheets import touching
from services.scoring.rules import Period
from services.scoring.tables import dirty_mark, metadata, sheet, sheet_failure
from shared.security.jurisdiction import within

division = metadata.tables["known_division"]
officer = metadata.tables["known_officer"]
assignment = metadata.tables["known_assignment"]
area = metadata.tables["known_area"]

Position = tuple[Decimal, UUID]
"""Total and officer of the last row of a page."""


@dataclass(frozen=True, slots=True)
class Question:
    """Which ranking: of a scheme's period, in a division, as far as the reader's own division reaches."""

    scheme: str
    period: Period
    division: str
    jurisdiction: str


@dataclass(frozen=True, slots=True)
class Ranked:
    """One row of a ranking."""

    officer_id: UUID
    rank: int
    total: Decimal
    grade: str | None
    vetoes: list[str]
    villages: list[str]
    name: str | None


async def page(connection: AsyncConnection, ask: Question, after: Position | None, limit: int) -> list[Ranked]:
    """Best first; equal totals in the order of officer ids, so that pages neither repeat nor lose anybody."""
    board = _board(ask)
    query = _with_names(board).order_by(board.c.total.desc(), board.c.officer_id).limit(limit)
    if after:
        total, last = after
        later = or_(board.c.total < total, and_(board.c.total == total, board.c.officer_id > last))
        query = query.where(later)
    return _rows((await connection.execute(query)).all())


async def last_places(connection: AsyncConnection, ask: Question, limit: int) -> list[Ranked]:
    """Worst first."""
    board = _board(ask)
    query = _with_names(board).order_by(board.c.total, board.c.officer_id).limit(limit)
    return _rows((await connection.execute(query)).all())


async def officers_ranked(connection: AsyncConnection, ask: Question) -> int:
    """How many officers the ranking has."""
    return int(await connection.scalar(select(func.count()).select_from(_board(ask))) or 0)


async def pending(connection: AsyncConnection, ask: Question) -> int:
    """How many officers posted in the division are still to be scored anew."""
    posted = _posted(dirty_mark.c.officer_id, ask)
    return int(await connection.scalar(select(func.count(dirty_mark.c.officer_id.distinct())).where(posted)) or 0)


async def failed(connection: AsyncConnection, ask: Question) -> int:
    """How many officers posted in the division have a sheet of this period that cannot be computed."""
    failure = sheet_failure.c
    query = select(func.count(failure.officer_id.distinct())).where(
        failure.scheme.in_((ask.scheme, "")), failure.since <= ask.period.last, failure.until >= ask.period.first
    )
    return int(await connection.scalar(query.where(_posted(failure.officer_id, ask))) or 0)


def _posted(officer_id: ColumnElement[Any], ask: Question) -> ColumnElement[bool]:
    his = assignment.c.officer_id == officer_id
    held = assignment.join(
        area, and_(assignment.c.where_type == "area", assignment.c.where_id == cast(area.c.area_id, Text))
    )
    village = func.unnest(area.c.villages).column_valued("village", joins_implicitly=True)
    in_village = exists().where(his, assignment.c.where_type == "village", _inside(assignment.c.where_id, ask))
    return or_(in_village, exists(select(village).select_from(held).where(his, _inside(village, ask))))


async def vacancies(connection: AsyncConnection, ask: Question) -> list[tuple[str, str]]:
    """Villages of the division without a main auxiliary on any day of the period, of their own or of their area."""
    in_village = and_(assignment.c.where_type == "village", assignment.c.where_id == division.c.code)
    holding = exists().where(
        assignment.c.where_type == "area",
        assignment.c.where_id == cast(area.c.area_id, Text),
        area.c.villages.contains(array([division.c.code])),
        _meets(area, ask.period),
    )
    covered = exists().where(
        or_(in_village, holding.correlate(assignment, division)),
        assignment.c.post == "village_auxiliary",
        assignment.c.role == "main",
        _meets(assignment, ask.period),
    )
    query = (
        select(division.c.code, division.c.name)
        .where(division.c.level == "village", _meets(division, ask.period), ~covered)
        .where(_inside(division.c.code, ask))
        .order_by(division.c.code)
    )
    return [(row.code, row.name) for row in await connection.execute(query)]


async def knows(connection: AsyncConnection, ask: Question) -> bool:
    """Whether some place is known that lies in the division and in the reader's own."""
    return bool(await connection.scalar(select(exists(select(literal(1)).where(_inside(division.c.code, ask))))))


async def village_names(connection: AsyncConnection, codes: Collection[str]) -> dict[str, str]:
    """The names of these villages, of those that are known."""
    rows = await connection.execute(select(division.c.code, division.c.name).where(division.c.code.in_(codes)))
    return {row.code: row.name for row in rows}


async def officer_name(connection: AsyncConnection, officer_id: UUID) -> str:
    """The officer's name; empty when it is not known or was erased."""
    return await connection.scalar(select(officer.c.name).where(officer.c.officer_id == officer_id)) or ""


def _board(ask: Question) -> Subquery:
    return (
        select(
            sheet.c.officer_id,
            func.rank().over(order_by=sheet.c.total.desc()).label("rank"),
            *(sheet.c.total, sheet.c.grade, sheet.c.vetoes, sheet.c.villages),
        )
        .where(
            sheet.c.scheme == ask.scheme,
            sheet.c.period_from == ask.period.first,
            sheet.c.total.is_not(None),
            ~sheet.c.shadow,
        )
        .where(touching(ask.division), touching(ask.jurisdiction))
        .subquery("board")
    )


def _with_names(board: Subquery) -> Select[Any]:
    return select(board, officer.c.name).outerjoin(officer, officer.c.officer_id == board.c.officer_id)


def _rows(rows: Sequence[Any]) -> list[Ranked]:
    return [Ranked(**row._mapping) for row in rows]


def _inside(code: ColumnElement[Any], ask: Question) -> ColumnElement[bool]:
    return and_(within(code, ask.division), within(code, ask.jurisdiction))


def _meets(table: Any, period: Period) -> Any:
    starts: date = period.last
    open_ended = or_(table.c.valid_until.is_(None), table.c.valid_until >= literal(period.first))
    return and_(table.c.valid_from <= literal(starts), open_ended)
