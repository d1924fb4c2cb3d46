"""Orders and news for stations: by a rule of the scheme, by a person, or because the one before came to nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.intel.errors import AlreadyClosed, NotKnownYet, OrderMoved, ReportNotFound, UnitUnknown
from services.intel.repository.deliveries import Deliveries
from services.intel.repository.known import Known
from services.intel.repository.orders import Orders
from services.intel.repository.reports import Reports
from services.intel.repository.rows import Row
from services.intel.rules.delivery import UPDATE, WITHDRAWN
from services.intel.schemas import NewOrder
from services.intel.service.following import Following
from shared.contracts.personnel import OrganisationV1
from shared.database.unit import Unit
from shared.ids import new_id
from shared.messaging.pulses import knows_everything
from shared.security.audit import record_audit
from shared.security.principal import Principal
from shared.security.vault import Vault

OVER = ("closed", "withdrawn", "repeated")


def new_order(report: Row, station: UUID, sent_by: UUID | None, reason: bytes | None = None) -> dict[str, Any]:
    """An order of a report's next hop, which tells all that the report says; with a reason it is a person's."""
    return {
        "order_id": new_id(),
        "report_id": report["report_id"],
        "matter_id": report["matter_id"],
        "station": station,
        "sent_by": sent_by,
        "hop": report["hop"] + 1,
        "due": report["due"],
        "reason": reason,
        "follows": report["order_id"],
        "told_severity": report["severity"],
        "told_signs": list(report["signs"]),
        "told_categories": [report["category"]],
        "told_villages": [report["village"]],
    }


def update_of(order: Row, report_id: UUID, news: Sequence[str], event: str = UPDATE) -> Row:
    """What the station that has an order is told of a report."""
    of_order = {"delivery_id": new_id(), "station": order["station"], "order_id": order["order_id"]}
    return of_order | {"event": event, "report_id": report_id, "news": list(news)}


class Ordering:
    """Ordering anew what came back or goes no further."""

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.reports = Reports(unit.connection)
        self.orders = Orders(unit.connection)
        self.deliveries = Deliveries(unit.connection)
        self.known = Known(unit.connection)

    async def order(self, report_id: UUID, given: NewOrder, who: Principal, vault: Vault) -> UUID:
        """A person orders a report, with a reason, to any unit; an order that it has is withdrawn. The new one's id.

        The same again is the same order. 409 when it has another order by now, or is closed.
        """
        await self._require_unit(given.to)
        await self.reports.hold_matters([(await self._visible(report_id, who))["matter_id"]])
        has = (await self._visible(report_id, who))["order_id"]
        before = await self.orders.lock(has) if has else None
        if before and (before["station"], before["follows"]) == (given.to, given.replaces) and before["reason"]:
            return UUID(str(before["order_id"]))
        report = await self._visible(report_id, who, lock=True)
        if report["order_id"] != given.replaces or (before and before["followed_by"]):
            raise OrderMoved("该上报的派单已变动,请重新读取后再派", order_id=_text(report["order_id"]))
        if report["state"] in OVER:
            raise AlreadyClosed("该上报已办结或撤销,不能再派单")
        sender = await self._unit_of(who) or (before["sent_by"] if before else None)
        order_id = await self.anew(report, before, given.to, sender, vault.seal(given.reason))
        await record_audit(self.unit, who, "report.order", f"{report_id} to {given.to}")
        return order_id

    async def anew(
        self, report: Row, before: Row | None, to: UUID, sender: UUID | None, reason: bytes | None = None
    ) -> UUID:
        """An order in place of another, or the first; every report that the one before answered goes with it."""
        lead = await self.reports.get(before["report_id"]) if before else report
        assert lead is not None  # an order is one of a report
        order = new_order(lead, to, sender, reason)
        await self.orders.add([order], self.unit.now)
        if before:
            await self._withdraw(before, order["order_id"])
        following = Following(self.unit)
        await (following.hand_over(before, order) if before else following.join([lead], order, "ordered"))
        return UUID(str(order["order_id"]))

    async def _withdraw(self, order: Row, followed_by: UUID) -> None:
        """It moves no more; its station is told, unless it never had it or has sent it back."""
        await self.orders.set(order["order_id"], {"followed_by": followed_by, "moved_at": self.unit.now})
        undelivered = await self.deliveries.give_up(order["order_id"], "replaced")
        if not undelivered and order["state"] != "returned":
            await self.deliveries.add([update_of(order, order["report_id"], (), WITHDRAWN)], self.unit.now)

    async def _visible(self, report_id: UUID, who: Principal, *, lock: bool = False) -> Row:
        report = await self.reports.find(report_id, who, lock=lock)
        if report is None:
            raise ReportNotFound("请核对上报编号")
        return report

    async def _require_unit(self, org_id: UUID) -> None:
        if await self.known.organisation(org_id):
            return
        if not await knows_everything(self.unit.connection, OrganisationV1):
            raise NotKnownYet("该单位的资料尚未同步到本服务,请稍后原样重发", "organisation")
        raise UnitUnknown("没有这个单位,请核对 to")

    async def _unit_of(self, who: Principal) -> UUID | None:
        if who.officer_id is None:
            return None
        return (await self.known.units_of([who.officer_id])).get(who.officer_id)


def _text(id: UUID | None) -> str | None:
    return None if id is None else str(id)
