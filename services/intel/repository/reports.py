"""Reports, their closings and their timeline."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    FromClause,
    Select,
    Uuid,
    bindparam,
    func,
    select,
    text,
    true,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY, insert
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.selectable import LateralFromClause

from services.intel.repository.rows import Row, all_rows, one_row
from services.intel.tables import WAITING, closing, delivery, report, timeline
from shared.reference.queries import station_at
from shared.security.jurisdiction import within
from shared.security.principal import Principal

_CLEARED = {"open": ("open",), "internal": ("open", "internal"), "restricted": ("open", "internal", "restricted")}
_DAY = "CAST(r.reported_at AT TIME ZONE 'Asia/Shanghai' AS date)"

REMEMBERED = 100
"""So many reports of a matter are looked at when another one comes."""
ON_RECORD = ("filed", "received", "accepted")
"""What a report without an order may be on its station's list."""

# The station that is responsible when the report comes in has to act, also on something noticed before a hand-over.
_TO_ROUTE = f"SELECT r.*, {station_at('r.village', _DAY)} AS found_station FROM report r"  # noqa: S608
_ONE_TO_ROUTE = text(f"{_TO_ROUTE} WHERE r.report_id = :report_id")
_DUE_TO_ROUTE = text(
    f"{_TO_ROUTE} WHERE r.state IN ('{WAITING[0]}', '{WAITING[1]}') AND r.next_try_at <= :now "
    "ORDER BY r.next_try_at LIMIT :limit FOR UPDATE OF r SKIP LOCKED"
)

_asked = func.unnest(bindparam("matters", type_=ARRAY(Uuid))).table_valued("matter_id", name="asked").render_derived()
_HOLD_MATTERS = text(
    """
    SELECT pg_advisory_xact_lock(hashtextextended('intel.matter ' || matter, 0))
    FROM (SELECT unnest(CAST(:matters AS text[])) AS matter ORDER BY 1) AS sorted
    """
)


def visible_to(who: Principal) -> ColumnElement[bool]:
    """Inside the jurisdiction and within the clearance; anything else does not exist for the caller."""
    return within(report.c.village, who.division) & report.c.classification.in_(_CLEARED[who.clearance])


