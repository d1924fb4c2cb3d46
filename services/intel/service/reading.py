"""What became of reports: for stations and leaders, and for the person who reported."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel

from services.intel.errors import MatterNotFound, OfficerRequired, ReportNotFound
from services.intel.repository.known import Known
from services.intel.repository.orders import Orders
from services.intel.repository.reports import Reports
from services.intel.repository.rows import Row
from services.intel.rules.feedback import Progress, sentence
from services.intel.schemas import (
    Closing,
    Escalated,
    Matter,
    Moment,
    Order,
    OwnReport,
    Report,
    ReportLine,
    Resting,
    StationStep,
)
from services.intel.service.endpoints import require_own_station
from services.intel.service.playbooks import Playbooks
from shared.database.unit import Unit
from shared.security.audit import record_restricted_read
from shared.security.principal import Principal, acting_for
from shared.security.vault import Vault
from shared.web.pages import Page, decode_cursor, encode_cursor

Line = TypeVar("Line", bound=BaseModel)
Place = tuple[datetime, UUID]

DUPLICATES_SHOWN, ORDERS_SHOWN = 20, 100
"""Of a matter, however many there are; its page has all reports."""


class Reading:
    """Questions about reports and orders."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.reports = Reports(unit.connection)
        self.orders = Orders(unit.connection)
        self.known = Known(unit.connection)

    async def report(self, report_id: UUID, who: Principal, vault: Vault) -> Report:
        """A report with its orders, its outcome and every hop; 404 outside one's jurisdiction or clearance."""
        row = await self.reports.find(report_id, who)
        if row is None:
            raise ReportNotFound("请核对上报编号")
        await self._leave_trace(who, [row])
        moments = await self.reports.timeline(report_id)
        names = await self._names([*moments, {"to_org": row["station"]}])
        closing = await self.reports.last_closing(report_id)
        orders = await self._orders(await self.orders.of_report(row), vault)
        shown: dict[str, Any] = {
            **row,
            "summary": row["summary"] and vault.open(row["summary"]),
            "station_name": row["station"] and names.get(row["station"]),
            "escalation": Escalated(rule=row["rule_id"], **_part(row, Escalated)) if row["rule_id"] else None,
            "order": next((order for order in orders if order.order_id == row["order_id"]), None),
            "orders": orders,
            "steps": _steps(await self.orders.steps([report_id]), vault),
            "closing": closing and Closing(fed_back_to_reporter_at=closing["fed_back_at"], **_part(closing, Closing)),
            "possible_duplicates": await self.reports.others_of_matter(row, who, DUPLICATES_SHOWN),
            "timeline": _timeline(moments, names),
        }
        return Report.model_validate(shown)

    async def matter(self, matter_id: UUID, who: Principal, vault: Vault, after: str | None, limit: int) -> Matter:
        """A matter's reports and orders as far as the caller may see them; 404 if he may see none."""
        rows = await self.reports.page_of_matter(matter_id, who, _place(after), limit + 1)
        if not rows and after is None:
            raise MatterNotFound("请核对事项编号")
        orders = await self.orders.of_matter(matter_id, who, ORDERS_SHOWN)
        await self._leave_trace(who, [*rows[:limit], *orders])
        lines = [ReportLine.model_validate(dict(row)) for row in rows]
        return Matter(
            matter_id=matter_id,
            state="open" if await self.reports.is_open(matter_id, who) else "closed",
            orders=await self._orders(orders, vault),
            reports=_page(lines, limit, "reported_at", "report_id"),
        )

    async def queue(
        self,
        who: Principal,
        vault: Vault,
        *,
        division: str,
        unit: UUID | None,
        rests: str | None,
        after: str | None,
        limit: int,
    ) -> Page[Resting]:
        """What needs a person of the unit that sent it, the oldest first."""
        rows = await self.orders.queue(who, division, unit, rests, _place(after), limit + 1)
        await self._leave_trace(who, rows[:limit])
        orders = await self._orders(rows, vault)
        lines = [
            Resting(**order.model_dump(), kind=row["kind"], severity=row["severity"], village=row["village"])
            for order, row in zip(orders, rows, strict=True)
        ]
        return _page(lines, limit, "created_at", "order_id")

    async def page(
        self, who: Principal, division: str, state: str | None, after: str | None, limit: int
    ) -> Page[ReportLine]:
        """The newest reports first."""
        rows = await self.reports.page(who, division, state, _place(after), limit + 1)
        await self._leave_trace(who, rows[:limit])
        return _page([ReportLine.model_validate(dict(row)) for row in rows], limit, "reported_at", "report_id")

    async def own(
        self, who: Principal, officer: UUID | None, playbooks: Playbooks, after: str | None, limit: int
    ) -> Page[OwnReport]:
        """What became of one's own reports (I-307); a backend names the officer and sees what it may see of his."""
        asked = officer or who.officer_id
        if asked is None:
            raise OfficerRequired("令牌不属于某位警员,请用 officer 参数指明")
        seen_by = None if asked == who.officer_id else who
        rows = await self.reports.of_reporter(acting_for(who, asked), seen_by, _place(after), limit + 1)
        await self._leave_trace(who, rows[:limit])
        names = await self.known.organisation_names({unit for row in rows if (unit := _by(row))})
        told = [_own(row, names, playbooks.label(row["scheme"], row["kind"])) for row in rows]
        return _page(told, limit, "reported_at", "report_id")

    async def station_orders(
        self, org_id: UUID, who: Principal, vault: Vault, after: str | None, limit: int
    ) -> Page[Order]:
        """A station's orders, the newest first; 404 for a station outside one's jurisdiction."""
        await require_own_station(self.known, org_id, who)
        rows = await self.orders.of_station(org_id, who, _place(after), limit + 1)
        await self._leave_trace(who, rows[:limit])
        return _page(await self._orders(rows, vault), limit, "created_at", "order_id")

    async def _orders(self, rows: Sequence[Row], vault: Vault) -> list[Order]:
        steps = await self.orders.steps([row["order_id"] for row in rows])
        return [_order(row, [step for step in steps if step["about"] == row["order_id"]], vault) for row in rows]

    async def _leave_trace(self, who: Principal, shown: Sequence[Row]) -> None:
        """Reading restricted content is audited."""
        restricted = [row["report_id"] for row in shown if row["classification"] == "restricted"]
        await record_restricted_read(self.unit, who, "intel", restricted)

    async def _names(self, moments: Sequence[Row]) -> dict[UUID, str]:
        organisations = {m[side] for m in moments for side in ("by_org", "to_org") if m.get(side)}
        officers = {m["by_officer"] for m in moments if m.get("by_officer")}
        return {**await self.known.organisation_names(organisations), **await self.known.officer_names(officers)}