@dataclass(frozen=True)
class Reports:
    """Reports of this service's database."""

    connection: AsyncConnection

    async def add(self, rows: Sequence[Row]) -> set[UUID]:
        """Insert those whose id is not there yet; returns the ids inserted."""
        added = insert(report).on_conflict_do_nothing().returning(report.c.report_id)
        return set((await self.connection.scalars(added, [dict(row) for row in rows])).all())

    async def get(self, report_id: UUID) -> Row | None:
        """A report, whoever asks."""
        return await one_row(self.connection, report.select().where(report.c.report_id == report_id))

    async def find(self, report_id: UUID, who: Principal, *, lock: bool = False) -> Row | None:
        """A report as far as the caller may see it."""
        query = report.select().where(report.c.report_id == report_id, visible_to(who))
        return await one_row(self.connection, query.with_for_update(key_share=True) if lock else query)

    async def page(
        self, who: Principal, division: str, state: str | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Row]:
        """The newest reports first, those before a position."""
        query = select(report).where(visible_to(who), within(report.c.village, division))
        if state:
            query = query.where(report.c.state == state)
        return await self._newest(query, before, limit)

    async def of_reporter(
        self, reporter: UUID, seen_by: Principal | None, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Row]:
        """An officer's reports, the newest first, each with its last closing and whether delivery gave up.

        Of another's reports (`seen_by`) only those that one may see.
        """
        last = _last_closing()
        query = (
            select(report, last.c.outcome, last.c.truth, last.c.closed_at, last.c.closed_by, last.c.fed_back_at)
            .add_columns(delivery.c.state.label("delivery"))
            .select_from(report)
            .outerjoin(last, true())
            .outerjoin(delivery, delivery.c.delivery_id == report.c.order_id)
            .where(report.c.reporter == reporter, visible_to(seen_by) if seen_by else true())
        )
        return await self._newest(query, before, limit)

    async def _newest(self, query: Select[Any], before: tuple[datetime, UUID] | None, limit: int) -> list[Row]:
        place = tuple_(report.c.reported_at, report.c.report_id)
        if before:
            query = query.where(place < before)
        query = query.order_by(report.c.reported_at.desc(), report.c.report_id.desc()).limit(limit)
        return await all_rows(self.connection, query)

    async def hold_matters(self, matters: Collection[UUID]) -> None:
        """Until the end of the transaction nobody else decides about reports of these matters."""
        await self.connection.execute(_HOLD_MATTERS, {"matters": [str(matter) for matter in matters]})

    async def of_matters(self, matters: Collection[UUID]) -> list[Row]:
        """The newest reports of each matter, oldest first, and when they were closed."""
        of_it = select(report).where(report.c.matter_id == _asked.c.matter_id)
        newest = of_it.order_by(report.c.reported_at.desc(), report.c.report_id.desc()).limit(REMEMBERED).lateral("r")
        last = _last_closing(newest)
        asked = select(newest, last.c.closed_at).select_from(_asked).join(newest, true()).outerjoin(last, true())
        query = asked.order_by(newest.c.reported_at, newest.c.report_id)
        return await all_rows(self.connection, query, {"matters": list(matters)})

    async def others_of_matter(self, row: Row, who: Principal, limit: int) -> list[UUID]:
        """The newest other reports of a report's matter that the caller may see, in the order of filing."""
        newest = (
            select(report.c.report_id)
            .where(report.c.matter_id == row["matter_id"], report.c.report_id != row["report_id"], visible_to(who))
            .order_by(report.c.reported_at.desc(), report.c.report_id.desc())
            .limit(limit)
        )
        return list(await self.connection.scalars(newest))[::-1]

    async def page_of_matter(
        self, matter_id: UUID, who: Principal, before: tuple[datetime, UUID] | None, limit: int
    ) -> list[Row]:
        """The reports of a matter that the caller may see, the newest first."""
        query = select(report).where(report.c.matter_id == matter_id, visible_to(who))
        return await self._newest(query, before, limit)

    async def is_open(self, matter_id: UUID, who: Principal) -> bool:
        """Whether any report of a matter that the caller may see is still open; a closed order has closed its own."""
        over = ("closed", "withdrawn", "repeated")
        its = select(report.c.report_id).where(report.c.matter_id == matter_id, visible_to(who))
        return bool(await self.connection.scalar(select(its.where(report.c.state.not_in(over)).exists())))

    async def on_record(self, matter_id: UUID, station: UUID, limit: int) -> list[Row]:
        """Reports of a matter that wait on a station's list without an order, locked; the newest, oldest first."""
        waits = (report.c.matter_id == matter_id) & (report.c.station == station) & report.c.order_id.is_(None)
        newest = (
            report.select()
            .where(waits, report.c.state.in_(ON_RECORD))
            .order_by(report.c.reported_at.desc(), report.c.report_id.desc())
            .limit(limit)
            .with_for_update(key_share=True)
        )
        return (await all_rows(self.connection, newest))[::-1]

    async def of_order(self, order_id: UUID, version: int, first: UUID, limit: int) -> list[Row]:
        """Reports that have not followed their order yet, locked; the one it was made for comes first."""
        behind = (report.c.order_id == order_id) & (report.c.order_version < version)
        query = (
            report.select()
            .where(behind)
            .order_by((report.c.report_id == first).desc(), report.c.report_id)
            .limit(limit)
            .with_for_update(key_share=True)
        )
        return await all_rows(self.connection, query)

    async def unordered(self, matter_id: UUID, noticed_by: datetime, limit: int) -> list[Row]:
        """Reports of a matter noticed by then that no order answers and nobody has closed, locked."""
        open_ = report.c.order_id.is_(None) & report.c.state.in_((*ON_RECORD, *WAITING, "returned"))
        its = report.select().where(report.c.matter_id == matter_id, report.c.noticed_at <= noticed_by, open_)
        return await all_rows(
            self.connection, its.order_by(report.c.report_id).limit(limit).with_for_update(key_share=True)
        )

    async def of_activities(self, activities: Collection[UUID]) -> list[UUID]:
        """The reports that were made of these activities."""
        of_them = select(report.c.report_id).where(report.c.activity_id.in_(activities))
        return list(await self.connection.scalars(of_them))

    async def closed_by(self, activity_id: UUID, limit: int) -> list[Row]:
        """Reports whose closing that counts is that of this activity, locked."""
        last = _last_closing()
        its = select(closing.c.report_id).where(closing.c.activity_id == activity_id)
        query = (
            select(report, last.c.closed_by)
            .join(last, true())
            .where(last.c.activity_id == activity_id, report.c.state == "closed", report.c.report_id.in_(its))
            .order_by(report.c.report_id)
            .limit(limit)
        )
        return await all_rows(self.connection, query.with_for_update(key_share=True, of=report))

    async def lock(self, report_ids: Collection[UUID]) -> list[Row]:
        """These reports, locked."""
        query = select(report).where(report.c.report_id.in_(report_ids)).order_by(report.c.report_id)
        return await all_rows(self.connection, query.with_for_update(key_share=True))

    async def decide_anew(self, matters: Collection[UUID], state: str, now: datetime) -> None:
        """Let the reports of these matters that are in a state wait for their decision again."""
        concerned = report.c.matter_id.in_(matters) & (report.c.state == state)
        await self.connection.execute(update(report).where(concerned).values(state="recorded", next_try_at=now))

    async def to_route(self, report_id: UUID) -> Row:
        """One report with the station and scheme that apply to it as far as known."""
        row = await one_row(self.connection, _ONE_TO_ROUTE, {"report_id": report_id})
        assert row is not None
        return row

    async def due_to_route(self, now: datetime, limit: int) -> list[Row]:
        """Waiting reports whose next try has come, locked."""
        return await all_rows(self.connection, _DUE_TO_ROUTE, {"now": now, "limit": limit})

    async def lock_on_record(self, report_id: UUID, org_id: UUID) -> Row | None:
        """A report on a station's list, locked against other answers."""
        query = report.select().where(report.c.report_id == report_id, report.c.station == org_id)
        return await one_row(self.connection, query.with_for_update(key_share=True))

    async def change(self, report_ids_and_values: Sequence[Row]) -> None:
        """Set the same columns of several reports."""
        if not report_ids_and_values:
            return
        names = [name for name in report_ids_and_values[0] if name != "report_id"]
        statement = (
            update(report)
            .where(report.c.report_id == bindparam("of_report"))
            .values({name: bindparam(f"new_{name}") for name in names})
        )
        await self.connection.execute(
            statement,
            [{"of_report": row["report_id"]} | {f"new_{n}": row[n] for n in names} for row in report_ids_and_values],
        )

    async def last_closing(self, report_id: UUID) -> Row | None:
        """The closing that counts."""
        return (await self.last_closings([report_id])).get(report_id)

    async def last_closings(self, report_ids: Collection[UUID]) -> dict[UUID, Row]:
        """The closing that counts of each that has one."""
        last = _last_closing()
        query = select(last).select_from(report).join(last, true()).where(report.c.report_id.in_(report_ids))
        return {row["report_id"]: row for row in await all_rows(self.connection, query)}

    async def add_closings(self, rows: Sequence[Row]) -> None:
        """Keep new revisions; earlier ones stay."""
        if rows:
            await self.connection.execute(closing.insert(), [dict(row) for row in rows])

    async def note(self, *entries: Row) -> None:
        """Add to timelines, in this order."""
        empty = {"by_officer": None, "by_org": None, "to_org": None, "code": None}
        if entries:
            await self.connection.execute(timeline.insert(), [empty | dict(entry) for entry in entries])

    async def timeline(self, report_id: UUID) -> list[Row]:
        """Everything that happened to a report, in order."""
        query = timeline.select().where(timeline.c.report_id == report_id).order_by(timeline.c.at, timeline.c.id)
        return await all_rows(self.connection, query)


def _last_closing(of: FromClause = report) -> LateralFromClause:
    """The closing that counts of each report, to be joined on true."""
    of_report = select(closing).where(closing.c.report_id == of.c.report_id)
    return of_report.order_by(closing.c.revision.desc()).limit(1).lateral()