def _part(row: Row, shape: type[BaseModel]) -> dict[str, Any]:
    return {name: row[name] for name in shape.model_fields if name in row}


def _order(row: Row, steps: Sequence[Row], vault: Vault) -> Order:
    shown = {
        "next_at": row["next_at"] if row["delivery"] == "pending" else None,
        "reason": row["reason"] and vault.open(row["reason"]),
        "steps": _steps(steps, vault),
    }
    return Order.model_validate({**row, **shown})


def _steps(steps: Sequence[Row], vault: Vault) -> list[StationStep]:
    opened = [{**step, "handler_name": step["handler_name"] and vault.open(step["handler_name"])} for step in steps]
    return [StationStep.model_validate(step) for step in opened]


def _timeline(moments: Sequence[Row], names: dict[UUID, str]) -> list[Moment]:
    shown = []
    for previous, moment in zip([None, *moments], moments, strict=False):
        since = previous and round((moment["at"] - previous["at"]).total_seconds(), 3)
        by, to = moment["by_officer"] or moment["by_org"], moment["to_org"]
        if moment["what"] == "fed_back":  # the only entry that goes to an officer instead of coming from one
            by, to = None, by
        shown.append(
            Moment(
                at=moment["at"],
                what=moment["what"],
                by=by and names.get(by, str(by)),
                to=to and names.get(to, str(to)),
                code=moment["code"],
                seconds_since_previous=since,
            )
        )
    return shown


def _by(row: Row) -> UUID | None:
    """Who deals with a report, or has closed it."""
    unit: UUID | None = row["closed_by"] if row["state"] == "closed" else row["station"]
    return unit


def _own(row: Row, names: dict[UUID, str], kind: str) -> OwnReport:
    unit = _by(row)
    progress = Progress(
        kind=kind,
        reported_at=row["reported_at"],
        state=row["state"],
        ordered=row["hop"] > 0,
        station=names.get(unit) if unit else None,
        outcome=row["outcome"],
        truth=row["truth"],
        closed_at=row["closed_at"],
        undelivered=row["delivery"] == "dead",
    )
    return OwnReport.model_validate({**row, "what_happened": sentence(progress)})


def _place(after: str | None) -> Place | None:
    return decode_cursor(after, Place) if after else None  # type: ignore[arg-type]  # a tuple is a shape too


def _page(lines: list[Line], limit: int, *place: str) -> Page[Line]:
    """One line more than asked for was read: it tells that there is a next page."""
    more = len(lines) > limit
    last = lines[limit - 1] if more else None
    return Page(items=lines[:limit], next=encode_cursor([getattr(last, name) for name in place]) if last else None)
